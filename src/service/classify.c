/* POST /v1/classify: what replies mean. */
#include <string.h>

#include "provider/classify.h"
#include "service/internal.h"
#include "verdict/result.h"

#define REPLIES_MAX 1000

/* A field of one question; false: the problem was said. */
static bool read_field(struct service_call *call, const cJSON *object, const char *name,
                       const char **ret_text)
{
    *ret_text = NULL;
    return service_get_text(call, object, name, ret_text);
}

static bool read_question(struct service_call *call, const cJSON *object,
                          struct classify_input *input, char text[SMTP_REPLY_TEXT_MAX])
{
    const char *stage, *mx, *reply;
    const struct provider_profile *profile;

    if (!read_field(call, object, "stage", &stage) || !read_field(call, object, "mx", &mx) ||
        !read_field(call, object, "provider", &input->provider) ||
        !read_field(call, object, "reply", &reply))
        return false;
    input->stage = SMTP_STAGE_ANY;
    if (stage != NULL && !smtp_stage_from_name(slice_from_string(stage), &input->stage)) {
        service_problem(call, 422, "bad_stage",
                        "\"stage\" must be connect, helo, starttls, mail, rcpt or any");
        return false;
    }
    if (reply == NULL || !smtp_reply_from_line(slice_from_string(reply), text, &input->reply)) {
        service_problem(call, 422, "bad_reply",
                        "\"reply\" must begin with an SMTP reply code; join lines with \" | \"");
        return false;
    }
    if (mx != NULL && input->provider == NULL) {
        profile = provider_by_mx(slice_from_string(mx));
        input->provider = profile != NULL ? profile->name : NULL;
    }
    return true;
}

static bool write_answers(struct service_call *call, const cJSON *replies, struct json *json)
{
    static char text[SMTP_REPLY_TEXT_MAX];
    struct classification classified;
    struct classify_input input;
    const cJSON *question;

    cJSON_ArrayForEach(question, replies)
    {
        if (!read_question(call, question, &input, text))
            return false;
        classify_reply(&input, &classified);
        result_write_reply(json, &input.reply, &classified, input.stage);
    }
    return true;
}

void service_classify(struct service_call *call)
{
    cJSON *object = service_body(call, "replies");
    const cJSON *replies = cJSON_GetObjectItemCaseSensitive(object, "replies");
    struct buffer body;
    struct json json;

    if (object == NULL)
        return;
    buffer_init(&body, 0);
    json_init(&json, &body);
    json_object_begin(&json);
    json_name(&json, "items");
    json_array_begin(&json);
    if (!cJSON_IsArray(replies) || cJSON_GetArraySize(replies) > REPLIES_MAX) {
        service_problem(call, 422, "bad_replies",
                        "\"replies\" must be an array of at most %d objects with \"reply\"",
                        REPLIES_MAX);
    } else if (write_answers(call, replies, &json)) {
        json_array_end(&json);
        json_object_end(&json);
        service_answer(call, 200, &body);
    }
    buffer_done(&body);
    cJSON_Delete(object);
}
