/*
 * The table of directives: counts, contexts, defaults, merging, sections and the checks across
 * settings. What can be derived from the table is: a directive without a row in `samples` fails.
 * `config_test listing` prints the help, `config_test read FILE` reads a file as crm360d does: for
 * the guard of the annotated reference.
 */
#include "t/unit/config_tools.h"

static const unsigned contexts[] = {CRM360_IN_SERVER, CRM360_IN_DATABASE, CRM360_IN_LOCATION};

/* ---- what follows from the table ---- */

/* Two different values of each directive; the second wins a merge. */
static struct {
    const char *name;
    const char *base;
    const char *add;
} samples[] = {
    {"Crm360Redis", "unix:/a", "redis://b:1/2"},
    {"Crm360RedisUser", "one", "two"},
    {"Crm360RedisPasswordFile", "secret", "other"},
    {"Crm360SentinelUser", "one", "two"},
    {"Crm360SentinelPasswordFile", "secret", "other"},
    {"Crm360ConnectTimeout", "1ms", "2ms"},
    {"Crm360CommandTimeout", "1ms", "2ms"},
    {"Crm360Spool", "/a 1M", "/b 2M"},
    {"Crm360DedupWindow", "1h", "2h"},
    {"Crm360DedupKey", "X-One", "none"},
    {"Crm360HandlerTimeout", "1s", "2s"},
    {"Crm360Lease", "2s", "3s"},
    {"Crm360User", "one", "two staff"},
    {"Crm360Workers", "live 0", "live 5"},
    {"Crm360WorkersPerDatabase", "1", "2"},
    {"Crm360DatabasesOpen", "1", "2"},
    {"Crm360WorkerMemory", "64M", "65M"},
    {"Crm360LogFormat", "json", "text"},
    {"Crm360RetrySchedule", "1s 2s", "3s"},
    {"Crm360InboxKeep", "1d", "2d"},
    {"Crm360EventKeep", "1d", "2d"},
    {"Crm360DeadLetterKeep", "1d", "2d"},
    {"Crm360DeadLetterMost", "1", "2"},
    {"Crm360DeadLetterBytes", "1M", "2M"},
    {"Crm360DeadLetterExport", "/a", "/b"},
    {"Crm360Outbox", "/a", "/b"},
    {"Crm360DBDriver", "sqlite3", "pgsql"},
    {"Crm360DBParams", "/a", "/b"},
    {"Crm360DBPasswordFile", "secret", "other"},
    {"Crm360Origin", "* none", "* networks 192.0.2.0/24"},
    {"Crm360DefaultZoneId", "1", "2"},
    {"Crm360DefaultBrandId", "1", "2"},
    {"Crm360DefaultContactAddressTypeId", "1", "2"},
    {"Crm360Mailer", "smtp://a tls=none", "smtps://b:1"},
    {"Crm360SmsGateway", "smsbox secret=secret", "primotexto secret=secret"},
    {"Crm360Wallet", "captainwallet account=a project=p user=u secret=secret",
     "captainwallet account=a project=p user=v secret=secret"},
    {"Crm360Rate", "mail 1/s", "mail 1/m"},
    {"Crm360WaitingMost", "1", "2"},
    {"Crm360WaitingBytes", "1K", "2K"},
    {"Crm360EmailFrom", "a@example.com", "b@example.com"},
    {"Crm360EmailSender", "*@example.com", "a@* b@*"},
    {"Crm360EmailAllow", "*@example.com", "a@* b@*"},
    {"Crm360Webhook", "On", "Off"},
    {"Crm360MaxBody", "1K", "2K"},
    {"Crm360MaxBatchBody", "1K", "2K"},
    {"Crm360MaxHeaders", "1K", "2K"},
    {"Crm360MaxParameters", "1", "2"},
    {"Crm360Durability", "fsync", "memory"},
    {"Crm360StatusActions", "On", "Off"},
    {"Crm360StatusMessages", "On", "Off"},
    {"Crm360HelpMount", "/a", "/b"},
};

/* A value of a directive that is not its default; NULL when it has no sample. */
static const char *sample(const char *name)
{
    size_t i;

    for (i = 0; i < COUNT(samples); i++) {
        if (strcmp(samples[i].name, name) == 0) {
            return samples[i].base;
        }
    }
    return NULL;
}

/* A target of the row's context whose struct is in a config of its own where it is a section. */
typedef struct {
    crm360_config_t *config;
    void *target;
} place_t;

static place_t make_place(unsigned context, const char *name, const char *args)
{
    place_t place = {.config = crm360_config_make(pool)};
    crm360_database_t *database;

    if (context == CRM360_IN_SERVER) {
        place.target = place.config;
    }
    else if (context == CRM360_IN_LOCATION) {
        place.target = crm360_location_make(pool);
    }
    else {
        is_text(crm360_database_begin(&database, place.config, "acme prod", "f", 1, pool), NULL,
                "a section");
        place.target = database;
    }
    if (args) {
        is_text(apply(name, place.target, args), NULL, apr_pstrcat(pool, name, " ", args, NULL));
    }
    return place;
}

/* Merges two places by the public functions; the struct of the row's context. */
static const void *merge(unsigned context, place_t base, place_t add)
{
    crm360_config_t *merged;

    if (context == CRM360_IN_LOCATION) {
        return crm360_location_merge(base.target, add.target, pool);
    }
    merged = crm360_config_merge(base.config, add.config, pool);
    if (context == CRM360_IN_SERVER) {
        return merged;
    }
    is_number(crm360_config_databases(merged)->nelts, 1, "one section after the merge");
    return crm360_config_database(merged, "acme", "prod", NULL);
}

static void merge_row(const crm360_directive_t *row, const char *base, const char *add)
{
    unsigned context = row->contexts;
    place_t none = make_place(context, row->name, NULL);
    place_t one = make_place(context, row->name, base);
    place_t two = make_place(context, row->name, add);
    const char *unset = show(row, none.target);
    const char *first = show(row, one.target);
    const char *second = show(row, two.target);

    ok(strcmp(unset, first) && strcmp(first, second) && strcmp(second, unset),
       "%s: unset, one and other differ (%s, %s, %s)", row->name, unset, first, second);
    is_text(show(row, merge(context, none, none)), unset, "unset + unset");
    is_text(show(row, merge(context, one, none)), first, "base only");
    is_text(show(row, merge(context, none, two)), second, "add only");
    is_text(show(row, merge(context, one, two)), second, "both");
    is_text(show(row, one.target), first, "the merge leaves its base as it was");
}

static void merge_rows(void)
{
    const crm360_directive_t *row;
    size_t i;

    for (row = crm360_directives; row->name; row++) {
        for (i = 0; i < COUNT(samples) && strcmp(samples[i].name, row->name); i++) {
        }
        if (ok(i < COUNT(samples), "%s has samples for the merge", row->name)) {
            merge_row(row, samples[i].base, samples[i].add);
        }
    }
    ok(row - crm360_directives == COUNT(samples), "the table has a row for each sample");
}

static void lanes_merge_one_by_one(void)
{
    place_t base = make_place(CRM360_IN_SERVER, "Crm360Workers", "live 3");
    place_t add = make_place(CRM360_IN_SERVER, "Crm360Workers", "batch 0");
    const crm360_config_t *merged;

    is_text(apply("Crm360Workers", base.config, "send 7"), NULL, "another lane");
    is_text(apply("Crm360Workers", base.config, "live 4"),
            "Crm360Workers: the lane live is set already, to 3; allowed: one line for each lane",
            "a lane twice");
    merged = merge(CRM360_IN_SERVER, base, add);
    is_text(show_lanes(merged->workers), "3 0 7", "lanes are merged one by one");
    is_number(crm360_config_workers(merged, CRM360_LANE_BATCH), 0, "0 is a value");
}

/* Wrong places, counts and repetitions, for each row. */
static void rows_refuse(void)
{
    const crm360_directive_t *row;
    size_t i;
    int n;

    for (row = crm360_directives; row->name; row++) {
        const char *many = "";
        place_t place;

        for (i = 0; i < COUNT(contexts); i++) {
            const char *wrong;

            if (row->contexts == contexts[i]) {
                continue;
            }
            wrong = crm360_directive_apply(row, make_target(contexts[i]), contexts[i],
                                           CRM360_READ_CONSUMER, "1", pool);
            ok(wrong && strstr(wrong, row->name) == wrong && strstr(wrong, ": belongs ") &&
                   strstr(wrong, "; allowed here: "),
               "%s in the wrong place: %s", row->name, wrong);
        }
        for (n = 0; n <= row->max_args; n++) {
            many = apr_pstrcat(pool, many, " 1s", NULL);
        }
        place = make_place(row->contexts, row->name, NULL);
        is_text(apply(row->name, place.target, many),
                apr_psprintf(
                    pool, "%s: takes %s, %d given; syntax: %s %s", row->name,
                    row->max_args == 1 ? "1 argument"
                    : row->max_args == row->min_args
                        ? "2 arguments"
                        : apr_psprintf(pool, "%d to %d arguments", row->min_args, row->max_args),
                    row->max_args + 1, row->name, row->syntax),
                "too many arguments");
        ok(strstr(apply(row->name, place.target, " \t"), ", 0 given; syntax: ") != NULL,
           "%s without arguments", row->name);
        place = make_place(row->contexts, row->name, sample(row->name));
        ok(strstr(apply(row->name, place.target, sample(row->name)), "set already") != NULL,
           "%s twice in one place", row->name);
    }
}

/* What the getters make of a target, by the name of its directive; NULL when it has no getter. */
static const char *effective(const char *name, const crm360_config_t *config,
                             const crm360_location_t *location)
{
    const struct {
        const char *name;
        apr_int64_t value;
    } numbers[] = {
        {"Crm360ConnectTimeout", crm360_config_connect_timeout(config)},
        {"Crm360CommandTimeout", crm360_config_command_timeout(config)},
        {"Crm360HandlerTimeout", crm360_config_handler_timeout(config)},
        {"Crm360Lease", crm360_config_lease(config)},
        {"Crm360InboxKeep", crm360_config_inbox_keep(config)},
        {"Crm360EventKeep", crm360_config_event_keep(config)},
        {"Crm360DatabasesOpen", crm360_config_databases_open(config)},
        {"Crm360WorkerMemory", crm360_config_worker_memory(config)},
        {"Crm360DeadLetterKeep", crm360_config_dead_limits(config).keep},
        {"Crm360DeadLetterMost", crm360_config_dead_limits(config).most},
        {"Crm360DeadLetterBytes", crm360_config_dead_limits(config).bytes},
        {"Crm360Webhook", crm360_location_enabled(location)},
        {"Crm360StatusActions", crm360_location_status_actions(location)},
        {"Crm360StatusMessages", crm360_location_status_messages(location)},
        {"Crm360MaxBody", crm360_location_max_body(location)},
        {"Crm360MaxHeaders", crm360_location_max_headers(location)},
        {"Crm360MaxParameters", crm360_location_max_parameters(location)},
    };
    const apr_interval_time_t *delays;
    int steps;
    size_t i;

    for (i = 0; i < COUNT(numbers); i++) {
        if (strcmp(numbers[i].name, name) == 0) {
            return apr_psprintf(pool, "%" APR_INT64_T_FMT, numbers[i].value);
        }
    }
    if (strcmp(name, "Crm360Redis") == 0) {
        return crm360_config_redis(config, pool)->text;
    }
    if (strcmp(name, "Crm360DeadLetterExport") == 0) {
        return crm360_config_dead_limits(config).export_folder;
    }
    if (strcmp(name, "Crm360LogFormat") == 0) {
        return crm360_config_log_json(config) ? "json" : "text";
    }
    if (strcmp(name, "Crm360Outbox") == 0) {
        return crm360_config_outbox(config);
    }
    if (strcmp(name, "Crm360Durability") == 0) {
        return crm360_durability_name(crm360_location_durability(location));
    }
    if (strcmp(name, "Crm360HelpMount") == 0) {
        return crm360_location_help_mount(location);
    }
    if (strcmp(name, "Crm360RetrySchedule") == 0) {
        delays = crm360_config_retry_schedule(config, &steps);
        return show_intervals(delays, steps);
    }
    if (strcmp(name, "Crm360Workers") == 0) {
        return apr_psprintf(pool, "%d %d %d", crm360_config_workers(config, CRM360_LANE_LIVE),
                            crm360_config_workers(config, CRM360_LANE_BATCH),
                            crm360_config_workers(config, CRM360_LANE_SEND));
    }
    return NULL;
}

/* The defaults of the getters are those of the table. */
static void defaults(void)
{
    const crm360_directive_t *row;

    for (row = crm360_directives; row->name; row++) {
        crm360_config_t *config = crm360_config_make(pool);
        crm360_location_t *location = crm360_location_make(pool);
        const char *unset = effective(row->name, config, location);
        char *text = apr_pstrdup(pool, row->default_text);
        char *state = NULL;
        char *part;

        if (strcmp(row->default_text, "none") == 0 || strcmp(row->default_text, "by route") == 0 ||
            strncmp(row->default_text, "that of ", 8) == 0) {
            is_text(unset, NULL, apr_pstrcat(pool, row->name, " has no default", NULL));
            continue;
        }
        for (part = apr_strtok(text, ",", &state); part; part = apr_strtok(NULL, ",", &state)) {
            is_text(apply(row->name,
                          row->contexts == CRM360_IN_LOCATION ? (void *)location : (void *)config,
                          part),
                    NULL, apr_pstrcat(pool, row->name, ": its default is allowed: ", part, NULL));
        }
        ok(unset != NULL, "%s has a getter", row->name);
        is_text(effective(row->name, config, location), unset, "default of getter and table");
        config = crm360_config_make(pool);
        location = crm360_location_make(pool);
        is_text(apply(row->name,
                      row->contexts == CRM360_IN_LOCATION ? (void *)location : (void *)config,
                      sample(row->name)),
                NULL, "another value");
        ok(strcmp(effective(row->name, config, location), unset) != 0, "%s: its getter tells",
           row->name);
    }
}

/* A body with BatchMode may be as large as one without, unless a line says otherwise; also when the
 * two lines come from different places. */
static void batch_body(void)
{
    crm360_location_t *base = crm360_location_make(pool);
    crm360_location_t *add = crm360_location_make(pool);

    is_number(crm360_location_max_batch_body(base), 10 << 20, "the default of both");
    is_text(apply("Crm360MaxBody", base, "1K"), NULL, "one line");
    is_number(crm360_location_max_batch_body(base), 1024, "is for both");
    is_text(apply("Crm360MaxBatchBody", add, "5K"), NULL, "the other one");
    is_number(crm360_location_max_batch_body(add), 5120, "is for batches");
    is_number(crm360_location_max_body(add), 10 << 20, "alone");
    add = crm360_location_merge(base, add, pool);
    is_number(crm360_location_max_batch_body(add), 5120, "merged: batches");
    is_number(crm360_location_max_body(add), 1024, "merged: all others");
}

/* What may wait, and that a section knows its place. */
static void waiting(void)
{
    crm360_config_t *base = crm360_config_make(pool);
    crm360_config_t *add = crm360_config_make(pool);
    crm360_database_t *one, *two;

    is_text(crm360_database_begin(&one, base, "acme prod", "f", 1, pool), NULL, "a section");
    is_text(crm360_database_begin(&two, base, "acme test", "f", 2, pool), NULL, "another");
    is_number(crm360_database_waiting(one).messages, 0, "no limit of messages");
    is_number(crm360_database_waiting(one).bytes, 0, "nor of bytes");
    is_text(apply("Crm360WaitingMost", two, "7"), NULL, "a limit");
    is_text(apply("Crm360WaitingBytes", two, "2K"), NULL, "and the other");
    base = crm360_config_merge(base, add, pool);
    is_number(crm360_config_database(base, "acme", "prod", NULL)->number, 0, "the first");
    is_number(crm360_config_database(base, "acme", "TEST", NULL)->number, 1, "the second");
    is_number(crm360_database_waiting(crm360_config_database(base, "acme", "test", NULL)).messages,
              7, "messages");
    is_number(crm360_database_waiting(crm360_config_database(base, "acme", "test", NULL)).bytes,
              2048, "bytes");
}

/* The rule of a route as text: "key seconds". */
static const char *dedup(const crm360_config_t *config, const char *route)
{
    crm360_dedup_rule_t rule = crm360_config_dedup(config, crm360_route_by_name(route));

    return apr_psprintf(pool, "%s %d", rule.key ? rule.key : "none",
                        (int)apr_time_sec(rule.window));
}

/* The narrower line counts, whatever the order and whatever was merged. */
static void dedup_rules(void)
{
    crm360_config_t *base = crm360_config_make(pool);
    crm360_config_t *add = crm360_config_make(pool);

    is_text(dedup(base, "Shopify/Order/Insert"), "X-Shopify-Webhook-Id 18000", "Shopify's own");
    is_text(dedup(base, "Mailjet/email/Callback"), "content 90000", "Mailjet's own");
    is_text(dedup(base, "Crm360/Sms/Send"), "none 90000", "a command has none");
    is_text(apply("Crm360DedupWindow", base, "1h shopify/order/insert"), NULL, "one route");
    is_text(apply("Crm360DedupWindow", base, "2h Shopify"), NULL, "its platform");
    is_text(apply("Crm360DedupWindow", base, "0s"), NULL, "all");
    is_text(dedup(base, "Shopify/Order/Insert"), "X-Shopify-Webhook-Id 3600", "the route");
    is_text(dedup(base, "Shopify/Order/Delete"), "X-Shopify-Webhook-Id 7200", "the platform");
    is_text(dedup(base, "Mailjet/email/Callback"), "content 0", "all");
    is_text(apply("Crm360DedupKey", base, "None Shopify"), NULL, "a key for a platform");
    is_text(apply("Crm360DedupKey", base, "CONTENT Shopify/Order/Update"), NULL, "and a route");
    is_text(apply("Crm360DedupKey", base, "X-Id"), NULL, "and all");
    is_text(dedup(base, "Shopify/Order/Delete"), "none 7200", "no key");
    is_text(dedup(base, "Shopify/Order/Update"), "content 7200", "by content");
    is_text(dedup(base, "Mailjet/email/Callback"), "X-Id 0", "a field");
    is_text(apply("Crm360DedupWindow", add, "5h"), NULL, "all of another server");
    is_text(dedup(crm360_config_merge(base, add, pool), "Shopify/Order/Insert"), "none 3600",
            "merged: the route stays");
    is_text(dedup(crm360_config_merge(base, add, pool), "Mailjet/email/Callback"), "X-Id 18000",
            "merged: all is the other's");
    ok(strstr(apply("Crm360DedupWindow", base, "3h SHOPIFY"), "set already") != NULL,
       "a platform twice");
    ok(strstr(apply("Crm360DedupKey", base, "X-Other shopify/order/update"), "set already") != NULL,
       "a route twice");
    ok(strstr(apply("Crm360DedupWindow", add, "3h Shopify/Order"), "no platform or route") != NULL,
       "no such route");
    ok(strstr(apply("Crm360DedupKey", add, "X:Y"), "no name of a header field") != NULL,
       "no such field");
    ok(strstr(apply("Crm360DedupWindow", add, "31d Shopify"), "out of range") != NULL, "too long");
}

/* Each row has a member of its own, and those that anybody may look at are the right ones. */
static void members(void)
{
    const crm360_directive_t *row;
    const crm360_directive_t *other;
    crm360_database_t *database = make_target(CRM360_IN_DATABASE);

    for (row = crm360_directives; row->name; row++) {
        for (other = crm360_directives; other < row; other++) {
            if (other->contexts == row->contexts && other->offset == row->offset) {
                ok(0, "%s and %s share a member", other->name, row->name);
            }
        }
    }
    apply("Crm360DBDriver", database, "pgsql");
    apply("Crm360DBParams", database, "dbname=acme");
    apply("Crm360DefaultZoneId", database, "11");
    apply("Crm360DefaultBrandId", database, "12");
    apply("Crm360DefaultContactAddressTypeId", database, "13");
    is_text(database->driver, "pgsql", "driver");
    is_text(database->params, "dbname=acme", "params");
    is_number(database->default_zone_id, 11, "default_zone_id");
    is_number(database->default_brand_id, 12, "default_brand_id");
    is_number(database->default_contact_address_type_id, 13, "default_contact_address_type_id");
}

/* ---- sections ---- */

static const char *begin(crm360_config_t *config, const char *args, int line)
{
    crm360_database_t *database;

    return crm360_database_begin(&database, config, args, "/etc/crm360.conf", line, pool);
}

static void sections(void)
{
    static const char rest[] =
        " is no name of a customer; allowed: 1 to 64 characters of A-Z a-z 0-9 . _ -";
    crm360_config_t *config = crm360_config_make(pool);
    const crm360_database_t *database;
    const char *args;
    char name[66];
    int known;

    is_text(begin(config, "Acme prod", 7), NULL, "a section");
    is_text(begin(config, "\"Acme\" 'test-1.x_y'", 9), NULL, "another of the customer, in quotes");
    is_text(begin(config, "aCME PROD", 11),
            "<Crm360Database aCME PROD>: is there already, at /etc/crm360.conf:7; allowed: one "
            "section for each customer and alias, whatever their case",
            "a duplicate in another case");
    is_text(begin(config, "acme", 1),
            "<Crm360Database>: takes 2 arguments, 1 given; syntax: <Crm360Database customer alias>",
            "one name");
    is_text(begin(config, "ac/me prod", 1),
            apr_pstrcat(pool, "<Crm360Database>: \"ac/me\"", rest, NULL), "a slash");
    is_text(begin(config, "{acme} prod", 1),
            apr_pstrcat(pool, "<Crm360Database>: \"{acme}\"", rest, NULL), "braces");
    is_text(begin(config, "'' prod", 1), apr_pstrcat(pool, "<Crm360Database>: \"\"", rest, NULL),
            "empty");
    ok(strstr(begin(config,
                    "acme pr\xC3\xB6"
                    "d",
                    1),
              "\"pr\\xC3\\xB6d\" is no name of a database") != NULL,
       "no ASCII");
    memset(name, 'n', sizeof(name));
    name[65] = '\0';
    ok(begin(config, apr_pstrcat(pool, "acme ", name, NULL), 1) != NULL, "65 characters");
    ok(crm360_config_database(config, name, name, &known) == NULL && !known, "looking 65 up");
    ok(crm360_config_database(config, "acme", name, &known) == NULL && known,
       "looking 65 up of a known customer");
    name[64] = '\0';
    is_text(begin(config, apr_pstrcat(pool, name, " ", name, NULL), 1), NULL, "64 characters");
    ok(crm360_config_database(config, name, name, NULL) != NULL, "looking 64 up");

    database = crm360_config_database(config, "ACME", "Prod", &known);
    is_text(database ? database->customer : NULL, "Acme",
            "found in any case, spelt as in the file");
    ok(known, "the customer is known");
    ok(!crm360_config_database(config, "acme", "none", &known) && known, "unknown alias");
    ok(!crm360_config_database(config, "acm", "prod", &known) && !known, "unknown customer");
    ok(!crm360_config_database(config, "", "prod", &known) && !known, "empty customer");
    is_number(crm360_config_databases(config)->nelts, 3, "three sections");

    is_text(crm360_section_args(&args, " acme prod >  ", pool), NULL, "a line with '>'");
    is_text(args, " acme prod ", "what stands in front of it");
    is_text(
        crm360_section_args(&args, " acme prod", pool),
        "<Crm360Database>: the '>' at the end is missing; allowed: <Crm360Database customer alias>",
        "no '>'");
    is_text(
        crm360_section_args(&args, " acme prod> # x", pool),
        "<Crm360Database>: \"# x\" stands behind the '>'; allowed: nothing, a comment has a line "
        "of its own",
        "a comment behind it");
}

static void section_merge(void)
{
    crm360_config_t *base = crm360_config_make(pool);
    crm360_config_t *add = crm360_config_make(pool);
    const crm360_config_t *merged;
    const crm360_database_t *database;

    begin(base, "a one", 1);
    begin(base, "b two", 2);
    begin(add, "c three", 3);
    begin(add, "A ONE", 4);
    merged = crm360_config_merge(base, add, pool);
    is_number(crm360_config_databases(merged)->nelts, 3, "three sections of two plus two");
    database = APR_ARRAY_IDX(crm360_config_databases(merged), 0, crm360_database_t *);
    is_text(database->customer, "A", "the later spelling, at the place of the base");
    is_number(database->line, 4, "and its line");
    is_number(crm360_config_database(base, "a", "one", NULL)->line, 1, "the base is as it was");
}

/* ---- checks across settings ---- */

static void nesting(void)
{
    static const char rest[] = "; allowed: Crm360ConnectTimeout < Crm360CommandTimeout < "
                               "Crm360HandlerTimeout < Crm360Lease";
    static const struct {
        const char *name;
        const char *value;
        const char *wrong;
    } cases[] = {
        {"Crm360ConnectTimeout", "249ms", NULL},
        {"Crm360ConnectTimeout", "250ms",
         "Crm360ConnectTimeout: 250ms is not less than Crm360CommandTimeout, 250ms"},
        {"Crm360CommandTimeout", "30s",
         "Crm360CommandTimeout: 30s is not less than Crm360HandlerTimeout, 30s"},
        {"Crm360HandlerTimeout", "2m", "Crm360HandlerTimeout: 2m is not less than Crm360Lease, 1m"},
        {"Crm360Lease", "31s", NULL},
        {"Crm360Lease", "5s", "Crm360HandlerTimeout: 30s is not less than Crm360Lease, 5s"},
        {"Crm360Lease", "1h", NULL},
    };
    size_t i;

    for (i = 0; i < COUNT(cases); i++) {
        crm360_config_t *config = crm360_config_make(pool);

        (void)apply(cases[i].name, config, cases[i].value);
        is_text(crm360_config_check(config, CRM360_READ_HTTPD, pool),
                cases[i].wrong ? apr_pstrcat(pool, cases[i].wrong, rest, NULL) : NULL,
                apr_pstrcat(pool, cases[i].name, " ", cases[i].value, NULL));
    }
}

static void database_needs(void)
{
    static const char front[] = "f:1: <Crm360Database acme prod>: ";
    place_t place = make_place(CRM360_IN_DATABASE, NULL, NULL);

    is_text(crm360_config_check(place.config, CRM360_READ_HTTPD, pool), NULL,
            "httpd needs nothing");
    is_text(crm360_config_check(place.config, CRM360_READ_CONSUMER, pool),
            apr_pstrcat(pool, front,
                        "Crm360DBDriver is missing; allowed: Crm360DBDriver sqlite3 or pgsql",
                        NULL),
            "no driver");
    is_text(apply("Crm360DBDriver", place.target, "sqlite3"), NULL, "a driver");
    is_text(crm360_config_check(place.config, CRM360_READ_CONSUMER, pool),
            apr_pstrcat(pool, front,
                        "Crm360DBParams is missing; allowed: Crm360DBParams and the file or "
                        "connection string of the database",
                        NULL),
            "no parameters");
    is_text(apply("Crm360DBParams", place.target, "/a"), NULL, "parameters");
    is_text(crm360_config_check(place.config, CRM360_READ_CONSUMER, pool), NULL, "complete");
}

static void driver_and_params(void)
{
    static const char allowed[] =
        "\"acme.db\" is no absolute file name; allowed as Crm360DBParams of "
        "Crm360DBDriver sqlite3: the name of the database file, from / on";
    static const char no_password[] = "Crm360DBParams: a password does not belong into "
                                      "Crm360DBParams; allowed: put it into a file "
                                      "of its own and name that with Crm360DBPasswordFile";
    static const char *const passwords[] = {
        "\"host=db password=hunter2\"",      "\"PASSWORD = 'hunter2'\"",
        "postgresql://crm:hunter2@db/acme",  "\"postgresql://db/acme?user=a&password=hunter2\"",
        "\"sslkey=/k sslpassword=hunter2\"",
    };
    crm360_database_t *database = make_target(CRM360_IN_DATABASE);
    size_t i;

    is_text(apply("Crm360DBParams", database, "acme.db"), NULL,
            "a relative name, the driver is unknown");
    is_text(apply("Crm360DBDriver", database, "sqlite3"),
            apr_pstrcat(pool, "Crm360DBDriver: ", allowed, NULL), "then sqlite3");
    database = make_target(CRM360_IN_DATABASE);
    is_text(apply("Crm360DBDriver", database, "sqlite3"), NULL, "sqlite3");
    is_text(apply("Crm360DBParams", database, "acme.db"),
            apr_pstrcat(pool, "Crm360DBParams: ", allowed, NULL), "then a relative name");
    for (i = 0; i < COUNT(passwords); i++) {
        is_text(apply("Crm360DBParams", make_target(CRM360_IN_DATABASE), passwords[i]), no_password,
                passwords[i]);
    }
}

/* ---- entry ---- */

/* A sample that names the file `secret`, with the real name of one. */
static const char *with_secret(const char *args, const char *path)
{
    apr_size_t len = strlen(args);

    return len >= 6 && strcmp(args + len - 6, "secret") == 0
               ? apr_pstrcat(pool, apr_pstrmemdup(pool, args, len - 6), path, NULL)
               : args;
}

static void all_tests(const char *folder)
{
    const char *secret = write_file(folder, "secret", "open sesame\n");
    const char *other = write_file(folder, "other", "another\n");
    size_t i;

    for (i = 0; i < COUNT(samples); i++) {
        samples[i].base = with_secret(samples[i].base, secret);
        samples[i].add =
            strcmp(samples[i].add, "other") ? with_secret(samples[i].add, secret) : other;
    }
    merge_rows();
    lanes_merge_one_by_one();
    rows_refuse();
    defaults();
    batch_body();
    waiting();
    dedup_rules();
    members();
    sections();
    section_merge();
    nesting();
    database_needs();
    driver_and_params();
    unlink(secret);
    unlink(other);
}

static int read_one(const char *file)
{
    crm360_config_t *config;
    const char *error;

    if (crm360_config_read(&config, &error, file, CRM360_READ_CONSUMER, pool) != APR_SUCCESS) {
        printf("%s\n", error);
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    char folder[] = "/tmp/crm360-config-XXXXXX";
    int status;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    if (argc == 2 && strcmp(argv[1], "listing") == 0) {
        fputs(crm360_directive_help(pool), stdout);
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "read") == 0) {
        return read_one(argv[2]);
    }
    if (!mkdtemp(folder)) {
        return 1;
    }
    all_tests(folder);
    status = tap_done();
    rmdir(folder);
    apr_pool_destroy(pool);
    return status;
}
