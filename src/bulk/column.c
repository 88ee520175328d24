#include "bulk/column.h"

#include <stdlib.h>
#include <string.h>
#include <unicase.h>

#include "base/check.h"

#define NAME_MAX_BYTES 96 /* longer ones are sentences */

/* In lower case, letters and digits alone. */
static const char *const sure[] = {
    "email",
    "mail",
    "emailaddress",
    "mailaddress",
    "emailaddr",
    "emailid",
    "email1",
    "primaryemail",
    "workemail",
    "businessemail",
    "personalemail",
    "useremail",
    "contactemail",
    "customeremail",
    "subscriberemail",
    "emails",
    "inputemail",
    "toemail",
    /* German, Dutch, Scandinavian, Finnish, Icelandic */
    "emailadresse",
    "mailadresse",
    "emailadres",
    "mailadres",
    "epost",
    "epostadresse",
    "epostadress",
    "epostaddress",
    "emailadress",
    "mejl",
    "mejladress",
    "sähköposti",
    "sahkoposti",
    "sähköpostiosoite",
    "sahkopostiosoite",
    "netfang",
    "tölvupóstur",
    /* French, Spanish, Catalan, Portuguese, Italian, Romanian */
    "courriel",
    "adressecourriel",
    "adresseemail",
    "adressemail",
    "adresseelectronique",
    "adresseélectronique",
    "adressedemessagerie",
    "mél",
    "correo",
    "correoelectronico",
    "correoelectrónico",
    "correu",
    "correuelectrònic",
    "direcciondecorreo",
    "direccióndecorreo",
    "direcciondecorreoelectronico",
    "direccióndecorreoelectrónico",
    "enderecodeemail",
    "endereçodeemail",
    "correioeletronico",
    "correioeletrónico",
    "correioeletrônico",
    "indirizzoemail",
    "indirizzodiposta",
    "indirizzomail",
    "postaelettronica",
    "adresadeemail",
    "adresaemail",
    "poștăelectronică",
    /* Polish, Czech, Slovak, Hungarian, Baltic, Balkan, Turkish */
    "adresemail",
    "adresmail",
    "pocztaelektroniczna",
    "emailovaadresa",
    "emailováadresa",
    "emailcím",
    "emailcim",
    "drótposta",
    "elpastas",
    "elpaštas",
    "epasts",
    "epasta",
    "eposti",
    "epostiaadress",
    "epošta",
    "eposta",
    "epostaadresi",
    "epostanaslov",
    "elpošta",
    "имейл",
    /* Greek, Cyrillic, Hebrew, Arabic, Persian */
    "ηλεκτρονικόταχυδρομείο",
    "ηλταχυδρομείο",
    "почта",
    "электроннаяпочта",
    "элпочта",
    "эпочта",
    "адресэлектроннойпочты",
    "емейл",
    "имэйл",
    "емайл",
    "електроннапошта",
    "електронапошта",
    "епошта",
    "елпошта",
    "пошта",
    "דואראלקטרוני",
    "אימייל",
    "דואל",
    "البريدالإلكتروني",
    "البريدالالكتروني",
    "بريدإلكتروني",
    "ایمیل",
    "پستالکترونیکی",
    /* Chinese, Japanese, Korean, Thai, Hindi, Vietnamese, Indonesian */
    "邮箱",
    "邮件",
    "电子邮箱",
    "电子邮件",
    "邮箱地址",
    "电子邮件地址",
    "邮件地址",
    "郵箱",
    "信箱",
    "電郵",
    "電子郵件",
    "電子信箱",
    "電子郵件地址",
    "メール",
    "メールアドレス",
    "eメール",
    "電子メール",
    "메일",
    "이메일",
    "이메일주소",
    "전자우편",
    "อีเมล",
    "อีเมล์",
    "ईमेल",
    "thưđiệntử",
    "surel",
};

static const char *const weak[] = {
    "address",    "adresse", "adres",   "direccion", "dirección", "indirizzo",  "endereco",
    "endereço",   "contact", "kontakt", "mailbox",   "recipient", "recipients", "empfänger",
    "subscriber", "to",      "login",   "username",  "user",      "account",    "адрес",
};

/* What a longer name must hold to be likely, and what says that it is about something else. */
static const char *const parts[] = {
    "email", "epost", "courriel", "correo", "mailadr", "sähköposti",
    "почт",  "邮箱",  "邮件",     "郵件",   "メール",  "이메일",
};
static const char *const others[] = {
    "status", "result", "sent",   "date",    "time",     "optin",   "optout",     "count",
    "valid",  "verif",  "bounce", "subject", "template", "type",    "domain",     "provider",
    "body",   "text",   "hash",   "md5",     "sha",      "consent", "permission", "newsletter",
    "reason", "score",  "format", "client",  "opened",   "click",
};

static bool is_one_of(struct slice name, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slice_equal(name, slice_from_string(words[i])))
            return true;
    return false;
}

static bool has_one_of(struct slice name, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slice_find(name, slice_from_string(words[i])) >= 0)
            return true;
    return false;
}

/* Lower case, without ASCII blanks and punctuation. */
static size_t fold(struct slice name, char out[NAME_MAX_BYTES * 2])
{
    uint8_t lower[NAME_MAX_BYTES * 2];
    size_t lower_len = sizeof(lower), len = 0;
    uint8_t *made =
        u8_tolower((const uint8_t *)name.ptr, name.len, NULL, UNINORM_NFC, lower, &lower_len);

    if (made != lower) { /* not UTF-8, or more than fits: then it is the library's */
        free(made);
        return 0;
    }
    for (size_t i = 0; i < lower_len; i++)
        if (lower[i] >= 0x80 || ascii_is_alnum((char)lower[i]))
            out[len++] = (char)lower[i];
    return len;
}

enum column_hint column_name_hint(struct slice name)
{
    char folded[NAME_MAX_BYTES * 2];
    struct slice text;

    if (name.len == 0 || name.len > NAME_MAX_BYTES)
        return COLUMN_HINT_NONE;
    text = slice_from(folded, fold(name, folded));
    if (text.len == 0)
        return COLUMN_HINT_NONE;
    if (is_one_of(text, sure, ARRAY_LEN(sure)))
        return COLUMN_HINT_SURE;
    if (is_one_of(text, weak, ARRAY_LEN(weak)))
        return COLUMN_HINT_WEAK;
    if (has_one_of(text, parts, ARRAY_LEN(parts)) && !has_one_of(text, others, ARRAY_LEN(others)))
        return COLUMN_HINT_LIKELY;
    return COLUMN_HINT_NONE;
}
