#include "probe/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/instant.h"
#include "base/memory.h"
#include "base/table.h"

#define MAGIC     "mkopen3"
#define BOOT_SIZE 40
#define BOOT_FILE "/proc/sys/kernel/random/boot_id"
#define HASH_SEED 0 /* the same in every process */
#define SLOTS_MIN 2
#define SLOTS_MAX (1U << 20)
#define REST_MAX  (12 * HOUR_MS) /* none of ours is as long */

/* As in the file, in the machine's own order of bytes. */
struct head {
    char magic[8];
    char boot[BOOT_SIZE];
    uint64_t held_until_ms; /* every site is used up until then */
    uint64_t slots;
};

struct slot {
    uint64_t site; /* hash of its key */
    uint64_t at_ms;
};

struct rest {
    uint64_t site;
    uint64_t until_ms;
    uint64_t span_ms; /* how long it is */
};

struct probe_ledger {
    int fd;
    struct head head;
    struct rest rests[PROBE_LEDGER_RESTS]; /* as in the file, behind the slots */
    uint64_t rest_until_ms;                /* none of them counts any more */
    bool rests_unwritten;
    struct slot *slots;      /* as in the file */
    size_t next;             /* slot to be written */
    struct slot before;      /* what stood in the one that was written last ... */
    uint64_t held_before_ms; /* ... and in the head */
    struct slot *past;       /* what was found, by site and time; NULL: nothing that still counts */
    size_t past_count;
    uint64_t past_until_ms;      /* it counts no more */
    uint64_t past_held_until_ms; /* as the head said when it was found */
};

static uint64_t hash_of(const char *site)
{
    return hash_bytes(site, strlen(site), HASH_SEED);
}

/* For as long as it was we remember that a site rested. */
static uint64_t forgotten_ms(const struct rest *rest)
{
    return rest->until_ms + rest->span_ms;
}

/* --- the file -------------------------------------------------------------------------------- */

static int write_at(const struct probe_ledger *ledger, const void *bytes, size_t len, size_t at)
{
    const char *from = bytes;

    while (len > 0) {
        ssize_t wrote = pwrite(ledger->fd, from, len, (off_t)at);

        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return ERROR_IO;
        from += wrote;
        at += (size_t)wrote;
        len -= (size_t)wrote;
    }
    return 0;
}

static bool read_at(const struct probe_ledger *ledger, void *bytes, size_t len, size_t at)
{
    char *into = bytes;

    while (len > 0) {
        ssize_t got = pread(ledger->fd, into, len, (off_t)at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        into += got;
        at += (size_t)got;
        len -= (size_t)got;
    }
    return true;
}

static int write_head(const struct probe_ledger *ledger)
{
    return write_at(ledger, &ledger->head, sizeof(ledger->head), 0);
}

static int write_slot(const struct probe_ledger *ledger, size_t i, const struct slot *slot)
{
    return write_at(ledger, slot, sizeof(*slot), sizeof(ledger->head) + i * sizeof(*slot));
}

static size_t rests_at(const struct probe_ledger *ledger)
{
    return sizeof(ledger->head) + ledger->head.slots * sizeof(*ledger->slots);
}

static int write_rests(const struct probe_ledger *ledger)
{
    return write_at(ledger, ledger->rests, sizeof(ledger->rests), rests_at(ledger));
}

/* Empty. The head comes last: without it, what is there cannot be read and holds everything. */
static int make(struct probe_ledger *ledger, size_t slots, uint64_t held_until_ms)
{
    memory_free(ledger->slots);
    ledger->slots = memory_zalloc(slots, sizeof(*ledger->slots));
    if (ledger->slots == NULL)
        return ERROR_NOMEM;
    ledger->head.slots = slots;
    ledger->head.held_until_ms = held_until_ms;
    memset(ledger->rests, 0, sizeof(ledger->rests));
    memcpy(ledger->head.magic, MAGIC, sizeof(ledger->head.magic));
    if (write_at(ledger, ledger->slots, slots * sizeof(*ledger->slots), sizeof(ledger->head)) !=
            0 ||
        write_rests(ledger) != 0)
        return ERROR_IO;
    return write_head(ledger);
}

static void read_boot(const char *boot, char out[BOOT_SIZE])
{
    int fd;
    ssize_t got = 0;

    memset(out, 0, BOOT_SIZE);
    if (boot != NULL) {
        (void)snprintf(out, BOOT_SIZE, "%s", boot);
        return;
    }
    fd = open(BOOT_FILE, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        got = read(fd, out, BOOT_SIZE - 1);
    if (fd >= 0)
        close(fd);
    if (got < 0)
        out[0] = '\0';
}

/* --- the past -------------------------------------------------------------------------------- */

static int compare_slots(const void *left, const void *right)
{
    const struct slot *a = left, *b = right;

    if (a->site != b->site)
        return a->site < b->site ? -1 : 1;
    return a->at_ms < b->at_ms ? -1 : a->at_ms > b->at_ms;
}

/* Times never fall along the ring but behind the one that was written last. */
static size_t find_next(const struct probe_ledger *ledger)
{
    size_t count = ledger->head.slots;

    for (size_t i = 0; i + 1 < count; i++)
        if (ledger->slots[i].at_ms > ledger->slots[i + 1].at_ms)
            return i + 1;
    return 0;
}

static int keep_past(struct probe_ledger *ledger, uint64_t now_ms)
{
    size_t count = 0;

    ledger->past = memory_alloc(ledger->head.slots * sizeof(*ledger->past));
    if (ledger->past == NULL)
        return ERROR_NOMEM;
    for (size_t i = 0; i < ledger->head.slots; i++) {
        const struct slot *slot = &ledger->slots[i];

        if (slot->at_ms > 0 && slot->at_ms + PROBE_LIMITS_WINDOW_MS > now_ms)
            ledger->past[count++] = *slot;
    }
    qsort(ledger->past, count, sizeof(*ledger->past), compare_slots);
    ledger->past_count = count;
    ledger->past_until_ms = now_ms + PROBE_LIMITS_WINDOW_MS;
    ledger->next = find_next(ledger);
    return 0;
}

/* Nothing was written in the future, nor does anything hold for longer than its minute. */
static bool is_past(const struct probe_ledger *ledger, uint64_t now_ms)
{
    if (ledger->head.held_until_ms > now_ms + PROBE_LIMITS_WINDOW_MS)
        return false;
    for (size_t i = 0; i < ledger->head.slots; i++)
        if (ledger->slots[i].at_ms > now_ms)
            return false;
    for (size_t i = 0; i < PROBE_LEDGER_RESTS; i++)
        if (ledger->rests[i].until_ms > now_ms + REST_MAX || ledger->rests[i].span_ms > REST_MAX)
            return false;
    return true;
}

/*
 * 1: it was read; 0: it is no ledger, not a whole one, or of an unknown start of the machine; 2: it
 * was before the machine's start.
 */
static int read_all(struct probe_ledger *ledger, uint64_t now_ms)
{
    struct head head;

    if (!read_at(ledger, &head, sizeof(head), 0) || memcmp(head.magic, MAGIC, sizeof(MAGIC)) != 0 ||
        head.slots < SLOTS_MIN || head.slots > SLOTS_MAX || head.boot[0] == '\0' ||
        ledger->head.boot[0] == '\0')
        return 0;
    if (memcmp(head.boot, ledger->head.boot, BOOT_SIZE) != 0)
        return 2;
    ledger->slots = memory_zalloc(head.slots, sizeof(*ledger->slots));
    if (ledger->slots == NULL)
        return ERROR_NOMEM;
    ledger->head = head;
    return read_at(ledger, ledger->slots, head.slots * sizeof(*ledger->slots), sizeof(head)) &&
           read_at(ledger, ledger->rests, sizeof(ledger->rests), rests_at(ledger)) &&
           is_past(ledger, now_ms);
}

static int load(struct probe_ledger *ledger, size_t slots, uint64_t now_ms)
{
    struct stat about = {0};
    int code;

    if (fstat(ledger->fd, &about) != 0)
        return ERROR_IO;
    if (about.st_size == 0) {
        code = make(ledger, slots, 0);
        /* Half of a new one would be one that can't be read, and hold everything for a minute. */
        if (code != 0 && ftruncate(ledger->fd, 0) != 0)
            return ERROR_IO;
        return code;
    }
    code = read_all(ledger, now_ms);
    if (code == 0)
        return make(ledger, slots, now_ms + PROBE_LIMITS_WINDOW_MS);
    if (code == 2) /* the clock began with the machine */
        return make(ledger, slots, PROBE_LIMITS_WINDOW_MS);
    return code == 1 ? keep_past(ledger, now_ms) : code;
}

/* --- from outside ---------------------------------------------------------------------------- */

int probe_ledger_open(const char *path, size_t slots, const char *boot, uint64_t now_ms,
                      struct probe_ledger **ret_ledger, struct error *error)
{
    struct probe_ledger *ledger = memory_zalloc(1, sizeof(*ledger));
    int code;

    if (ledger == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    ledger->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (ledger->fd < 0) {
        code = error_set(error, ERROR_IO,
                         "cannot open %s, which keeps when sites were asked: %s; let this user "
                         "write there",
                         path, strerror(errno));
    } else {
        read_boot(boot, ledger->head.boot);
        code = load(ledger, slots == 0 ? PROBE_LEDGER_SLOTS : slots, now_ms);
        if (code == ERROR_NOMEM)
            error_set(error, code, "out of memory");
        else if (code != 0)
            error_set(error, code, "cannot write %s, which keeps when sites were asked: %s%s", path,
                      strerror(errno),
                      errno == ENOSPC || errno == EDQUOT ? "; make room, nothing is lost" : "");
    }
    if (code != 0) {
        probe_ledger_close(ledger);
        return code;
    }
    ledger->past_held_until_ms = ledger->head.held_until_ms;
    for (size_t i = 0; i < PROBE_LEDGER_RESTS; i++)
        if (forgotten_ms(&ledger->rests[i]) > ledger->rest_until_ms)
            ledger->rest_until_ms = forgotten_ms(&ledger->rests[i]);
    *ret_ledger = ledger;
    return 0;
}

void probe_ledger_close(struct probe_ledger *ledger)
{
    if (ledger == NULL)
        return;
    if (ledger->fd >= 0)
        close(ledger->fd);
    memory_free(ledger->slots);
    memory_free(ledger->past);
    memory_free(ledger);
}

int probe_ledger_note(struct probe_ledger *ledger, const char *site, uint64_t now_ms)
{
    const struct slot opened = {hash_of(site), now_ms > 0 ? now_ms : 1};
    struct slot *slot = &ledger->slots[ledger->next];
    uint64_t counts_until_ms = slot->at_ms + PROBE_LIMITS_WINDOW_MS;
    uint64_t held_before_ms = ledger->head.held_until_ms;

    if (ledger->rests_unwritten && write_rests(ledger) != 0)
        return ERROR_IO;
    ledger->rests_unwritten = false;
    /* The ring is too small: what is overwritten is remembered as if it were of every site. */
    if (slot->at_ms > 0 && counts_until_ms > now_ms && counts_until_ms > held_before_ms) {
        ledger->head.held_until_ms = counts_until_ms;
        if (write_head(ledger) != 0) {
            ledger->head.held_until_ms = held_before_ms; /* the next note has to say it */
            return ERROR_IO;
        }
    }
    if (write_slot(ledger, ledger->next, &opened) != 0)
        return ERROR_IO;
    ledger->before = *slot;
    ledger->held_before_ms = held_before_ms;
    *slot = opened;
    ledger->next = (ledger->next + 1) % ledger->head.slots;
    return 0;
}

/* What cannot be written stays noted, and counts for its minute. */
void probe_ledger_take_back(struct probe_ledger *ledger)
{
    size_t last = (ledger->next + ledger->head.slots - 1) % ledger->head.slots;
    uint64_t held_ms = ledger->head.held_until_ms;

    if (write_slot(ledger, last, &ledger->before) != 0)
        return;
    ledger->slots[last] = ledger->before;
    ledger->next = last;
    if (held_ms == ledger->held_before_ms)
        return;
    ledger->head.held_until_ms = ledger->held_before_ms;
    if (write_head(ledger) != 0)
        ledger->head.held_until_ms = held_ms;
}

static size_t first_of(const struct probe_ledger *ledger, uint64_t site)
{
    size_t low = 0, high = ledger->past_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (ledger->past[middle].site < site)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void probe_ledger_recall(struct probe_ledger *ledger, const char *site, uint64_t now_ms,
                         struct probe_limits *limits)
{
    uint64_t hash = hash_of(site);

    if (now_ms < ledger->past_held_until_ms)
        for (unsigned i = 0; i < limits->ceiling.connections_per_minute; i++)
            probe_limits_recall(limits, ledger->past_held_until_ms - PROBE_LIMITS_WINDOW_MS);
    if (now_ms >= ledger->past_until_ms) {
        memory_free(ledger->past);
        ledger->past = NULL;
        ledger->past_count = 0;
    }
    for (size_t i = first_of(ledger, hash); i < ledger->past_count && ledger->past[i].site == hash;
         i++)
        probe_limits_recall(limits,
                            ledger->past[i].at_ms < now_ms ? ledger->past[i].at_ms : now_ms);
}

/* --- rests ----------------------------------------------------------------------------------- */

/* The site's own; or that of all which is forgotten first. */
static struct rest *rest_for(struct probe_ledger *ledger, uint64_t site)
{
    struct rest *least = &ledger->rests[0];

    for (size_t i = 0; i < PROBE_LEDGER_RESTS; i++) {
        struct rest *rest = &ledger->rests[i];

        if (rest->site == site)
            return rest;
        if (forgotten_ms(rest) < forgotten_ms(least))
            least = rest;
    }
    return least;
}

void probe_ledger_rest(struct probe_ledger *ledger, const char *site,
                       const struct probe_breaker *breaker, uint64_t now_ms)
{
    struct rest now = {hash_of(site), breaker->until_ms, breaker->span_ms};
    struct rest *rest = rest_for(ledger, now.site);
    bool is_own = rest->site == now.site;

    if (breaker->until_ms == 0)
        now = (struct rest){0};
    if (is_own ? now.until_ms == rest->until_ms && now.span_ms == rest->span_ms
               : forgotten_ms(&now) <= now_ms || forgotten_ms(&now) <= forgotten_ms(rest))
        return;
    *rest = now;
    if (forgotten_ms(rest) > ledger->rest_until_ms)
        ledger->rest_until_ms = forgotten_ms(rest);
    if (write_at(ledger, rest, sizeof(*rest),
                 rests_at(ledger) + (size_t)(rest - ledger->rests) * sizeof(*rest)) != 0)
        ledger->rests_unwritten = true;
}

void probe_ledger_recall_rest(const struct probe_ledger *ledger, const char *site, uint64_t now_ms,
                              struct probe_breaker *breaker)
{
    uint64_t hash = hash_of(site);

    for (size_t i = 0; i < PROBE_LEDGER_RESTS && now_ms < ledger->rest_until_ms; i++) {
        const struct rest *rest = &ledger->rests[i];

        if (rest->site == hash && forgotten_ms(rest) > now_ms)
            probe_breaker_recall(breaker, rest->until_ms, (uint32_t)rest->span_ms);
    }
}
