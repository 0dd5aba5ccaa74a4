/*
 * The lines about sending: good ones and what they set, bad ones and what is said; patterns of mail
 * addresses.
 */
#include "t/unit/config_tools.h"

static const char *folder;
static const char *secret; /* a file that holds "open sesame" */

/* Applies a line, $S in it being the secret file; the fault, or NULL. */
static const char *line(crm360_database_t *database, const char *name, const char *args)
{
    const char *at = strstr(args, "$S");

    if (at) {
        args = apr_pstrcat(pool, apr_pstrmemdup(pool, args, (apr_size_t)(at - args)), secret,
                           at + 2, NULL);
    }
    return apply(name, database, args);
}

/* What is said of a line, and must not be missing. */
static void refused(const char *name, const char *args, const char *said)
{
    const char *fault = line(make_target(CRM360_IN_DATABASE), name, args);

    ok(fault && strstr(fault, said), "%s %s: %s", name, args, fault ? fault : "taken");
    ok(!fault || (strstr(fault, "allowed") && !strstr(fault, "hunter2")),
       "  it says what is allowed, and shows no secret");
}

static const crm360_provider_t *taken(const char *name, crm360_sends_t sends, const char *args)
{
    static const crm360_provider_t none;
    crm360_database_t *database = make_target(CRM360_IN_DATABASE);

    is_text(line(database, name, args), NULL, apr_pstrcat(pool, name, " ", args, NULL));
    return database->providers[sends] ? database->providers[sends] : &none;
}

static void mailers(void)
{
    const crm360_provider_t *mailer =
        taken("Crm360Mailer", CRM360_SENDS_MAIL, "SMTP://mail.example.com:587 user=acme secret=$S");

    is_text(mailer->kind, "smtp", "kind");
    is_text(mailer->url, "SMTP://mail.example.com:587", "url");
    is_text(mailer->user, "acme", "user");
    is_text(mailer->secret, "open sesame", "secret");
    is_text(mailer->tls, "required", "TLS is required by itself");
    ok(!strstr(mailer->key, "sesame"), "the key has no secret: %s", mailer->key);
    mailer = taken("Crm360Mailer", CRM360_SENDS_MAIL, "smtps://[::1]:465 ca=$S");
    is_text(mailer->ca, secret, "ca");
    mailer = taken("Crm360Mailer", CRM360_SENDS_MAIL, "smtp://localhost TLS=None");
    is_text(mailer->tls, "none", "tls, in any case");
    mailer = taken("Crm360Mailer", CRM360_SENDS_MAIL, "mailjet user=public secret=$S");
    is_text(mailer->url, "https://api.mailjet.com", "its own address");
    mailer = taken("Crm360Mailer", CRM360_SENDS_MAIL,
                   "mailjet user=public secret=$S url=http://127.0.0.1:8080/x");
    is_text(mailer->url, "http://127.0.0.1:8080/x", "another one");

    refused("Crm360Mailer", "sendmail", "\"sendmail\" is not known");
    refused("Crm360Mailer", "smtp", "is not known");
    refused("Crm360Mailer", "http://mail", "another scheme");
    refused("Crm360Mailer", "smtp://", "no host");
    refused("Crm360Mailer", "smtp://bob:hunter2pw@mail", "without user, password");
    refused("Crm360Mailer", "smtp://mail/", "ends in a slash");
    refused("Crm360Mailer", "smtp://mail user=x", "go together");
    refused("Crm360Mailer", "smtp://mail secret=$S", "go together");
    refused("Crm360Mailer", "smtp://mail tls=maybe", "allowed: required, offered, none");
    refused("Crm360Mailer", "smtp://mail tls=none user=x secret=$S", "tls=required");
    refused("Crm360Mailer", "smtps://mail tls=none", "tls= is for smtp://");
    refused("Crm360Mailer", "smtp://mail password=hunter2", "\"password\" is no option of smtp");
    refused("Crm360Mailer", "smtp://mail hunter2", "is no option");
    refused("Crm360Mailer", "smtp://mail ca=ca.pem", "ca=: \"ca.pem\" is no absolute name");
    refused("Crm360Mailer", "smtp://mail ca=/nowhere", "ca=: \"/nowhere\" cannot be read");
    refused("Crm360Mailer", "smtp://mail ca=/tmp", "is no regular file");
    refused("Crm360Mailer", "smtp://mail:65536", "a port from 1 to 65535");
    refused("Crm360Mailer", "smtp://mail:x", "a port from 1 to 65535");
    refused("Crm360Mailer", "smtp://mail/path", "has a path");
    refused("Crm360Mailer", "mailjet secret=$S", "user= is missing");
    refused("Crm360Mailer", "mailjet user=a user=b secret=$S", "user= is given twice");
    refused("Crm360Mailer", "mailjet user=a secret=hunter2", "secret=: no absolute file name");
    refused("Crm360Mailer", "mailjet user=a secret=/nowhere/x", "cannot be read");
    refused("Crm360Mailer", "mailjet user=a secret=$S url=http://mail.example.com", "unencrypted");
    refused("Crm360Mailer", "mailjet user=a secret=$S url=ftp://mail", "another scheme");
    refused("Crm360Mailer", "mailjet user= secret=$S", "user= is empty");
}

static void gateways(void)
{
    const crm360_provider_t *gateway = taken("Crm360SmsGateway", CRM360_SENDS_SMS,
                                             "Smsbox secret=$S mode=expert strategy=2 sender=ACME");

    is_text(gateway->kind, "smsbox", "kind");
    is_text(gateway->mode, "Expert", "mode, as the gateway spells it");
    is_text(gateway->strategy, "2", "strategy");
    is_text(gateway->sender, "ACME", "sender");
    is_text(gateway->key, apr_pstrcat(pool, "smsbox:https://api.smsbox.pro:", secret, NULL),
            "its account is the file with the key");
    gateway = taken("Crm360SmsGateway", CRM360_SENDS_SMS, "primotexto secret=$S");
    is_text(gateway->url, "https://api.primotexto.com", "its address");
    refused("Crm360SmsGateway", "primotexto", "secret= is missing");
    refused("Crm360SmsGateway", "primotexto secret=$S mode=Expert", "no option of primotexto");
    refused("Crm360SmsGateway", "smsbox secret=$S strategy=5", "allowed: 1, 2, 3, 4");
    refused("Crm360SmsGateway", "primotexto secret=$S sender=36180",
            "sender= is none for this gateway; allowed: 3 to 11 letters A to Z and digits, not");
    refused("Crm360SmsGateway", "smsbox secret=$S sender=A-B", "or at most 15 digits");
    taken("Crm360SmsGateway", CRM360_SENDS_SMS, "smsbox secret=$S sender=36180");
    refused("Crm360SmsGateway", "mailjet user=a secret=$S", "\"mailjet\" is not known");
}

static void wallets(void)
{
    const char *template = write_file(folder, "template", "{\"a\":1}\n");
    const char *args = "captainwallet account=a project=fr_FR user=u secret=$S";
    const crm360_provider_t *wallet = taken("Crm360Wallet", CRM360_SENDS_WALLET, args);

    is_text(wallet->account, "a", "account");
    is_text(wallet->project, "fr_FR", "project");
    is_text(wallet->template, NULL, "no template");
    wallet = taken("Crm360Wallet", CRM360_SENDS_WALLET,
                   apr_pstrcat(pool, args, " identifier=SOURCE template=", template, NULL));
    is_text(wallet->template, "{\"a\":1}\n", "the text of a template");
    is_text(wallet->identifier, "source", "identifier");
    refused("Crm360Wallet", "captainwallet account=a user=u secret=$S", "project= is missing");
    refused("Crm360Wallet", apr_pstrcat(pool, args, " template=/nowhere", NULL), "cannot be read");
    unlink(template);
}

static void rates(void)
{
    crm360_database_t *database = make_target(CRM360_IN_DATABASE);

    is_number(crm360_database_spacing(database, CRM360_SENDS_SMS), -1, "no rate");
    is_text(line(database, "Crm360Rate", "sms 10/s"), NULL, "sms 10/s");
    is_number(crm360_database_spacing(database, CRM360_SENDS_SMS), 100000, "10/s");
    is_text(line(database, "Crm360Rate", "MAIL 300/m"), NULL, "mail 300/m");
    is_number(crm360_database_spacing(database, CRM360_SENDS_MAIL), 200000, "300/m");
    is_text(line(database, "Crm360Rate", "wallet 7200/h"), NULL, "wallet 7200/h");
    is_number(crm360_database_spacing(database, CRM360_SENDS_WALLET), 500000, "7200/h");
    ok(strstr(line(database, "Crm360Rate", "sms 1/s"), "set already") != NULL, "once for each");
    refused("Crm360Rate", "fax 1/s", "\"fax\" is not known; allowed: mail, sms, wallet, Shopify, ");
    refused("Crm360Rate", "sms 0/s", "\"0/s\"");
    refused("Crm360Rate", "sms 10", "as 10/s");
    refused("Crm360Rate", "sms 10/d", "as 10/s");
    refused("Crm360Rate", "sms 10/ss", "as 10/s");
    refused("Crm360Rate", "sms -1/s", "as 10/s");
    refused("Crm360Rate", "sms 99999999999999999999/s", "as 10/s");
}

/* Those of requests that come: by platform, and for all others. */
static void rates_in(void)
{
    crm360_database_t *database = make_target(CRM360_IN_DATABASE);
    int shopify = crm360_platform_find("Shopify");
    int zendesk = crm360_platform_find("Zendesk");

    is_number(crm360_database_rate(database, shopify).number, -1, "no rate");
    is_text(line(database, "Crm360Rate", "shopify 10/m"), NULL, "a platform, in any case");
    is_number(crm360_database_rate(database, shopify).number, 10, "so many");
    is_number(crm360_database_rate(database, shopify).seconds, 60, "in a minute");
    is_number(crm360_database_rate(database, zendesk).number, -1, "no other one");
    is_text(line(database, "Crm360Rate", "* 3/h"), NULL, "the others");
    is_number(crm360_database_rate(database, zendesk).number, 3, "have it");
    is_number(crm360_database_rate(database, zendesk).seconds, 3600, "in an hour");
    is_number(crm360_database_rate(database, shopify).number, 10, "what has a line keeps it");
    is_number(crm360_database_spacing(database, CRM360_SENDS_MAIL), -1, "mail is no platform");
    ok(strstr(line(database, "Crm360Rate", "SHOPIFY 1/s"), "set already") != NULL, "once for each");
    ok(strstr(line(database, "Crm360Rate", "* 1/s"), "set already") != NULL, "once for all");
    refused("Crm360Rate", "Shopify/Order 1/s", "is not known");
    refused("Crm360Rate", "** 1/s", "is not known");
    refused("Crm360Rate", "* 1000001/s", "1 to 1000000");
}

static void patterns(void)
{
    static const struct {
        const char *patterns;
        const char *address;
        int fits;
    } cases[] = {
        {"*@example.com", "ops@example.com", 1},
        {"*@example.com", "OPS@EXAMPLE.COM", 1},
        {"*@example.com", "ops@example.com.evil.org", 0},
        {"*@example.com", "ops@sub.example.com", 0},
        {"*@*.example.com", "ops@sub.example.com", 1},
        {"ops@example.com", "xops@example.com", 0},
        {"a@b.c ops@example.com", "ops@example.com", 1},
        {"*@*", "any@where", 1},
        {"a+b@example.com", "a+b@example.com", 1},
    };
    size_t i;

    for (i = 0; i < COUNT(cases); i++) {
        crm360_database_t *database = make_target(CRM360_IN_DATABASE);

        is_text(line(database, "Crm360EmailAllow", cases[i].patterns), NULL, cases[i].patterns);
        is_number(crm360_address_fits(database->email_allow, cases[i].address), cases[i].fits,
                  cases[i].address);
    }
    is_number(crm360_address_fits(NULL, "a@b.c"), 0, "without a pattern nothing fits");
    refused("Crm360EmailAllow", "example.com", "\"example.com\"");
    refused("Crm360EmailAllow", "*@a *@b@c", "\"*@b@c\"");
    refused("Crm360EmailSender", "[a-z]@example.com", "\"[a-z]@example.com\"");
    refused("Crm360EmailSender", "a?@example.com", "\"a?@example.com\"");
}

/* What only the whole section shows. */
static void together(void)
{
    crm360_database_t *database = make_target(CRM360_IN_DATABASE);

    is_text(line(database, "Crm360EmailAllow", "*@example.com"), NULL, "allowed to whom");
    is_text(crm360_sending_fault(database), NULL, "files need no sender");
    is_text(line(database, "Crm360Mailer", "smtp://localhost"), NULL, "and a mailer");
    ok(crm360_sending_fault(database) != NULL, "a mailer does");
    is_text(line(database, "Crm360EmailFrom", "crm@example.com"), NULL, "who sends");
    is_text(crm360_sending_fault(database), NULL, "that is enough");
    database = make_target(CRM360_IN_DATABASE);
    is_text(line(database, "Crm360Mailer", "smtp://localhost"), NULL, "a mailer alone");
    ok(crm360_sending_fault(database) != NULL, "  could send nothing");
    is_text(line(database, "Crm360EmailSender", "*@example.com"), NULL, "with senders");
    is_text(crm360_sending_fault(database), NULL, "  it can");
    refused("Crm360EmailFrom", "acme", "is no mail address: it has no @");
    refused("Crm360EmailFrom", "\"ACME <a@example.com>\"", "is no mail address");
}

int main(void)
{
    char name[] = "/tmp/crm360-config-XXXXXX";
    int status;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    folder = mkdtemp(name);
    if (!folder) {
        return 1;
    }
    secret = write_file(folder, "secret", "open sesame\n");
    mailers();
    gateways();
    wallets();
    rates();
    rates_in();
    patterns();
    together();
    unlink(secret);
    rmdir(folder);
    status = tap_done();
    apr_pool_destroy(pool);
    return status;
}
