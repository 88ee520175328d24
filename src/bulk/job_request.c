#include "bulk/job_request.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/instant.h"

#define KIND       "job-request"
#define ID_SIZE    24
#define KEPT_MS    (30 * (int64_t)SECOND_MS) /* nobody obeys what was wanted long ago */
#define WORD_PAUSE "pause"

/* Ids are walked in the order of their bytes. */
static void write_id(uint64_t job, char id[ID_SIZE])
{
    snprintf(id, ID_SIZE, "%020" PRIu64, job);
}

int bulk_job_request_put(struct store *store, uint64_t job, enum bulk_job_request request,
                         int64_t now_unix_ms, struct error *error)
{
    const char *word = request == BULK_JOB_REQUEST_PAUSE ? WORD_PAUSE : "resume";
    char id[ID_SIZE], body[64];

    write_id(job, id);
    snprintf(body, sizeof(body), "%" PRId64 " %s", now_unix_ms + KEPT_MS, word);
    return store_note_put(store, KIND, id, slice_from_string(body), now_unix_ms + KEPT_MS, error);
}

int bulk_job_request_remove(struct store *store, uint64_t job, struct error *error)
{
    struct arena arena;
    struct slice body;
    char id[ID_SIZE];
    int code;

    write_id(job, id);
    arena_init(&arena);
    code = store_note_get(store, KIND, id, &arena, &body, NULL);
    arena_done(&arena);
    if (code == ERROR_NOT_FOUND)
        return 0;
    code = store_note_remove(store, KIND, id, error);
    return code == 0 ? 1 : code;
}

/* "until word" */
static enum bulk_job_request read_body(struct slice body, int64_t now_unix_ms)
{
    char text[64], *end;
    int64_t until;

    if (!slice_to_string(body, text, sizeof(text)))
        return BULK_JOB_REQUEST_NONE;
    until = strtoll(text, &end, 10);
    if (until < now_unix_ms || until > now_unix_ms + KEPT_MS * 2)
        return BULK_JOB_REQUEST_NONE;
    return slice_equal(slice_from_string(end), SLICE(" " WORD_PAUSE)) ? BULK_JOB_REQUEST_PAUSE
                                                                      : BULK_JOB_REQUEST_RESUME;
}

int bulk_job_request_next(struct store *store, uint64_t after, int64_t now_unix_ms,
                          uint64_t *ret_job, enum bulk_job_request *ret_request,
                          struct error *error)
{
    struct slice id, body;
    struct arena arena;
    char from[ID_SIZE], number[ID_SIZE];
    int code;

    arena_init(&arena);
    write_id(after, from);
    *ret_job = 0;
    while ((code = store_note_next(store, KIND, slice_from_string(from), &arena, &id, &body,
                                   error)) == 1) {
        *ret_request = read_body(body, now_unix_ms);
        if (!slice_to_string(id, number, sizeof(number)))
            break; /* not ours */
        snprintf(from, sizeof(from), "%s", number);
        if (*ret_request != BULK_JOB_REQUEST_NONE) {
            *ret_job = strtoull(number, NULL, 10);
            break;
        }
        code = store_note_remove(store, KIND, from, error);
        if (code != 0)
            break;
    }
    arena_done(&arena);
    return code < 0 ? code : 0;
}
