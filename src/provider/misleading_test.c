/*
 * A false `invalid` is the worst error: texts that refuse us, or tell of the server's own trouble,
 * in the very words in which others say that a mailbox does not exist. Made by permutations of who,
 * what and why, in eleven languages; none may become a verdict on the mailbox. And the other way
 * round: an unknown mailbox is never `valid`, whatever else is named.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/check.h"
#include "provider/classify.h"

#define TEXTS_MAX 24

static const char *const codes[] = {
    "550", "550 5.1.1", "550 5.7.1", "554 5.0.0", "553 5.1.0", "511",        "450 4.1.1", "501",
    "552", "521",       "550 5.2.1", "550 5.1.2", "550 5.1.3", "550 5.1.10", "551 5.1.6"};

static unsigned tried, failed;

static struct classification classify_text(const char *code, const char *text)
{
    static char unfolded[SMTP_REPLY_TEXT_MAX];
    char line[512];
    struct classify_input input = {.stage = SMTP_STAGE_RCPT, .provider = ""};
    struct classification got;

    snprintf(line, sizeof(line), "%s %s", code, text);
    assert_true(smtp_reply_from_line(slice_from_string(line), unfolded, &input.reply));
    classify_reply(&input, &got);
    return got;
}

static bool is_invalid(enum smtp_class reply_class)
{
    return reply_class == SMTP_CLASS_MAILBOX_NOT_FOUND ||
           reply_class == SMTP_CLASS_MAILBOX_DISABLED || reply_class == SMTP_CLASS_MOVED ||
           reply_class == SMTP_CLASS_DOMAIN_NOT_ACCEPTED ||
           reply_class == SMTP_CLASS_SYNTAX_REJECTED;
}

static bool is_valid(enum smtp_class reply_class)
{
    return reply_class == SMTP_CLASS_ACCEPTED || reply_class == SMTP_CLASS_RECIPIENT_RESTRICTED;
}

static void expect_no_verdict(const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        struct classification got = classify_text(codes[i], text);

        tried++;
        if (is_invalid(got.reply_class) || is_valid(got.reply_class)) {
            failed++;
            print_error("%s %s: %s by %s\n", codes[i], text, smtp_class_name(got.reply_class),
                        got.rule);
        }
    }
}

static void count_start(void)
{
    tried = failed = 0;
}

static void count_end(unsigned least)
{
    print_message("%u texts\n", tried);
    assert_true(tried >= least);
    assert_int_equal(failed, 0);
}

/* Every one of the first with every one of the second. */
static void permute(const char *const *who, const char *joint, const char *const *what)
{
    for (; *who != NULL; who++) {
        for (const char *const *is = what; *is != NULL; is++) {
            char text[256];

            snprintf(text, sizeof(text), "%s%s%s", *who, joint, *is);
            expect_no_verdict(text);
        }
    }
}

/* We are unknown, do not exist, are disabled: host, domain, sender. */
static void it_is_we_who_do_not_exist(void **state)
{
    static const struct {
        const char *joint;
        const char *who[TEXTS_MAX], *what[TEXTS_MAX];
    } languages[] = {
        {" ",
         {"your IP",
          "your IP address 192.0.2.1",
          "the IP address 192.0.2.1",
          "client host [192.0.2.1]",
          "the sending host",
          "your mail server",
          "your host",
          "the connecting host",
          "the sender",
          "sender address <probe@example.net>",
          "the sender's domain",
          "sender domain example.net",
          "the envelope sender",
          "the return path",
          "your domain",
          "your HELO name",
          "the HELO hostname",
          "the PTR record of 192.0.2.1",
          "your network",
          "your provider",
          "this connection"},
         {"is unknown", "is unknown to us", "does not exist", "was not found", "could not be found",
          "is not in our directory", "has been disabled", "has been suspended",
          "is no longer active", "is invalid", "has expired", "was deleted from our list",
          "is not registered here", "is not listed as a user of this service",
          "is unknown to our reputation service", "is unknown to the recipient",
          "is unknown to the mailbox owner"}},
        {" ",
         {"Ihre IP-Adresse", "Ihr Server", "Ihr Mailserver", "der sendende Server", "der Absender",
          "die Absenderadresse", "die Absenderdomain", "Ihre Domain", "der HELO-Name",
          "Ihr Rechnername"},
         {"ist unbekannt", "ist hier nicht bekannt", "existiert nicht", "wurde nicht gefunden",
          "ist gesperrt", "ist deaktiviert", "ist ungültig", "ist nicht mehr aktiv"}},
        {" ",
         {"votre adresse IP", "votre serveur", "le serveur émetteur", "l'expéditeur",
          "l'adresse de l'expéditeur", "le domaine de l'expéditeur", "votre domaine", "le nom HELO",
          "votre nom d'hôte"},
         {"est inconnu", "n'existe pas", "n'a pas été trouvé", "est introuvable", "est désactivé",
          "n'est pas valide", "n'est plus actif"}},
        {" ",
         {"su dirección IP", "su servidor", "el servidor remitente", "el remitente",
          "la dirección del remitente", "el dominio del remitente", "su dominio", "el nombre HELO"},
         {"es desconocido", "no existe", "no se encontró", "no fue encontrado", "está desactivado",
          "no es válido", "ya no está activo"}},
        {" ",
         {"il suo indirizzo IP", "il vostro server", "il server mittente", "il mittente",
          "l'indirizzo del mittente", "il dominio del mittente", "il vostro dominio",
          "il nome HELO"},
         {"è sconosciuto", "non esiste", "non è stato trovato", "è disattivato", "non è valido",
          "non è più attivo"}},
        {" ",
         {"o seu endereço IP", "o seu servidor", "o servidor remetente", "o remetente",
          "o endereço do remetente", "o domínio do remetente", "o seu domínio", "o nome HELO"},
         {"é desconhecido", "não existe", "não foi encontrado", "está desativado", "não é válido",
          "já não está ativo"}},
        {" ",
         {"Twój adres IP", "Twój serwer", "serwer nadawcy", "nadawca", "adres nadawcy",
          "domena nadawcy", "Twoja domena", "nazwa HELO"},
         {"jest nieznany", "nie istnieje", "nie został znaleziony", "nie znaleziono",
          "jest zablokowany", "jest nieprawidłowy", "jest nieaktywny"}},
        {" ",
         {"uw IP-adres", "uw server", "de verzendende server", "de afzender", "het afzenderadres",
          "het domein van de afzender", "uw domein", "de HELO-naam"},
         {"is onbekend", "bestaat niet", "is niet gevonden", "is uitgeschakeld", "is ongeldig",
          "is niet meer actief"}},
        {" ",
         {"ваш IP-адрес", "ваш сервер", "сервер отправителя", "отправитель", "адрес отправителя",
          "домен отправителя", "ваш домен", "имя HELO"},
         {"неизвестен", "не существует", "не найден", "отключён", "недействителен",
          "заблокирован"}},
        {"",
         {"您的IP", "您的服务器", "发件服务器", "发件人", "发件人地址", "发件人域名", "您的域名"},
         {"不存在", "未知", "未找到", "无效", "已停用", "已被禁用"}},
        {"",
         {"送信元IPアドレス", "送信サーバ", "送信者", "送信者アドレス", "送信元ドメイン",
          "送信者のドメイン"},
         {"が存在しません", "は存在しません", "が見つかりません", "は不明です", "は無効です",
          "は登録されていません"}},
    };

    count_start();
    for (size_t i = 0; i < ARRAY_LEN(languages); i++) {
        permute(languages[i].who, languages[i].joint, languages[i].what);
        for (const char *const *who = languages[i].who; *who != NULL; who++) {
            char rejected[128];
            const char *const one[] = {rejected, NULL};

            snprintf(rejected, sizeof(rejected), "Recipient address rejected: %s", *who);
            permute(one, languages[i].joint, languages[i].what);
        }
    }
    count_end(8000);
}

/* What belongs to us, and is looked for in vain or refused. */
static void it_is_ours_that_is_missing(void **state)
{
    static const char *const no_such[] = {
        "No such",     "Unknown", "No valid", "Could not find a", "There is no",  "Missing",
        "Nonexistent", "Invalid", "Bad",      "Illegal",          "Unrecognized", NULL};
    static const char *const thing[] = {"PTR record for your IP",
                                        "reverse DNS entry for 192.0.2.1",
                                        "SPF record for example.net",
                                        "MX record for the sender's domain",
                                        "sender domain",
                                        "HELO name given by your host",
                                        "policy for your host",
                                        "DKIM key for example.net",
                                        "sender",
                                        "client host",
                                        "return path",
                                        "certificate for your server",
                                        "host name for your IP address",
                                        "MAIL FROM address",
                                        "connection",
                                        NULL};
    static const char *const account[] = {"Your account",
                                          "Your mailbox",
                                          "Your user name",
                                          "Your address",
                                          "Your email address",
                                          "Your login",
                                          "Your sender address",
                                          "Your sending account",
                                          "The account you send from",
                                          "The address in MAIL FROM",
                                          "The user in MAIL FROM",
                                          "The user of your return path",
                                          "The sender's mailbox",
                                          "The sender's account",
                                          "Your hosting account",
                                          NULL};
    static const char *const state_of_it[] = {"does not exist",
                                              "is unknown",
                                              "was not found",
                                              "has been disabled",
                                              "has been suspended",
                                              "is locked",
                                              "is invalid",
                                              "is inactive",
                                              "has expired",
                                              "could not be verified",
                                              "was deleted",
                                              "is not known here",
                                              NULL};
    static const char *const translated[] = {
        "Ihr Konto wurde gesperrt",
        "Votre compte a été suspendu",
        "Su cuenta ha sido suspendida",
        "Il tuo account è stato sospeso",
        "Sua conta foi suspensa",
        "Twoje konto zostało zawieszone",
        "Uw account is geschorst",
        "Ваша учётная запись заблокирована",
        "您的帐户已被停用",
        "お客様のアカウントは停止されています",
        "Kein SPF-Eintrag für Ihre Domain gefunden",
        "Aucun enregistrement PTR trouvé pour votre adresse IP",
        "No existe registro SPF para su dominio",
        "Nessun record PTR trovato per il tuo IP",
        "Nenhum registro SPF encontrado para seu domínio",
        "Nie znaleziono rekordu PTR dla Twojego IP",
        "Geen SPF-record gevonden voor uw domein",
        "PTR-запись для вашего IP не найдена",
        "未找到您的IP的PTR记录",
        "お使いのIPのPTRレコードが見つかりません"};

    count_start();
    permute(no_such, " ", thing);
    permute(account, " ", state_of_it);
    for (size_t i = 0; i < ARRAY_LEN(translated); i++)
        expect_no_verdict(translated[i]);
    count_end(2000);
}

/* Recipients that do not exist, as a reproach: a counter of them has run out. */
static void counted_unknown_recipients_are_about_us(void **state)
{
    static const char *const many[] = {"Too many",          "Excessive",
                                       "Limit reached for", "You have tried too many",
                                       "Maximum exceeded:", NULL};
    static const char *const what[] = {"invalid recipients",
                                       "unknown users",
                                       "nonexistent addresses",
                                       "unknown recipients",
                                       "bad recipients",
                                       "failed RCPT commands",
                                       "recipients not found",
                                       "invalid recipients from your IP",
                                       "unknown users in this session",
                                       "nonexistent addresses sent by you",
                                       "wrong addresses from 192.0.2.1",
                                       NULL};
    static const char *const translated[] = {"Zu viele unbekannte Empfänger von Ihrer IP",
                                             "Trop de destinataires inconnus depuis votre IP",
                                             "Demasiados destinatarios desconocidos desde su IP",
                                             "Troppi destinatari sconosciuti dal tuo IP",
                                             "Muitos destinatários desconhecidos do seu IP",
                                             "Zbyt wielu nieznanych odbiorców z Twojego adresu IP",
                                             "Te veel onbekende ontvangers vanaf uw IP",
                                             "Слишком много неизвестных получателей с вашего IP",
                                             "来自您IP的无效收件人过多",
                                             "お使いのIPからの存在しない宛先が多すぎます"};

    count_start();
    permute(many, " ", what);
    for (size_t i = 0; i < ARRAY_LEN(translated); i++)
        expect_no_verdict(translated[i]);
    count_end(400);
}

/* The mailbox is named, and why it is refused is we; or it may be either. */
static void why_outranks_whom(void **state)
{
    static const char *const whom[] = {"User unknown",
                                       "Recipient not found",
                                       "Mailbox unavailable",
                                       "Account disabled",
                                       "Recipient address rejected",
                                       "No such user",
                                       "Mail refused for <user@example.com>",
                                       NULL};
    static const char *const why[] = {"because your IP is listed by Spamhaus",
                                      "because your IP address is blocked",
                                      "due to poor reputation of your IP",
                                      "because the sender does not exist",
                                      "because your host has no reverse DNS",
                                      "since your server is blacklisted",
                                      "as your domain has no SPF record",
                                      "for blacklisted clients like 192.0.2.1",
                                      "- your IP is unknown",
                                      "- sender domain does not exist",
                                      "- HELO name is invalid",
                                      "- client host not found",
                                      "- no PTR record found for 192.0.2.1",
                                      "- SPF record not found",
                                      "- sender address does not exist",
                                      "(greylisted, sender unknown)",
                                      "(too many unknown users from your host)",
                                      "or your IP is blocked",
                                      "or your host is blacklisted",
                                      "or message refused by policy",
                                      "or sender blocked",
                                      NULL};
    static const char *const translated[] = {"Postfach nicht verfügbar, da Ihre IP gesperrt ist",
                                             "Benutzer unbekannt oder Ihre IP ist gesperrt",
                                             "Utilisateur inconnu ou adresse IP bloquée",
                                             "Usuario desconocido o IP bloqueada",
                                             "Utente sconosciuto o IP bloccato",
                                             "Usuário desconhecido ou IP bloqueado",
                                             "Użytkownik nieznany lub IP zablokowane",
                                             "Gebruiker onbekend of IP geblokkeerd",
                                             "Пользователь неизвестен или IP заблокирован",
                                             "用户不存在或IP被封禁",
                                             "Empfänger abgelehnt: Ihr Server ist unbekannt",
                                             "Destinataire refusé : votre serveur est inconnu",
                                             "收件人被拒绝：您的服务器未知",
                                             "宛先拒否: 送信サーバが不明です"};

    count_start();
    permute(whom, " ", why);
    for (size_t i = 0; i < ARRAY_LEN(translated); i++)
        expect_no_verdict(translated[i]);
    count_end(1000);
}

/* It is the server's books that cannot be found or opened, or a log-in that is wanted. */
static void trouble_in_looking_up_is_no_answer(void **state)
{
    static const char *const books[] = {"Recipient database",
                                        "User database",
                                        "Account database",
                                        "LDAP server",
                                        "The directory server",
                                        "Mailbox server",
                                        "The mailbox store",
                                        "User lookup service",
                                        "Recipient verification service",
                                        "The backend for this mailbox",
                                        NULL};
    static const char *const trouble[] = {"not found",
                                          "does not exist",
                                          "is unavailable",
                                          "is disabled for maintenance",
                                          "could not be reached",
                                          "is down",
                                          "was not found in DNS",
                                          "failed",
                                          "timed out",
                                          "is offline",
                                          "is closed for maintenance",
                                          "could not be opened",
                                          NULL};
    static const char *const others[] = {"La base des destinataires est introuvable",
                                         "Die Empfängerdatenbank ist nicht erreichbar",
                                         "La base de datos de usuarios no está disponible",
                                         "Il database degli utenti non è disponibile",
                                         "O banco de dados de usuários não está disponível",
                                         "Baza użytkowników jest niedostępna",
                                         "De gebruikersdatabase is niet beschikbaar",
                                         "База пользователей недоступна",
                                         "用户数据库不可用",
                                         "ユーザデータベースが利用できません",
                                         "Mailbox not available to unauthenticated clients",
                                         "This user unknown until you authenticate",
                                         "User not found in SASL database",
                                         "SMTP AUTH user unknown",
                                         "Unknown user or bad password",
                                         "Authentication failed: no such user"};

    count_start();
    permute(books, " ", trouble);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        expect_no_verdict(others[i]);
    count_end(800);
}

/* The mirror: nobody is there, and words of blocking stand beside it. */
static void an_unknown_mailbox_is_never_valid(void **state)
{
    static const char *const unknown[] = {
        "User unknown",
        "No such user here",
        "Mailbox does not exist",
        "Recipient not found",
        "<user@example.com>: Recipient address rejected: User unknown",
        "Unknown recipient",
        "Benutzer unbekannt",
        "Utilisateur inconnu",
        "Usuario desconocido",
        "Utente sconosciuto",
        "Usuário desconhecido",
        "Użytkownik nieznany",
        "Gebruiker onbekend",
        "Пользователь не найден",
        "用户不存在",
        "ユーザが存在しません",
        NULL};
    static const char *const beside[] = {
        " (if you are blocked see https://www.spamhaus.org/lookup/)",
        "; for blocklist removal visit http://example.com/blocked?ip=192.0.2.1",
        " | This host blocks spam and restricts relaying",
        " - members of our lists may write to postmaster only",
        ". Mail is accepted only for existing users",
        "; contact the sender's administrator",
        " | Rejected by our policy server",
        ". Your message was not delivered and is blocked",
        " (access to this system is restricted)",
        " https://restricted.example.com/members-only",
        NULL};
    unsigned rows = 0;

    for (const char *const *u = unknown; *u != NULL; u++) {
        for (const char *const *b = beside; *b != NULL; b++) {
            for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
                char text[256];
                struct classification got;

                snprintf(text, sizeof(text), "%s%s", *u, *b);
                got = classify_text(codes[i], text);
                rows++;
                if (is_valid(got.reply_class))
                    fail_msg("%s %s: %s by %s", codes[i], text, smtp_class_name(got.reply_class),
                             got.rule);
            }
        }
    }
    assert_true(rows > 1000);
}

/* Found by people who read the rules to mislead them. */
static void what_reviewers_found(void **state)
{
    static const char *const texts[] = {
        "this mailbox is unknown to callers from blocked networks",
        "mailbox gatekeeper did not recognize this caller",
        "callers like this are unwanted",
        "captcha wanted",
        "captcha",
        "probing detected",
        "recipient enumeration detected",
        "Empfänger nur mit Captcha erreichbar",
        "domain is in lockdown against bots",
        "Access from nonexistent hosts denied",
        "dead IP address",
        "Your account is not permitted to send",
        "Your account has been suspended",
        "votre compte est introuvable",
        "message sending for this account is disabled",
        "unusual invalid recipients",
        NULL,
    };

    count_start();
    permute((const char *const[]){"", NULL}, "", texts);
    count_end(200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_we_who_do_not_exist),
        cmocka_unit_test(it_is_ours_that_is_missing),
        cmocka_unit_test(counted_unknown_recipients_are_about_us),
        cmocka_unit_test(why_outranks_whom),
        cmocka_unit_test(trouble_in_looking_up_is_no_answer),
        cmocka_unit_test(what_reviewers_found),
        cmocka_unit_test(an_unknown_mailbox_is_never_valid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
