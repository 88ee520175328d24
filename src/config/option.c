#include "config/option.h"

#include <inttypes.h>
#include <string.h>

#include "address/distance.h"
#include "base/check.h"
#include "base/instant.h"
#include "base/utf8.h"
#include "dns/blocklist.h"

#define SHOWN_MAX        60     /* octets of a value in a message */
#define TEXT_MAX         4096   /* octets of a value */
#define LIST_MAX         100000 /* values of one list */
#define NEAR_ENOUGH      21     /* tenths of a keystroke, address/distance.h */
#define PREFIX_LEN_LEAST 3

struct unit {
    const char *name;
    uint64_t factor;
};

/* Greatest last; the first that fits without remainder, from the end, is used for output. */
static const struct unit duration_units[] = {
    {"ms", 1}, {"s", SECOND_MS}, {"m", MINUTE_MS}, {"h", HOUR_MS}, {"d", DAY_MS},
};
static const struct unit size_units[] = {
    {"", 1},
    {"k", UINT64_C(1) << 10},
    {"M", UINT64_C(1) << 20},
    {"G", UINT64_C(1) << 30},
};

static void *place(const struct config_option *option, void *values)
{
    return (char *)values + option->offset;
}

static const void *place_const(const struct config_option *option, const void *values)
{
    return (const char *)values + option->offset;
}

/* --- finding --------------------------------------------------------------------------------- */

const struct config_option *config_find(const struct config_table *table, struct slice name)
{
    for (size_t i = 0; i < table->count; i++)
        if (slice_equal(slice_from_string(table->options[i].name), name))
            return &table->options[i];
    return NULL;
}

const struct config_option *config_find_letter(const struct config_table *table, char letter)
{
    for (size_t i = 0; letter != '\0' && i < table->count; i++)
        if (table->options[i].letter == letter)
            return &table->options[i];
    return NULL;
}

void config_nearer(struct slice typed, const char *candidate, const char **best, unsigned *distance)
{
    struct slice name = slice_from_string(candidate);
    char folded[DISTANCE_WORD_MAX];
    unsigned found;

    if (typed.len == 0 || typed.len > sizeof(folded))
        return;
    for (size_t i = 0; i < typed.len; i++)
        folded[i] = typed.ptr[i] == '_' ? '-' : ascii_lower(typed.ptr[i]);
    typed.ptr = folded;
    found = distance_of_typing(typed, name);
    /* Whoever cuts a name short has made no mistake in what he typed. */
    if (typed.len >= PREFIX_LEN_LEAST && slice_starts_with(name, typed) && found > 1)
        found = 1 + (unsigned)(name.len - typed.len) / 8;
    /* In short words a few mistakes make another word. */
    if (found > NEAR_ENOUGH || found > 4 * typed.len)
        return;
    if (*best == NULL || found < *distance) {
        *best = candidate;
        *distance = found;
    }
}

const char *config_environment_name(const struct config_option *option,
                                    char out[CONFIG_ENVIRONMENT_NAME_SIZE])
{
    static const char prefix[] = "MAILKNOCK_";
    size_t len = sizeof(prefix) - 1, name_len = strlen(option->name);

    CHECK(len + name_len < CONFIG_ENVIRONMENT_NAME_SIZE);
    memcpy(out, prefix, len);
    for (size_t i = 0; i < name_len; i++)
        out[len + i] = option->name[i] == '-' ? '_' : ascii_upper(option->name[i]);
    out[len + name_len] = '\0';
    return out;
}

/* --- what is allowed ------------------------------------------------------------------------- */

/* The value in its greatest unit that leaves no remainder. */
static void format_in_units(uint64_t value, const struct unit *units, size_t count,
                            struct buffer *out)
{
    size_t i = count - 1;

    if (value == 0) {
        buffer_append_byte(out, '0');
        return;
    }
    while (value % units[i].factor != 0)
        i--;
    buffer_printf(out, "%" PRIu64 "%s", value / units[i].factor, units[i].name);
}

static void format_quantity(const struct config_option *option, uint64_t value, struct buffer *out)
{
    if (option->type == CONFIG_DURATION)
        format_in_units(value, duration_units, ARRAY_LEN(duration_units), out);
    else if (option->type == CONFIG_SIZE)
        format_in_units(value, size_units, ARRAY_LEN(size_units), out);
    else
        buffer_printf(out, "%" PRIu64, value);
}

static void describe_choices(const struct config_option *option, struct buffer *out)
{
    struct slice rest = slice_from_string(option->choices), part;
    const char *before = "one of ";

    while (slice_split(&rest, '|', &part)) {
        buffer_append_string(out, before);
        buffer_append_slice(out, part);
        before = ", ";
    }
}

void config_describe_allowed(const struct config_option *option, struct buffer *out)
{
    static const char *const kinds[] = {
        [CONFIG_NUMBER] = "a whole number",
        [CONFIG_DURATION] = "a time such as 500ms, 30s, 5m, 2h or 7d",
        [CONFIG_SIZE] = "a size such as 64k, 10M or 2G",
    };

    switch (option->type) {
    case CONFIG_BOOL:
        buffer_append_string(out, "yes or no");
        break;
    case CONFIG_NUMBER:
    case CONFIG_DURATION:
    case CONFIG_SIZE:
        buffer_append_string(out, kinds[option->type]);
        if (option->min == 0 && option->max == 0)
            break;
        buffer_append_string(out, option->type == CONFIG_NUMBER ? " from " : ", from ");
        format_quantity(option, option->min, out);
        buffer_append_string(out, " to ");
        format_quantity(option, option->max, out);
        if (option->or_zero)
            buffer_append_string(out, ", or 0");
        break;
    case CONFIG_CHOICE:
        describe_choices(option, out);
        break;
    case CONFIG_TEXT:
    case CONFIG_LIST:
        buffer_append_string(out, option->value_name != NULL ? option->value_name : "text");
        break;
    }
}

/* A value in a message: its beginning, cut where a character ends. */
static struct slice shown(struct slice value)
{
    size_t at = 0;

    while (at < value.len && at < SHOWN_MAX) {
        uint32_t code;
        size_t size = utf8_decode(value.ptr + at, value.len - at, &code);

        if (size == 0)
            size = 1;
        if (at + size > SHOWN_MAX)
            break;
        at += size;
    }
    return slice_prefix(value, at);
}

static int refuse(const struct config_option *option, struct slice value, const char *where,
                  struct error *error)
{
    struct slice part = shown(value);
    struct buffer allowed;
    int code;

    buffer_init(&allowed, 0);
    config_describe_allowed(option, &allowed);
    code = error_set(error, ERROR_USAGE, "%s: '%.*s'%s is not allowed; give %.*s", where,
                     SLICE_ARG(part), part.len < value.len ? "..." : "",
                     SLICE_ARG(buffer_slice(&allowed)));
    buffer_done(&allowed);
    return code;
}

/* --- setting --------------------------------------------------------------------------------- */

static bool parse_bool(struct slice value, bool *ret_value)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (slice_equal_nocase(value, slice_from_string(words[i]))) {
            *ret_value = i % 2 == 1;
            return true;
        }
    }
    return false;
}

static bool unit_factor(enum config_type type, struct slice name, uint64_t *ret_factor)
{
    const struct unit *units = type == CONFIG_DURATION ? duration_units : size_units;
    size_t count = type == CONFIG_DURATION ? ARRAY_LEN(duration_units) : ARRAY_LEN(size_units);

    if (type == CONFIG_DURATION && name.len == 0) {
        *ret_factor = SECOND_MS;
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        struct slice unit = slice_from_string(units[i].name);

        /* "10m" bytes can only mean megabytes, "5M" of time only minutes. */
        if (slice_equal_nocase(name, unit)) {
            *ret_factor = units[i].factor;
            return true;
        }
    }
    return false;
}

static bool parse_quantity(const struct config_option *option, struct slice value,
                           uint64_t *ret_value)
{
    uint64_t number, factor = 1;
    size_t digits = 0;

    while (digits < value.len && ascii_is_digit(value.ptr[digits]))
        digits++;
    if (!slice_to_u64(slice_prefix(value, digits), UINT64_MAX, &number))
        return false;
    if (option->type == CONFIG_NUMBER) {
        if (digits != value.len)
            return false;
    } else if (!unit_factor(option->type, slice_trim(slice_from_offset(value, digits)), &factor)) {
        return false;
    }
    if (number > UINT64_MAX / factor)
        return false;
    number *= factor;
    if ((option->min != 0 || option->max != 0) && (number < option->min || number > option->max) &&
        !(option->or_zero && number == 0))
        return false;
    *ret_value = number;
    return true;
}

static bool parse_choice(const struct config_option *option, struct slice value,
                         unsigned *ret_index)
{
    struct slice rest = slice_from_string(option->choices), part;

    for (unsigned i = 0; slice_split(&rest, '|', &part); i++) {
        if (slice_equal_nocase(part, value)) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

static int list_add(struct config_list *list, const char *value, struct arena *arena)
{
    const char **values = (const char **)list->values;

    /* Full at every power of two. */
    if (list->count == 0 || (list->count & (list->count - 1)) == 0) {
        values = arena_array(arena, list->count == 0 ? 1 : list->count * 2, sizeof(*values));
        if (values == NULL)
            return ERROR_NOMEM;
        if (list->count > 0)
            memcpy(values, list->values, list->count * sizeof(*values));
        list->values = values;
    }
    values[list->count++] = value;
    return 0;
}

/* Characters that no text value has any use for; the rest of the program may rely on it. */
static const char *text_fault(struct slice value)
{
    if (value.len > TEXT_MAX)
        return "is too long";
    if (utf8_find_invalid(value) >= 0)
        return "is not UTF-8";
    for (size_t i = 0; i < value.len; i++)
        if ((unsigned char)value.ptr[i] < 0x20 || value.ptr[i] == 0x7f)
            return "holds a control character";
    return NULL;
}

struct slice config_url_password(struct slice text)
{
    ptrdiff_t scheme = slice_find(text, SLICE("://")), at, colon;
    struct slice login = slice_from_offset(text, scheme >= 0 ? (size_t)scheme + 3 : text.len);

    at = slice_rfind_byte(login, '@');
    login = slice_prefix(login, at > 0 ? (size_t)at : 0);
    colon = slice_find_byte(login, ':');
    return slice_from_offset(login, colon >= 0 ? (size_t)colon + 1 : login.len);
}

struct slice config_secret_part(const struct config_option *option, struct slice value)
{
    size_t key_len = option->has_key ? dns_blocklist_key_len(value) : 0;

    if (option->secret)
        return value;
    return key_len > 0 ? slice_prefix(value, key_len - 1) : config_url_password(value);
}

static int set_text(const struct config_option *option, struct slice value, const char *where,
                    void *values, struct arena *arena, struct error *error)
{
    const char *fault = text_fault(value);
    struct error detail = {0};
    char *copy;

    if (fault != NULL)
        return error_set(error, ERROR_USAGE, "%s: the value %s", where, fault);
    copy = arena_string(arena, value);
    if (copy == NULL)
        return error_set(error, ERROR_NOMEM, "%s: out of memory", where);
    if (option->check != NULL && option->check(copy, &detail) < 0)
        return config_secret_part(option, value).len > 0
                   ? error_set(error, ERROR_USAGE, "%s: the value %s", where, detail.message)
                   : error_set(error, ERROR_USAGE, "%s: '%.*s' %s", where, SLICE_ARG(shown(value)),
                               detail.message);
    if (option->type == CONFIG_TEXT) {
        *(const char **)place(option, values) = copy;
        return 0;
    }
    if (((struct config_list *)place(option, values))->count >= LIST_MAX)
        return error_set(error, ERROR_USAGE, "%s: more than %d values", where, LIST_MAX);
    if (list_add(place(option, values), copy, arena) < 0)
        return error_set(error, ERROR_NOMEM, "%s: out of memory", where);
    return 0;
}

int config_set(const struct config_option *option, struct slice value, const char *where,
               void *values, struct arena *arena, struct error *error)
{
    bool ok = false;

    switch (option->type) {
    case CONFIG_BOOL:
        ok = parse_bool(value, place(option, values));
        break;
    case CONFIG_NUMBER:
    case CONFIG_DURATION:
    case CONFIG_SIZE:
        ok = parse_quantity(option, value, place(option, values));
        break;
    case CONFIG_CHOICE:
        ok = parse_choice(option, value, place(option, values));
        break;
    case CONFIG_TEXT:
    case CONFIG_LIST:
        return set_text(option, value, where, values, arena, error);
    }
    return ok ? 0 : refuse(option, value, where, error);
}

void config_list_clear(const struct config_option *option, void *values)
{
    if (option->type == CONFIG_LIST)
        *(struct config_list *)place(option, values) = (struct config_list){0};
}

static void set_nothing(const struct config_option *option, void *values)
{
    switch (option->type) {
    case CONFIG_BOOL:
        *(bool *)place(option, values) = false;
        break;
    case CONFIG_NUMBER:
    case CONFIG_DURATION:
    case CONFIG_SIZE:
        *(uint64_t *)place(option, values) = 0;
        break;
    case CONFIG_CHOICE:
        *(unsigned *)place(option, values) = 0;
        break;
    case CONFIG_TEXT:
        *(const char **)place(option, values) = NULL;
        break;
    case CONFIG_LIST:
        config_list_clear(option, values);
        break;
    }
}

int config_set_defaults(const struct config_table *table, void *values, struct arena *arena)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct config_option *option = &table->options[i];
        int code;

        set_nothing(option, values);
        if (option->fallback == NULL)
            continue;
        code = config_set(option, slice_from_string(option->fallback), option->name, values, arena,
                          NULL);
        if (code == ERROR_NOMEM)
            return code;
        CHECK(code == 0); /* a default that its own row refuses */
    }
    return 0;
}

/* --- showing --------------------------------------------------------------------------------- */

/* A text as the file's reader takes it back: quoted where blanks, "#" or quotes would mislead. */
static void format_text(const char *text, struct buffer *out)
{
    bool plain = text[0] != '\0' && !ascii_is_space(text[0]) && text[0] != '"' &&
                 !ascii_is_space(text[strlen(text) - 1]) && strchr(text, '#') == NULL;

    if (plain) {
        buffer_append_string(out, text);
        return;
    }
    buffer_append_byte(out, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            buffer_append_byte(out, '\\');
        buffer_append_byte(out, *text);
    }
    buffer_append_byte(out, '"');
}

static void format_choice(const struct config_option *option, unsigned index, struct buffer *out)
{
    struct slice rest = slice_from_string(option->choices), part = SLICE_EMPTY;

    for (unsigned i = 0; i <= index; i++)
        CHECK(slice_split(&rest, '|', &part));
    buffer_append_slice(out, part);
}

bool config_format_value(const struct config_option *option, const void *values, size_t index,
                         struct buffer *out)
{
    const void *at = place_const(option, values);
    const struct config_list *list = at;
    const char *text = NULL;

    if (index > 0 && option->type != CONFIG_LIST)
        return false;
    switch (option->type) {
    case CONFIG_BOOL:
        buffer_append_string(out, *(const bool *)at ? "yes" : "no");
        return true;
    case CONFIG_NUMBER:
    case CONFIG_DURATION:
    case CONFIG_SIZE:
        format_quantity(option, *(const uint64_t *)at, out);
        return true;
    case CONFIG_CHOICE:
        format_choice(option, *(const unsigned *)at, out);
        return true;
    case CONFIG_TEXT:
        text = *(const char *const *)at;
        break;
    case CONFIG_LIST:
        text = index < list->count ? list->values[index] : NULL;
        break;
    }
    if (text == NULL)
        return false;
    if (config_secret_part(option, slice_from_string(text)).len > 0)
        buffer_append_string(out, "(secret)");
    else
        format_text(text, out);
    return true;
}
