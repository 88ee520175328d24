#include "store/place.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/memory.h"

#define ROOM_LEAST 256

static uint64_t read_six(const char *bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < 6; i++)
        value |= (uint64_t)(unsigned char)bytes[i] << (8 * i);
    return value;
}

static void write_six(char *bytes, uint64_t value)
{
    for (unsigned i = 0; i < 6; i++)
        bytes[i] = (char)(value >> (8 * i));
}

uint64_t place_read(const char *chunk, size_t index)
{
    return read_six(chunk + index * PLACE_BYTES);
}

void place_write(char *chunk, size_t index, uint64_t at)
{
    write_six(chunk + index * PLACE_BYTES, at);
}

void place_log_append(struct buffer *log, const struct place *place)
{
    char bytes[PLACE_LOG_BYTES];

    write_six(bytes, place->row);
    write_six(bytes + 6, place->at);
    buffer_append(log, bytes, sizeof(bytes));
}

size_t place_log_count(struct slice log)
{
    return log.len % PLACE_LOG_BYTES == 0 ? log.len / PLACE_LOG_BYTES : SIZE_MAX;
}

struct place place_log_read(struct slice log, size_t index)
{
    const char *bytes = log.ptr + index * PLACE_LOG_BYTES;

    return (struct place){.row = read_six(bytes), .at = read_six(bytes + 6)};
}

void place_list_done(struct place_list *list)
{
    memory_free(list->places);
    *list = (struct place_list){0};
}

static size_t find_from(const struct place_list *list, size_t low, uint64_t row)
{
    size_t high = list->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (list->places[middle].row < row)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t place_list_find(const struct place_list *list, uint64_t row)
{
    return find_from(list, 0, row);
}

/* Those whose rows are in the list take their places there: how many are new. */
static size_t replace(struct place_list *list, const struct place *more, size_t count)
{
    size_t at = 0, added = 0;

    for (size_t i = 0; i < count; i++) {
        at = find_from(list, at, more[i].row);
        if (at < list->count && list->places[at].row == more[i].row)
            list->places[at].at = more[i].at;
        else
            added++;
    }
    return added;
}

int place_list_merge(struct place_list *list, const struct place *more, size_t count)
{
    size_t from = list->count, to, added;

    if (list->room - list->count < count) {
        size_t room = list->room * 2 > ROOM_LEAST ? list->room * 2 : ROOM_LEAST;
        struct place *places;

        room = room - list->count < count ? list->count + count : room;
        places = memory_resize(list->places, room, sizeof(*places));
        if (places == NULL)
            return ERROR_NOMEM;
        list->places = places;
        list->room = room;
    }
    added = replace(list, more, count);
    to = list->count + added;
    /* From the end, so that each moves once. */
    while (added > 0) {
        const struct place *last = &more[--count];

        while (from > 0 && list->places[from - 1].row > last->row)
            list->places[--to] = list->places[--from];
        if (from > 0 && list->places[from - 1].row == last->row)
            continue;
        list->places[--to] = *last;
        list->count++;
        added--;
    }
    return 0;
}

void place_list_remove(struct place_list *list, size_t first, size_t end)
{
    CHECK(first <= end && end <= list->count);
    memmove(list->places + first, list->places + end, (list->count - end) * sizeof(*list->places));
    list->count -= end - first;
}
