/* A loop inside another program's loop. */
#include "io/uv_internal.h"

#define TURNS_MAX 64

int io_uv_loop_descriptor(struct io_loop *loop)
{
    return uv_backend_fd(&io_uv_world_of(loop)->uv);
}

int io_uv_loop_wait_ms(struct io_loop *loop)
{
    struct io_uv_world *world = io_uv_world_of(loop);

    if (world->restless)
        return 0;
    if (!uv_loop_alive(&world->uv))
        return -1;              /* libuv would say 0, so that its own loop ends */
    uv_update_time(&world->uv); /* libuv counts from the time that it has */
    return uv_backend_timeout(&world->uv);
}

/*
 * What a callback begins to watch comes into the kernel's set only with the next turn of libuv:
 * the descriptor is to be trusted after a turn that called nobody.
 */
void io_uv_loop_turn(struct io_loop *loop)
{
    struct io_uv_world *world = io_uv_world_of(loop);
    uint64_t before;
    unsigned turns = 0;

    do {
        before = world->wakes;
        uv_run(&world->uv, UV_RUN_NOWAIT);
        world->restless = world->wakes != before;
    } while (world->restless && ++turns < TURNS_MAX);
}

void io_uv_loop_update_time(struct io_loop *loop)
{
    uv_update_time(&io_uv_world_of(loop)->uv);
}
