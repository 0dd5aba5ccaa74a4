/*
 * Drives outbound_mail_send() for t/80-mail.t: one worker that lives as long as its standard input.
 * usage: send_mail FOLDER MS     folder of the outbox, most milliseconds of a call
 *
 * Each line of input is an object: {"provider": {"url", "user", "secret", "ca", "tls", "kind"}, or
 * null for the outbox; "mail": {"id", "from", "from_name", "reply_to", "to": [], "subject", "html",
 * "text", "attachment", "attachment_name", "attachment_type"}}. Each is answered by a line:
 * {"fate", "reference", "code", "reason", "alarm", "retry_after", "ms"}.
 */
#include <apr_general.h>
#include <apr_strings.h>
#include <json-c/json.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "outbound/mail.h"

static const char *const fates[] = {"uncertain", "sent", "refused", "failed", "away"};

static const char *text_of(json_object *object, const char *name)
{
    json_object *value = NULL;

    json_object_object_get_ex(object, name, &value);
    return json_object_get_string(value);
}

static const crm360_provider_t *read_provider(json_object *object, apr_pool_t *pool)
{
    crm360_provider_t *provider = apr_pcalloc(pool, sizeof(*provider));

    if (!object) {
        return NULL;
    }
    provider->url = text_of(object, "url");
    provider->kind = text_of(object, "kind") ? text_of(object, "kind") : "smtp";
    provider->user = text_of(object, "user");
    provider->secret = text_of(object, "secret");
    provider->ca = text_of(object, "ca");
    provider->tls = text_of(object, "tls");
    return provider;
}

static void read_mail(outbound_mail_t *mail, json_object *object, apr_pool_t *pool)
{
    apr_array_header_t *to = apr_array_make(pool, 4, sizeof(const char *));
    json_object *list = NULL;
    size_t i;

    memset(mail, 0, sizeof(*mail));
    mail->id = text_of(object, "id");
    mail->from = text_of(object, "from");
    mail->from_name = text_of(object, "from_name");
    mail->reply_to = text_of(object, "reply_to");
    mail->subject = text_of(object, "subject");
    mail->html = text_of(object, "html");
    mail->text = text_of(object, "text");
    mail->attachment = text_of(object, "attachment");
    mail->attachment_len = mail->attachment ? strlen(mail->attachment) : 0;
    mail->attachment_name = text_of(object, "attachment_name");
    mail->attachment_type = text_of(object, "attachment_type");
    json_object_object_get_ex(object, "to", &list);
    for (i = 0; list && i < json_object_array_length(list); i++) {
        APR_ARRAY_PUSH(to, const char *) =
            json_object_get_string(json_object_array_get_idx(list, i));
    }
    mail->to = to;
}

static void add(json_object *answer, const char *name, const char *text)
{
    json_object_object_add(answer, name, text ? json_object_new_string(text) : NULL);
}

static void one(outbound_t *outbound, const char *line, apr_pool_t *pool)
{
    json_object *order = json_tokener_parse(line);
    json_object *provider = NULL, *object = NULL;
    json_object *answer = json_object_new_object();
    outbound_result_t result;
    outbound_mail_t mail;
    apr_time_t begun = crm360_clock();

    json_object_object_get_ex(order, "provider", &provider);
    json_object_object_get_ex(order, "mail", &object);
    read_mail(&mail, object, pool);
    outbound_mail_send(&result, outbound, read_provider(provider, pool), &mail, pool);
    add(answer, "fate", fates[result.fate]);
    add(answer, "reference", result.reference);
    add(answer, "code", result.code);
    add(answer, "reason", result.reason);
    json_object_object_add(answer, "alarm", json_object_new_int(result.alarm));
    json_object_object_add(answer, "retry_after",
                           json_object_new_int((int)apr_time_sec(result.retry_after)));
    json_object_object_add(answer, "ms",
                           json_object_new_int((int)((crm360_clock() - begun) / 1000)));
    puts(json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN));
    fflush(stdout);
    json_object_put(answer);
    json_object_put(order);
}

int main(int argc, char **argv)
{
    apr_pool_t *whole, *pool;
    outbound_t *outbound;
    char *line = NULL;
    size_t size = 0;

    signal(SIGPIPE, SIG_IGN);
    apr_initialize();
    apr_pool_create(&whole, NULL);
    if (argc != 3 || outbound_make(&outbound, argv[1], apr_strtoi64(argv[2], NULL, 10) * 1000,
                                   whole) != APR_SUCCESS) {
        return 2;
    }
    while (getline(&line, &size, stdin) > 0) {
        apr_pool_create(&pool, whole);
        one(outbound, line, pool);
        apr_pool_destroy(pool);
    }
    free(line);
    apr_pool_destroy(whole);
    apr_terminate();
    return 0;
}
