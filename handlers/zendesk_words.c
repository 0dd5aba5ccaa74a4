/*
 * Zendesk's words for the status and the type of a ticket: placeholders show them in the language
 * of the account (https://support.zendesk.com/hc/en-us/articles/4408886858138). Must never guess:
 * what is not in the tables has no meaning here.
 */
#include <apr_lib.h>

#include <string.h>

#include "handlers/zendesk.h"

#define KEY_MOST 40

typedef struct word_t {
    const char *key; /* letters only, without case and accents */
    int meaning;
} word_t;

static const word_t states[] = {
    {"new", CRM_CASE_NEW},
    {"nouveau", CRM_CASE_NEW},
    {"neu", CRM_CASE_NEW},
    {"nuevo", CRM_CASE_NEW},
    {"nuovo", CRM_CASE_NEW},
    {"nieuw", CRM_CASE_NEW},
    {"novo", CRM_CASE_NEW},
    {"open", CRM_CASE_OPEN},
    {"ouvert", CRM_CASE_OPEN},
    {"offen", CRM_CASE_OPEN},
    {"abierto", CRM_CASE_OPEN},
    {"aperto", CRM_CASE_OPEN},
    {"aberto", CRM_CASE_OPEN},
    {"pending", CRM_CASE_PENDING},
    {"enattente", CRM_CASE_PENDING},
    {"wartend", CRM_CASE_PENDING},
    {"pendiente", CRM_CASE_PENDING},
    {"inattesa", CRM_CASE_PENDING},
    {"wachtend", CRM_CASE_PENDING},
    {"inafwachting", CRM_CASE_PENDING},
    {"pendente", CRM_CASE_PENDING},
    {"onhold", CRM_CASE_ON_HOLD},
    {"hold", CRM_CASE_ON_HOLD},
    {"enpause", CRM_CASE_ON_HOLD},
    {"angehalten", CRM_CASE_ON_HOLD},
    {"enespera", CRM_CASE_ON_HOLD},
    {"insospeso", CRM_CASE_ON_HOLD},
    {"indewacht", CRM_CASE_ON_HOLD},
    {"emespera", CRM_CASE_ON_HOLD},
    {"solved", CRM_CASE_SOLVED},
    {"resolu", CRM_CASE_SOLVED},
    {"gelost", CRM_CASE_SOLVED},
    {"geloest", CRM_CASE_SOLVED},
    {"resuelto", CRM_CASE_SOLVED},
    {"risolto", CRM_CASE_SOLVED},
    {"opgelost", CRM_CASE_SOLVED},
    {"resolvido", CRM_CASE_SOLVED},
    {"closed", CRM_CASE_CLOSED},
    {"clos", CRM_CASE_CLOSED},
    {"ferme", CRM_CASE_CLOSED},
    {"geschlossen", CRM_CASE_CLOSED},
    {"cerrado", CRM_CASE_CLOSED},
    {"chiuso", CRM_CASE_CLOSED},
    {"gesloten", CRM_CASE_CLOSED},
    {"fechado", CRM_CASE_CLOSED},
    {"encerrado", CRM_CASE_CLOSED},
};

/* Meanings are places in type_names. */
static const char *const type_names[] = {NULL, "Question", "Incident", "Problem", "Task"};

static const word_t types[] = {
    {"question", 1}, {"frage", 1},     {"pregunta", 1}, {"domanda", 1},  {"vraag", 1},
    {"pergunta", 1}, {"duvida", 1},    {"incident", 2}, {"vorfall", 2},  {"storung", 2},
    {"stoerung", 2}, {"incidente", 2}, {"problem", 3},  {"probleme", 3}, {"problema", 3},
    {"probleem", 3}, {"task", 4},      {"tache", 4},    {"aufgabe", 4},  {"tarea", 4},
    {"attivita", 4}, {"compito", 4},   {"taak", 4},     {"tarefa", 4},
};

/* The letter under U+00C0 to U+00FF, whose UTF-8 is 0xC3 and `second`; '\0' = no letter of ours. */
static char letter_under(unsigned char second)
{
    static const char letters[] = "aaaaaaaceeeeiiiidnooooo?ouuuuy?s";
    char letter = second >= 0x80 && second <= 0xBF ? letters[second & 0x1F] : '?';

    return letter == '?' ? '\0' : letter;
}

/* Writes the letters of `text` without case and accents; accents may stand behind their letter, as
 * marks of their own (U+0300 to U+036F). 0 when there are other letters, or too many. */
static int make_key(char *key, const char *text)
{
    const unsigned char *from = (const unsigned char *)text;
    size_t n = 0;
    char c;

    for (; *from; from++) {
        if (apr_isalnum(*from) && *from < 0x80) {
            c = (char)apr_tolower(*from);
        }
        else if (*from == 0xC3 && (c = letter_under(from[1])) != '\0') {
            from++;
        }
        else if ((*from == 0xCC || *from == 0xCD) && from[1] >= 0x80) {
            from++;
            continue;
        }
        else if (*from == ' ' || *from == '-' || *from == '_') {
            continue;
        }
        else {
            return 0;
        }
        if (n == KEY_MOST) {
            return 0;
        }
        key[n++] = c;
    }
    key[n] = '\0';
    return 1;
}

static int find(const word_t *words, size_t count, const char *text)
{
    char key[KEY_MOST + 1];
    size_t i;

    if (!make_key(key, text)) {
        return 0;
    }
    for (i = 0; i < count; i++) {
        if (strcmp(words[i].key, key) == 0) {
            return words[i].meaning;
        }
    }
    return 0;
}

crm_case_state_t handler_zendesk_state(const char *text)
{
    return (crm_case_state_t)find(states, sizeof(states) / sizeof(states[0]), text);
}

const char *handler_zendesk_type(const char *text)
{
    return type_names[find(types, sizeof(types) / sizeof(types[0]), text)];
}
