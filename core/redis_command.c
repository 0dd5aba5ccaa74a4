/* Building commands of counted words, and the digests of scripts. Knows nothing of connections. */
#include "core/redis.h"

#include <apr_sha1.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "core/encode.h"

crm360_command_t *crm360_command_make(int most, apr_pool_t *pool)
{
    crm360_command_t *command = apr_palloc(pool, sizeof *command);

    command->argc = 0;
    command->most = most;
    command->argv = apr_palloc(pool, (apr_size_t)most * sizeof *command->argv);
    command->lens = apr_palloc(pool, (apr_size_t)most * sizeof *command->lens);
    return command;
}

void crm360_command_add_bytes(crm360_command_t *command, const char *data, apr_size_t len)
{
    if (command->argc == command->most) {
        abort(); /* whoever counted wrong must not write on */
    }
    command->argv[command->argc] = data;
    command->lens[command->argc] = len;
    command->argc++;
}

void crm360_command_add(crm360_command_t *command, const char *text)
{
    crm360_command_add_bytes(command, text, strlen(text));
}

void crm360_command_add_number(crm360_command_t *command, apr_int64_t number, apr_pool_t *pool)
{
    crm360_command_add(command, apr_psprintf(pool, "%" APR_INT64_T_FMT, number));
}

void crm360_script_digest(crm360_script_t *script)
{
    unsigned char digest[APR_SHA1_DIGESTSIZE];
    apr_sha1_ctx_t context;

    apr_sha1_init(&context);
    apr_sha1_update(&context, script->text, (unsigned int)strlen(script->text));
    apr_sha1_final(digest, &context);
    crm360_hex_write(script->sha, digest, sizeof(digest));
}
