/* Zendesk: tickets as cases, requesters as contacts, whatever order they come in. */
#include "t/unit/broken_tools.h"

#include "handlers/zendesk.h"

#define ROUTE "Zendesk/Ticket/Update"
#define SIGNED(time) "X-Zendesk-Webhook-Signature-Timestamp: " time

static const char *post(const char *body)
{
    return send_one(
        &(sent_t){.route = ROUTE, .body = body, .headers = {SIGNED("2026-03-02T09:15:27Z")}});
}

#define ALL                                                                                        \
    "SELECT SourceId, CaseIdentifier, CaseStateId, CaseStateText, c.Identifier, Title, Channel,"   \
    " Link, OpeningDate, ClosingDate FROM (SELECT k.SourceId AS SourceId, CaseIdentifier,"         \
    " CaseStateId, CaseStateText, Title, Channel, Link, OpeningDate, ClosingDate, CaseCategoryId"  \
    " FROM Cases k) x LEFT JOIN (SELECT CaseCategoryId AS Id, Identifier FROM CaseCategories) c"   \
    " ON c.Id = x.CaseCategoryId ORDER BY CaseIdentifier"

static void mapping(void)
{
    empty();
    is_text(send_one(&(sent_t){.route = ROUTE,
                               .body = fixture("zendesk/ticket-update.json"),
                               .headers = {SIGNED("2026-03-02T09:15:27Z")},
                               .zone_id = 3,
                               .brand_id = 4,
                               .contact_address_type_id = 5}),
            NULL, "the fixture is done");
    is_text(ask(ALL),
            "12|48213|2|Ouvert|Incident|Colis non reçu|Web Form|"
            "https://demo.zendesk.com/agent/tickets/48213|2026-03-02T09:15:27|NULL",
            "the case");
    is_text(ask("SELECT Description FROM Cases WHERE ContactId = (SELECT ContactId FROM Contacts)"),
            "----------------------------------------------\n\nLéa Marchand, 2 mars 2026 à "
            "10:12\n\nBonjour, mon colis n'est pas arrivé.",
            "its comments, and whose it is");
    is_text(ask("SELECT FirstName, LastName, ZoneId, BrandId, ContactAddressTypeId, Email,"
                " MobilePhoneNumber, EmailOptin FROM Contacts, Addresses"),
            "Léa|Marchand|3|4|5|lea.marchand@example.fr|+33612345678|NULL", "the requester");
    is_text(ask("SELECT SourceId, Identifier FROM ContactIdentifiers"),
            "12|email:lea.marchand@example.fr", "known by the mail address");
    empty();
    is_text(send_one(&(sent_t){.route = ROUTE,
                               .body = fixture("zendesk/ticket-update-broken.txt"),
                               .headers = {SIGNED("2026-03-02T10:40:03Z")}}),
            NULL, "the broken one is done");
    is_text(ask(ALL),
            "12|48214|3|En attente|NULL|Commande \"CRM-1042\" non reçue|Mail|"
            "https://demo.zendesk.com/agent/tickets/48214|2026-03-02T10:40:03|NULL",
            "and read as it was meant");
    is_text(ask("SELECT Description FROM Cases"),
            "----------------------------------------------\n\nService client, 2 mars 2026 à "
            "11:40\n\nBonjour Léa,\n\nVotre colis \"6A01234567890\" est en cours.\n\tCordialement"
            "\n\n----------------------------------------------\n\nLéa Marchand, 2 mars 2026 à "
            "10:12\n\nJ'ai reçu \"Colis perdu\", chemin C:\\docs\\scan.pdf, que faire ?",
            "with its comments");
    is_text(ask("SELECT FirstName, Email, MobilePhoneNumber FROM Contacts, Addresses"),
            "Léa|lea.marchand@example.fr|NULL", "and its requester");
}

static void words(void)
{
    static const char *const states[][7] = {
        [CRM_CASE_NEW] = {"New", "Nouveau", "Neu", "Nuevo", "Nuovo", "Nieuw", "Novo"},
        [CRM_CASE_OPEN] = {"open", "Ouvert", "Offen", "Abierto", "Aperto", "OPEN", "Aberto"},
        [CRM_CASE_PENDING] = {"Pending", "En attente", "Wartend", "Pendiente", "In attesa",
                              "Wachtend", "Pendente"},
        [CRM_CASE_ON_HOLD] = {"On-hold", "En pause", "Angehalten", "En espera", "In sospeso",
                              "In de wacht", "Em espera"},
        [CRM_CASE_SOLVED] = {"Solved", "Résolu", "Gelöst", "Resuelto", "Risolto", "Opgelost",
                             "RESOLVIDO"},
        [CRM_CASE_CLOSED] = {"Closed", "Clos", "Geschlossen", "Cerrado", "Chiuso", "Gesloten",
                             "Fechado"},
    };
    static const char *const types[][2] = {
        {"Question", "Question"}, {"frage", "Question"},          {"Incidente", "Incident"},
        {"Problème", "Problem"},  {"PROBL\xC3\x88ME", "Problem"}, {"Proble\xCC\x80me", "Problem"},
        {"Tâche", "Task"},        {"Attività", "Task"},           {"Taak", "Task"}};
    static const char *const unknown[] = {"",
                                          "Escalated",
                                          "новый",
                                          "open ✓",
                                          "-",
                                          "\xC3",
                                          "an answer that is far too long for any status there is"};
    int state, i;

    for (state = CRM_CASE_NEW; state <= CRM_CASE_CLOSED; state++) {
        for (i = 0; i < 7; i++) {
            is_number(handler_zendesk_state(states[state][i]), state, states[state][i]);
        }
    }
    is_number(handler_zendesk_state("on hold"), CRM_CASE_ON_HOLD, "a blank for a hyphen");
    is_number(handler_zendesk_state("RE\xCC\x81solu"), CRM_CASE_SOLVED, "an accent of its own");
    for (i = 0; i < (int)(sizeof(types) / sizeof(types[0])); i++) {
        is_text(handler_zendesk_type(types[i][0]), types[i][1], types[i][0]);
    }
    for (i = 0; i < (int)(sizeof(unknown) / sizeof(unknown[0])); i++) {
        is_number(handler_zendesk_state(unknown[i]), 0, "no status of ours");
        is_text(handler_zendesk_type(unknown[i]), NULL, "and no type");
    }
}

/* One row a case: what the ticket says besides its id, and what a query shows. */
static void members(void)
{
    static const struct {
        const char *members;
        const char *sql;
        const char *shown;
    } cases[] = {
        {"\"status\":\"Escalated\"", "SELECT CaseStateId, CaseStateText FROM Cases",
         "NULL|Escalated"},
        {"\"status\":\"\"", "SELECT CaseStateId, CaseStateText FROM Cases", "NULL|NULL"},
        {"\"status\":\"Résolu\"", "SELECT CaseStateId, ClosingDate FROM Cases",
         "5|2026-03-02T09:15:27"},
        {"\"status\":\"closed\"", "SELECT CaseStateId, ClosingDate FROM Cases",
         "6|2026-03-02T09:15:27"},
        {"\"type\":\"Tâche\"", "SELECT Identifier, Label, CaseCategoryPath FROM CaseCategories",
         "Task|Task|Task"},
        {"\"type\":\"Réclamation\"", "SELECT Identifier, Label FROM CaseCategories",
         "Réclamation|Réclamation"},
        {"\"type\":\"-\"", "SELECT COUNT(*) FROM CaseCategories", "0"},
        {"\"type\":\"\"", "SELECT COUNT(*) FROM CaseCategories", "0"},
        {"\"title\":\"{{ticket.title}}\",\"via\":\"{{ticket.via}}\"",
         "SELECT Title, Channel FROM Cases", "NULL|NULL"},
        {"\"requester\":{\"first_name\":\"Ann\",\"phone\":\"06 12 34 56 78\",\"email\":\"\"}",
         "SELECT Identifier, FirstName, MobilePhoneNumber FROM ContactIdentifiers, Contacts,"
         " Addresses",
         "phone:+33612345678|Ann|+33612345678"},
        {"\"requester\":{\"first_name\":\"Caller\",\"last_name\":\"+33 1 23 45 67 89\",\"phone\":"
         "\"+33123456789\",\"email\":\"\"}",
         "SELECT Identifier, FirstName, LastName, HomePhoneNumber, MobilePhoneNumber FROM"
         " ContactIdentifiers, Contacts, Addresses",
         "phone:+33123456789|NULL|NULL|+33123456789|NULL"},
        {"\"requester\":{\"first_name\":\"Ann\",\"last_name\":\"Bee\",\"email\":\"ann at b\"}",
         "SELECT COUNT(*) FROM Contacts", "0"},
        {"\"requester\":{\"email\":\"{{ticket.requester.email}}\"}",
         "SELECT COUNT(*) FROM Contacts", "0"},
        {"\"requester\":null", "SELECT ContactId FROM Cases", "NULL"},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        empty();
        is_text(post(apr_pstrcat(pool, "{\"id\":\"7\",", cases[i].members, "}", NULL)), NULL,
                apr_pstrcat(pool, "done: ", cases[i].members, NULL));
        is_text(ask(cases[i].sql), cases[i].shown, cases[i].members);
    }
}

static void whole_tickets(void)
{
    empty();
    is_text(post("{\"id\":48213}"), NULL, "a number alone");
    is_text(ask(ALL), "12|48213|NULL|NULL|NULL|NULL|NULL|NULL|2026-03-02T09:15:27|NULL",
            "is enough for a case");
    ok(has(post("{\"title\":\"Secret\",\"status\":\"Open\"}"), "reject: "), "no id is rejected");
    ok(!has(post("{\"title\":\"Secret\",\"status\":\"Open\"}"), "Secret"), "and nothing quoted");
    ok(has(post(""), "line 1, column 1"), "an empty body too, with its place");
    ok(has(post(apr_psprintf(pool, "{\"id\":\"%0300d\"}", 1)), "reject: "), "and a long number");
    empty();
    is_text(send_one(&(sent_t){.route = ROUTE, .body = "{\"id\":1}", .received_s = 1772442927}),
            NULL, "without a signed time");
    is_text(ask("SELECT OpeningDate FROM Cases"), "2026-03-02T09:15:27", "when it came counts");
    /* A name of one word is Zendesk's guess: it does not replace what somebody has told. */
    empty();
    send_one(&(sent_t){.route = "Adictiz/User/Participate",
                       .source_id = 13,
                       .body = "{\"timestamp\":1772400000,\"request_id\":\"1\",\"data\":{\"email\":"
                               "\"lea@b.fr\",\"firstname\":\"Léa\"}}"});
    is_text(post("{\"id\":1,\"requester\":{\"first_name\":\"Lea\",\"last_name\":\"\",\"email\":"
                 "\"LEA@b.fr\"}}"),
            NULL, "a requester who is known to another source");
    is_text(ask("SELECT FirstName, COUNT(*) FROM Contacts GROUP BY FirstName"), "Léa|1",
            "is that contact, by the better name");
    is_text(ask("SELECT COUNT(*) FROM Cases WHERE ContactId IS NOT NULL"), "1", "the case's");
}

#define UPDATE(time, status, rest)                                                                 \
    {                                                                                              \
        .route = ROUTE,                                                                            \
        .body =                                                                                    \
            "{\"via\":\"Mail\",\"title\":\"T\",\"id\":\"9\",\"status\":\"" status "\"," rest "}",  \
        .headers = {                                                                               \
            SIGNED(time)                                                                           \
        }                                                                                          \
    }
#define REQUESTER(first, last, email, phone)                                                       \
    "\"requester\":{\"first_name\":\"" first "\",\"last_name\":\"" last "\",\"email\":\"" email    \
    "\",\"phone\":\"" phone "\"}"

static void orders(void)
{
    static const sent_t updates[] = {
        UPDATE("2026-03-02T09:00:00Z", "Nouveau",
               "\"type\":\"-\",\"comments\":\"a\"," REQUESTER("Ann", "", "ann@b.fr", "")),
        UPDATE("2026-03-02T09:05:00Z", "Ouvert",
               "\"type\":\"Incident\",\"comments\":\"\"," REQUESTER("Ann", "Bee", "ann@b.fr",
                                                                    "0612345678")),
        UPDATE("2026-03-02T09:05:00Z", "Escalated",
               "\"type\":\"Question\",\"comments\":\"c\\n\\nb\""),
        UPDATE("2026-03-02T10:00:00Z", "Résolu",
               "\"type\":\"Incident\",\"comments\":\"d\\n\\nc\"," REQUESTER("Annie", "", "ann@b.fr",
                                                                            "")),
        UPDATE(
            "2026-03-02T11:00:00Z", "Ouvert",
            "\"comments\":\"{{ticket.comments_formatted}}\"," REQUESTER("Joe", "", "joe@b.fr", "")),
        UPDATE("2026-03-02T12:00:00Z", "Clos", "\"type\":\"\"," REQUESTER("", "", "", "")),
    };

    all_orders_agree(updates, 5, "updates of a ticket");
    is_text(ask(ALL), "12|9|2|Ouvert|Incident|T|Mail|NULL|2026-03-02T09:00:00|NULL",
            "the newest state, the first date");
    is_text(ask("SELECT Description, Identifier FROM Cases k JOIN ContactIdentifiers i"
                " ON i.ContactId = k.ContactId"),
            "d\n\nc|email:joe@b.fr", "the newest comments and requester that were told");
    is_text(ask("SELECT FirstName, LastName FROM Contacts ORDER BY FirstName"), "Ann|Bee\nJoe|NULL",
            "two requesters, by their better names");
    all_orders_agree(updates + 2, 4, "until it was closed");
    is_text(ask(ALL), "12|9|6|Clos|NULL|T|Mail|NULL|2026-03-02T09:05:00|2026-03-02T12:00:00",
            "it has a closing date, and no type any more");
}

static void broken(void)
{
    const sent_t like = {.route = ROUTE, .headers = {SIGNED("2026-03-02T09:15:27Z")}};
    const char *whole = fixture("zendesk/ticket-update.json");
    const char *unescaped = fixture("zendesk/ticket-update-broken.txt");

    empty();
    ok(broken_cut(&like, whole) > 50, "without an id it is rejected");
    ok(broken_cut(&like, unescaped) > 50, "unescaped as well");
    broken_types(&like, whole);
    broken_nested(&like, "[", "]");
    broken_nested(&like, "{\"requester\":", "}");
    broken_bytes(&like, whole);
    broken_bytes(&like, unescaped);
    broken_long(&like, whole, "Bonjour");
    broken_long(&like, whole, "Ouvert");
    broken_long(&like, whole, "Incident");
    broken_long(&like, unescaped, "lea.marchand");
    broken_left_nothing("broken tickets");
}

int main(void)
{
    start();
    mapping();
    words();
    members();
    whole_tickets();
    orders();
    broken();
    crm_db_close(db);
    return tap_done();
}
