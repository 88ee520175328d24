/* Tests of the normaliser, of replies within replies and of named delays. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/check.h"
#include "provider/nested.h"
#include "provider/reply_delay.h"
#include "provider/wording.h"

static void texts_become_words(void **state)
{
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"", " "},
        {"User unknown", " user unknown \n "},
        {"  USER,UNKNOWN!", " user unknown \n "},
        {"<user@example.com>: Recipient address rejected: User unknown",
         " @addr recipient address rejected user unknown \n "},
        {"<user@example.com>... User unknown", " @addr \n user unknown \n "},
        {"user@example.com...User unknown", " @addr \n user unknown \n "},
        {"<full>: no such user", " @addr no such user \n "},
        {"\"mailbox full\"@example.org unknown", " @addr unknown \n "},
        {"rcpt:user@example.com unknown", " rcpt @addr unknown \n "},
        {"<> refused", " @null refused \n "},
        {"Client host [192.0.2.1] blocked", " client host @ip blocked \n "},
        {"IP=192.0.2.1:25 and 2001:db8::1 and [IPv6:2001:db8::1]",
         " ip @ip 25 and @ip and @ip \n "},
        {"listed at zen.spamhaus.org.", " listed at @host ~zen ~spamhaus ~org \n "},
        {"see http://mail.i.ua/err/2/", " see @url ~http ~mail ~i ~ua ~err ~2 \n "},
        {"rejected.Please ask", " rejected \n please ask \n "},
        {"Mailbox full. Please try later", " mailbox full \n please try later \n "},
        {"one | Two", " one \n two \n "},
        {"at a rate that | prevents", " at a rate that prevents \n "},
        {"doesn't l'utente n\xe2\x80\x99"
         "existe",
         " doesnt l utente n existe \n "},
        {"E-mail and e-mails", " email and emails \n "},
        {"d\xc3\xa9sactiv\xc3\xa9"
         "e Stra\xc3\x9f"
         "e",
         " desactivee strasse \n "},
        {"d\xe9sactiv\xe9"
         "e",
         " desactivee \n "}, /* Latin-1 */
        {"\xd0\x9f\xd0\x9e\xd0\x9b\xd0\xac", " \xd0\xbf\xd0\xbe\xd0\xbb\xd1\x8c \n "},
        {"\xcf\xcf\xcf unknown", " unknown \n "}, /* KOI8-R: not understood, not in the way */
        {"\xe7\x94\xa8\xe6\x88\xb7", " \xe7\x94\xa8\xe6\x88\xb7 \n "},
        {"(#5.1.1 - chkuser)", " chkuser \n "},
        {"id 1MNcgj-1ue23t3pyV-00S2YR full", " id @id full \n "},
        {"dell'utente, user's, do'nt", " dell utente users dont \n "},
        {"请使用STARTTLS", " 请使用 starttls \n "},
        {"ЧЁРНЫЙ", " черный \n "},
        {"LPN007_416 IB607 [TSS04]", " lpn007 416 ib607 tss04 \n "},
        {"RESOLVER.ADR.RecipNotFound; not found",
         " @host ~resolver ~adr ~recipnotfound \n not found \n "},
        {"@ ~full @addr", " full @host \n "},
        {"User unknown, server=mx.example.com, client=192.0.2.1",
         " user unknown \n server @host ~mx ~example ~com \n client @ip \n "},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wording wording;

        wording_from_text(slice_from_string(rows[i].text), &wording);
        if (wording.len != strlen(rows[i].words) ||
            memcmp(wording.bytes, rows[i].words, wording.len) != 0)
            fail_msg("'%s' became '%.*s', not '%s'", rows[i].text, (int)wording.len, wording.bytes,
                     rows[i].words);
    }
}

static void codes_within_the_text_are_found(void **state)
{
    struct wording wording;

    wording_from_text(SLICE("sorry (#5.1.1 - chkuser), not 192.0.2.1 or 1.2.3"), &wording);
    assert_int_equal(wording.enhanced.status_class, 5);
    assert_int_equal(wording.enhanced.subject, 1);
    assert_int_equal(wording.enhanced.detail, 1);
    wording_from_text(SLICE("192.0.2.1 1.2.3 5.1 5.1.1.1"), &wording);
    assert_int_equal(wording.enhanced.status_class, 0);
}

static void long_and_odd_texts_fit(void **state)
{
    static const char *const units[] = {
        "a ",      "<a@b> ", "a.b.c.d ", "=",      "a=",  "\xe7\x94\xa8", "\xc3\x9f",
        "please ", "; ",     "|",        "\"",     "<",   "...",          "http://a/",
        "@",       "\xff",   "e-mail ",  "5.1.1 ", "a:b:"};
    long page = sysconf(_SC_PAGESIZE);
    size_t room = (size_t)page * 4;
    char *bytes =
        mmap(NULL, room + (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(bytes != MAP_FAILED);
    assert_int_equal(mprotect(bytes + room, (size_t)page, PROT_NONE), 0);
    for (size_t unit = 0; unit < ARRAY_LEN(units); unit++) {
        size_t unit_len = strlen(units[unit]);

        for (size_t len = 1; len <= SMTP_REPLY_TEXT_MAX; len = len * 2 + 1) {
            char *text = bytes + room - len; /* ends where reading on would crash */
            struct wording wording;

            for (size_t i = 0; i < len; i++)
                text[i] = units[unit][i % unit_len];
            wording_from_text((struct slice){text, len}, &wording);
            assert_true(wording.len > 0 && wording.len <= WORDING_MAX);
        }
    }
    munmap(bytes, room + (size_t)page);
}

static void quoted_replies_are_peeled(void **state)
{
    static const struct {
        const char *text, *inner;
        unsigned code;
        enum smtp_stage stage;
    } rows[] = {
        {"<u@example.com>: Recipient address rejected: undeliverable address: host mx[192.0.2.1] "
         "said: 550 5.1.1 <u@example.com>: User unknown (in reply to RCPT TO command)",
         "<u@example.com>: User unknown (", 550, SMTP_STAGE_RCPT},
        {"host a said: 450 4.1.1 host b said: 550 Blocked (in reply to MAIL FROM command)",
         "Blocked (", 550, SMTP_STAGE_MAIL},
        {"host a[192.0.2.1] said: nothing (in reply to EHLO command)", "nothing (", 450,
         SMTP_STAGE_HELO},
        {"Depot returns error: <552 5.2.2 Over quota>", "Over quota>", 552, SMTP_STAGE_RCPT},
        {"Sender address rejected: undeliverable address: host a said: 550 5.1.1 User unknown",
         NULL, 450, SMTP_STAGE_RCPT},
        {"Verification failed for <p@example.net> | Response: 550 5.1.1 User unknown | Sender "
         "verify failed",
         NULL, 450, SMTP_STAGE_RCPT},
        {"He said nothing", NULL, 450, SMTP_STAGE_RCPT},
        {"", NULL, 450, SMTP_STAGE_RCPT},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct smtp_reply reply = {.code = 450, .text = slice_from_string(rows[i].text)};
        enum smtp_stage stage = SMTP_STAGE_RCPT;
        bool is_nested = nested_reply_peel(&reply, &stage);

        assert_int_equal(is_nested, rows[i].inner != NULL);
        assert_int_equal(reply.code, rows[i].code);
        assert_int_equal(stage, rows[i].stage);
        if (is_nested)
            assert_true(slice_equal(reply.text, slice_from_string(rows[i].inner)));
    }
}

static void named_delays_are_read(void **state)
{
    static const struct {
        const char *text;
        uint32_t seconds;
    } rows[] = {
        {"Greylisted, try again in 300 seconds", 300},
        {"Greylisted for 5 minutes", 300},
        {"come back in 00:05:00", 300},
        {"retry in 04:59", 299},
        {"wait at least 2 hours", 7200},
        {"try again in 10min or after 1h", 3600},
        {"in 5 apples", 0},
        {"for 192.0.2.1", 0},
        {"blocked for 99999999999999999999 seconds", 0},
        {"300 seconds", 0},
        {"in", 0},
        {"in ", 0},
        {"", 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint32_t seconds = reply_delay_named(slice_from_string(rows[i].text));

        if (seconds != rows[i].seconds)
            fail_msg("'%s': %u, not %u", rows[i].text, seconds, rows[i].seconds);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_become_words),     cmocka_unit_test(codes_within_the_text_are_found),
        cmocka_unit_test(long_and_odd_texts_fit), cmocka_unit_test(quoted_replies_are_peeled),
        cmocka_unit_test(named_delays_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
