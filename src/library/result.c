#include "library/result.h"

#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/memory.h"
#include "verdict/result.h"

struct mailknock_result {
    struct arena arena; /* of the texts */
    const char *address;
    size_t address_len;
    const char *normalized, *suggestion; /* or NULL */
    const char *provider;                /* static, or NULL */
    struct verdict verdict;
    struct buffer json; /* NUL-terminated beyond its length */
};

static bool copy_texts(mailknock_result *result, const struct evidence *evidence)
{
    char wire[ADDRESS_WIRE_SIZE];

    result->address = arena_string(&result->arena, evidence->input);
    result->address_len = evidence->input.len;
    if (result->address == NULL)
        return false;
    if (evidence->address.diagnosis == ADDRESS_VALID) {
        size_t len = address_format_wire(&evidence->address, wire);

        result->normalized = arena_string(&result->arena, slice_from(wire, len));
        if (result->normalized == NULL)
            return false;
    }
    if (evidence->suggestion.len > 0) {
        result->suggestion = arena_string(&result->arena, evidence->suggestion);
        if (result->suggestion == NULL)
            return false;
    }
    if (evidence->provider != NULL && evidence->provider != provider_generic())
        result->provider = evidence->provider->name;
    return true;
}

static bool write_json(mailknock_result *result, const struct evidence *evidence,
                       bool with_evidence)
{
    const struct result_options options = {.with_evidence = with_evidence};
    struct json json;

    json_init(&json, &result->json);
    result_write_json(&json, evidence, &result->verdict, &options);
    if (!buffer_append_byte(&result->json, '\0') || result->json.failed)
        return false;
    result->json.len--;
    return true;
}

mailknock_result *library_result_new(const struct evidence *evidence, const struct verdict *verdict,
                                     bool with_evidence)
{
    mailknock_result *result = memory_zalloc(1, sizeof(*result));

    if (result == NULL)
        return NULL;
    arena_init(&result->arena);
    buffer_init(&result->json, 0);
    result->verdict = *verdict;
    if (!copy_texts(result, evidence) || !write_json(result, evidence, with_evidence)) {
        mailknock_result_free(result);
        return NULL;
    }
    return result;
}

void mailknock_result_free(mailknock_result *result)
{
    if (result == NULL)
        return;
    buffer_done(&result->json);
    arena_done(&result->arena);
    memory_free(result);
}

const char *mailknock_result_address(const mailknock_result *result, size_t *ret_len)
{
    if (ret_len != NULL)
        *ret_len = result->address_len;
    return result->address;
}

const char *mailknock_result_normalized(const mailknock_result *result)
{
    return result->normalized;
}

enum mailknock_status mailknock_result_status(const mailknock_result *result)
{
    return (enum mailknock_status)result->verdict.status;
}

const char *mailknock_result_reason(const mailknock_result *result)
{
    return verdict_reason_name(result->verdict.reason);
}

int mailknock_result_score(const mailknock_result *result)
{
    return result->verdict.score;
}

enum mailknock_action mailknock_result_action(const mailknock_result *result)
{
    return (enum mailknock_action)result->verdict.action;
}

const char *mailknock_result_flag(const mailknock_result *result, size_t index)
{
    for (unsigned i = 0; i < VERDICT_FLAG_COUNT; i++)
        if ((result->verdict.flags & (UINT32_C(1) << i)) != 0 && index-- == 0)
            return verdict_flag_name((enum verdict_flag_index)i);
    return NULL;
}

bool mailknock_result_has_flag(const mailknock_result *result, const char *flag)
{
    const char *name;

    for (size_t i = 0; (name = mailknock_result_flag(result, i)) != NULL; i++)
        if (strcmp(name, flag) == 0)
            return true;
    return false;
}

const char *mailknock_result_explanation(const mailknock_result *result)
{
    return result->verdict.explanation;
}

const char *mailknock_result_suggestion(const mailknock_result *result)
{
    return result->suggestion;
}

const char *mailknock_result_provider(const mailknock_result *result)
{
    return result->provider;
}

uint32_t mailknock_result_retry_after(const mailknock_result *result)
{
    return result->verdict.retry_after_s;
}

const char *mailknock_result_json(const mailknock_result *result, size_t *ret_len)
{
    if (ret_len != NULL)
        *ret_len = result->json.len;
    return result->json.ptr;
}
