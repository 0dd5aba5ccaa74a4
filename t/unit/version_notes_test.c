/* Notes of the guard: what was written is read back, in whatever form of JSON it stands. */
#include <apr_general.h>

#include <stdlib.h>

#include "core/log.h"
#include "crm/version_private.h"
#include "t/unit/tap.h"

#define V1 "019caddbac0-00000000000-0123456789abcdef"
#define V2 "019caddbac1-00000000000-0123456789abcdef"

static int warnings;

static void count_warnings(void *baton, crm360_log_level_t level, apr_status_t rv, const char *text)
{
    (void)baton;
    (void)rv;
    (void)text;
    warnings += level == CRM360_LOG_WARNING;
}

static const struct {
    const char *text; /* as stored */
    const char *same; /* as we write it; NULL = likewise */
    const char *what;
} notes[] = {
    {"{}", NULL, "no group"},
    {"{\"label\":[\"" V1 "\",\"\"]}", NULL, "a value"},
    {"{\"a\":[\"" V1 "\",\"12:7\"],\"b\":[\"\",\"\",{\"12:7\":\"" V1 "\"}]}", NULL, "an empty one"},
    {"{\"a\":[\"" V1 "\",\"1:a\",{\"1:b\":\"" V2 "\",\"1:c\":\"" V2 "\"}]}", NULL, "two writers"},
    {"{\"emailoptin\":[\"" V1 "\",\"1:a\",{},\"1\"]}", NULL, "a kept value"},
    {"{\"emailoptin\":[\"" V1 "\",\"1:a\",{\"1:b\":\"" V2 "\"},null]}", NULL, "a kept empty one"},
    {"{\"a\":[\"" V1 "\",\"1:\\\"a\\\\\"],\"b\":[\"" V1 "\",\"1:\\u0001\\n\"]}", NULL, "escapes"},
    {"{\"b\":[\"" V1 "\",\"\"],\"a\":[\"" V2 "\",\"\"]}",
     "{\"a\":[\"" V2 "\",\"\"],\"b\":[\"" V1 "\",\"\"]}", "another order"},
    {" { \"a\" : [ \"" V1 "\" , \"1:\\u00e9\" , { } , \"1\" ] } ",
     "{\"a\":[\"" V1 "\",\"1:\xC3\xA9\",{},\"1\"]}", "with blanks"},
    {"{\"a\":[\"" V1 "\",\"\",{}]}", "{\"a\":[\"" V1 "\",\"\"]}", "an empty list of writers"},
    {"{\"a\":[\"" V1 "\"],\"b\":7,\"c\":[]}", "{\"a\":[\"" V1 "\",\"\"],\"c\":[\"\",\"\"]}",
     "what lacks something"},
};

static const char *const broken[] = {"",
                                     "7",
                                     "[]",
                                     "{",
                                     "{\"a\"",
                                     "{\"a\":[\"" V1 "\",\"\"]",
                                     "{\"a\":[\"" V1 "\",\"\"]}}",
                                     "{\"a\":[\"" V1 "\",\"\"],}",
                                     "{\"a\":[\"" V1 "\",\"\",{\"x\":\"y\"]}",
                                     "{\"a\":[\"" V1 "\",\"\",{},nul]}"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int main(void)
{
    apr_pool_t *pool;
    size_t i;

    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    crm360_log_set(count_warnings, NULL, CRM360_LOG_INFO);
    for (i = 0; i < COUNT(notes); i++) {
        is_text(crm_guard_text(crm_guard_read(notes[i].text, "T", "k", pool), pool),
                notes[i].same ? notes[i].same : notes[i].text, notes[i].what);
    }
    is_number(warnings, 0, "none of these is worth a warning");
    for (i = 0; i < COUNT(broken); i++) {
        is_text(crm_guard_text(crm_guard_read(broken[i], "T", "k", pool), pool), "{}", broken[i]);
    }
    is_number(warnings, (long long)COUNT(broken),
              "notes that are not JSON are begun anew, and said");
    is_text(crm_guard_text(crm_guard_read(NULL, "T", "k", pool), pool), "{}", "none");
    return tap_done();
}
