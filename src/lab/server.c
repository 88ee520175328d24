/* Listening, and what a server says in a situation. */
#include "lab/server.h"

#include "base/memory.h"
#include "lab/preset.h"
#include "lab/sim_loop.h"
#include "lab/visit.h"
#include "lab/world_internal.h"

struct slice lab_server_text(const struct lab_server *server, enum lab_text text)
{
    if (server->texts[text].ptr != NULL)
        return server->texts[text];
    if (server->preset != NULL && server->preset->texts[text] != NULL)
        return slice_from_string(server->preset->texts[text]);
    return slice_from_string(lab_text_default(text));
}

static void on_accepted(void *user, struct io_stream *stream)
{
    lab_visit_open(user, stream);
}

static enum lab_special special_of(const struct lab_server *model)
{
    for (const struct lab_behaviour *b = model->behaviours; b != NULL; b = b->next)
        if (b->kind->special != LAB_SPECIAL_NONE)
            return b->kind->special;
    return LAB_SPECIAL_NONE;
}

static int server_listen(struct lab_server_run *server, uint16_t port, struct error *error)
{
    const struct lab_server *model = server->model;
    struct io_loop *loop = server->world->loop;
    enum lab_special special = special_of(model);

    for (size_t i = 0; i < model->ip_count; i++) {
        struct io_endpoint at = {.ip = model->ips[i], .port = port};
        int code = 0;

        if (special == LAB_SPECIAL_BLACKHOLE && lab_sim_loop_is(loop))
            code = lab_sim_loop_set_fate(loop, &at.ip, LAB_SIM_BLACKHOLE);
        else if (special == LAB_SPECIAL_UNREACHABLE && lab_sim_loop_is(loop))
            code = lab_sim_loop_set_fate(loop, &at.ip, LAB_SIM_UNREACHABLE);
        if (code < 0)
            return error_set(error, code, "no memory for the lab");
        if (special == LAB_SPECIAL_DOWN || special == LAB_SPECIAL_UNREACHABLE)
            continue;
        code = io_listen(loop, &at, on_accepted, server, &server->listeners[server->listener_count],
                         error);
        if (code == ERROR_IO && at.ip.family == 6) { /* this machine has no IPv6 */
            lab_world_log(server->world, "%s can't be served by IPv6", model->host_string);
            continue;
        }
        if (code < 0)
            return code;
        server->listener_count++;
    }
    return 0;
}

struct lab_server_run *lab_server_start(struct lab_world *world, const struct lab_server *model,
                                        uint16_t port, struct lab_site_run *site,
                                        struct error *error)
{
    struct lab_server_run *server = memory_zalloc(1, sizeof(*server));

    if (server == NULL)
        goto no_memory;
    server->world = world;
    server->model = model;
    server->site = site;
    table_init(&server->memory, 0);
    server->listeners = memory_zalloc(model->ip_count, sizeof(struct io_listener *));
    if (server->listeners == NULL)
        goto no_memory;
    if (server_listen(server, port, error) < 0) {
        lab_server_stop(server);
        return NULL;
    }
    return server;

no_memory:
    (void)error_set(error, ERROR_NOMEM, "no memory for the server %s", model->host_string);
    lab_server_stop(server);
    return NULL;
}

void lab_server_stop(struct lab_server_run *server)
{
    struct slice key;
    size_t cursor = 0;
    void *memory;

    if (server == NULL)
        return;
    while (server->visits != NULL) {
        struct lab_visit *visit = server->visits;

        lab_visit_close(visit);
        lab_visit_leave(visit);
    }
    for (size_t i = 0; server->listeners != NULL && i < server->listener_count; i++)
        io_listener_close(server->listeners[i]);
    memory_free(server->listeners);
    while (table_next(&server->memory, &cursor, &key, &memory))
        memory_free(memory);
    table_done(&server->memory);
    memory_free(server);
}
