/*
 * The httpd module: its directives, its hooks and its record. The hooks find the requests that are
 * webhooks and keep the site's own rules for files away from them; what becomes of such a request
 * is mod_crm360_request.c. Must never connect to anything before a child runs, and never touch a
 * request that is not a webhook.
 */
#include "mod_crm360_private.h"

#include <ap_mpm.h>
#include <apr_cstr.h>
#include <apr_shm.h>
#include <apr_strings.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>

#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/status.h"

#define HANDLER "crm360-webhook"
#define SECTION "<" CRM360_SECTION
/* Slots of shared memory begin where no processor minds. */
#define SLOT(bytes) (((bytes) + 63) & ~(apr_size_t)63)

extern module AP_MODULE_DECLARE_DATA crm360_webhook_module;
APLOG_USE_MODULE(crm360_webhook);

/* ---- configuration ---- */

static webhook_server_t *config_of(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &crm360_webhook_module);
}

static const crm360_location_t *location_of(const request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, &crm360_webhook_module);
}

static void *webhook_server_make(apr_pool_t *pool, server_rec *s)
{
    webhook_server_t *server = apr_pcalloc(pool, sizeof(*server));

    (void)s;
    server->config = crm360_config_make(pool);
    server->lender = server;
    return server;
}

/* A virtual host without a server setting of its own uses the queue of the main server: a
 * thousand such hosts must not mean a thousand lists of connections. */
static void *webhook_server_merge(apr_pool_t *pool, void *base_config, void *add_config)
{
    webhook_server_t *base = base_config;
    webhook_server_t *add = add_config;
    webhook_server_t *merged = apr_pcalloc(pool, sizeof(*merged));

    merged->config = crm360_config_merge(base->config, add->config, pool);
    merged->own = add->own;
    merged->lender = add->own ? merged : base->lender;
    return merged;
}

static void *webhook_location_make(apr_pool_t *pool, char *path)
{
    (void)path;
    return crm360_location_make(pool);
}

static void *webhook_location_merge(apr_pool_t *pool, void *base, void *add)
{
    return crm360_location_merge(base, add, pool);
}

/* ---- directives ---- */

/* Whether the directive stands inside <Location> or <LocationMatch>. In a <Directory> it would
 * be read too late: URLs are claimed before httpd knows a directory. */
static int in_location(const cmd_parms *cmd)
{
    const ap_directive_t *parent;

    for (parent = cmd->directive->parent; parent; parent = parent->parent) {
        if (apr_cstr_casecmpn(parent->directive, "<Location", 9) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Any directive of the table. Its rules are those of crm360d's parser, so httpd's own check of
 * context and count stays out of the way. */
static const char *webhook_directive(cmd_parms *cmd, void *location, const char *args)
{
    const crm360_directive_t *directive = cmd->info;
    webhook_server_t *server = config_of(cmd->server);

    if (cmd->path) {
        if ((directive->contexts & CRM360_IN_LOCATION) && !in_location(cmd)) {
            return apr_pstrcat(cmd->pool, directive->name,
                               ": belongs inside <Location> of httpd, not into the section it "
                               "stands in; allowed: <Location> or <LocationMatch>",
                               NULL);
        }
        return crm360_directive_apply(directive, location, CRM360_IN_LOCATION, CRM360_READ_HTTPD,
                                      args, cmd->pool);
    }
    server->own = 1;
    return crm360_directive_apply(directive, server->config, CRM360_IN_SERVER, CRM360_READ_HTTPD,
                                  args, cmd->pool);
}

/* <Crm360Database customer alias>: what stands in it is for us alone, so its lines are not
 * looked up among httpd's commands but applied here. */
static const char *webhook_database(cmd_parms *cmd, void *location, const char *args)
{
    crm360_config_t *config = config_of(cmd->server)->config;
    crm360_database_t *database;
    ap_directive_t *child;
    const char *fault;

    (void)location;
    if (cmd->path || cmd->server->is_virtual) {
        return SECTION ">: belongs at the level of the main server; allowed: not inside "
                       "<VirtualHost> or any other section";
    }
    fault = crm360_section_args(&args, args, cmd->pool);
    if (!fault) {
        fault = crm360_database_begin(&database, config, args, cmd->directive->filename,
                                      cmd->directive->line_num, cmd->pool);
    }
    for (child = cmd->directive->first_child; child && !fault; child = child->next) {
        const crm360_directive_t *directive = crm360_directive_find(child->directive);

        fault = directive ? crm360_directive_apply(directive, database, CRM360_IN_DATABASE,
                                                   CRM360_READ_HTTPD, child->args, cmd->pool)
                          : apr_pstrcat(cmd->pool, child->directive,
                                        ": is no directive of a " SECTION "> section", NULL);
        if (fault) {
            cmd->err_directive = child; /* so that httpd names that line, not the section's */
        }
    }
    return fault;
}

/* httpd looks at the commands of a module before it calls any function of it, so the array is
 * made from the table of directives when the module is loaded, and freed when it is unloaded (at
 * each restart). Every context is open here: webhook_directive() knows better texts for a wrong
 * one than httpd. Only .htaccess files stay closed, by the lack of any OR_... bit. */
static void __attribute__((constructor)) webhook_commands_make(void)
{
    apr_size_t count = 0;
    command_rec *commands;
    apr_size_t i;

    while (crm360_directives[count].name) {
        count++;
    }
    commands = calloc(count + 2, sizeof(*commands));
    if (!commands) {
        abort(); /* at start, before there is anybody to tell */
    }
    for (i = 0; i < count; i++) {
        commands[i].name = crm360_directives[i].name;
        commands[i].AP_RAW_ARGS = webhook_directive;
        commands[i].cmd_data = (void *)&crm360_directives[i];
        commands[i].req_override = RSRC_CONF | ACCESS_CONF;
        commands[i].args_how = RAW_ARGS;
        commands[i].errmsg = crm360_directives[i].help;
    }
    commands[count].name = SECTION;
    commands[count].AP_RAW_ARGS = webhook_database;
    commands[count].req_override = RSRC_CONF | ACCESS_CONF;
    commands[count].args_how = RAW_ARGS;
    commands[count].errmsg = "Begins the section of one database: customer and alias.";
    crm360_webhook_module.cmds = commands;
}

static void __attribute__((destructor)) webhook_commands_free(void)
{
    free((void *)crm360_webhook_module.cmds);
    crm360_webhook_module.cmds = NULL;
}

/* ---- hooks of the start ---- */

/* Checks each file that holds a <Crm360Database> section as a whole, as crm360d will: httpd itself
 * would take Include, <IfModule>, ${} or directives of other modules in it, and crm360d would not.
 * `checked` holds the names of the files that have been seen. */
static int check_files(const ap_directive_t *node, apr_table_t *checked, apr_pool_t *ptemp)
{
    crm360_config_t *thrown_away;
    const char *fault;

    for (; node; node = node->next) {
        if (node->first_child && check_files(node->first_child, checked, ptemp) != OK) {
            return HTTP_INTERNAL_SERVER_ERROR;
        }
        if (apr_cstr_casecmp(node->directive, SECTION) != 0 ||
            apr_table_get(checked, node->filename)) {
            continue;
        }
        apr_table_setn(checked, node->filename, "");
        if (crm360_config_read(&thrown_away, &fault, node->filename, CRM360_READ_HTTPD, ptemp) !=
            APR_SUCCESS) {
            ap_log_error(APLOG_MARK, APLOG_CRIT | APLOG_STARTUP, 0, NULL, CRM360_LOGNO(0201) "%s",
                         fault);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return OK;
}

/* pre_config, RUN_ALL: OK, DECLINED or an error that ends the start. The tree of directives has
 * been read, and none of it applied. */
static int webhook_pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    (void)pconf;
    (void)plog;
    return check_files(ap_conftree, apr_table_make(ptemp, 4), ptemp);
}

/* What is wrong with the settings of one server; NULL when nothing is. */
static const char *config_fault(server_rec *s, apr_pool_t *pool)
{
    const crm360_config_t *config = config_of(s)->config;
    const crm360_spool_place_t *place = crm360_config_spool(config);
    const char *fault = crm360_config_check(config, CRM360_READ_HTTPD, pool);

    if (!fault && place) {
        fault = crm360_spool_fault(place, pool);
    }
    return fault && s->defn_name ? apr_psprintf(pool, "%s:%u: virtual host %s: %s", s->defn_name,
                                                s->defn_line_number, s->server_hostname, fault)
                                 : fault;
}

/* check_config, RUN_ALL: OK, DECLINED or an error. Runs for configtest too; what no single
 * directive can see is checked here, merged and for each server. */
static int webhook_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                                server_rec *main_server)
{
    server_rec *s;

    (void)pconf;
    (void)plog;
    for (s = main_server; s; s = s->next) {
        const char *fault = config_fault(s, ptemp);

        if (fault) {
            ap_log_error(APLOG_MARK, APLOG_CRIT | APLOG_STARTUP, 0, s, CRM360_LOGNO(0202) "%s",
                         fault);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    /* A start says it in post_config, once; this is for those who only ask. */
    if (ap_state_query(AP_SQ_RUN_MODE) == AP_SQ_RM_CONFIG_TEST) {
        webhook_origin_warn(main_server, config_of(main_server)->config);
    }
    return OK;
}

/* Lines of core/ go into the log of the main server. */
static void webhook_log(void *baton, crm360_log_level_t level, apr_status_t rv, const char *text)
{
    static const int levels[] = {
        [CRM360_LOG_ERROR] = APLOG_ERR,     [CRM360_LOG_WARNING] = APLOG_WARNING,
        [CRM360_LOG_NOTICE] = APLOG_NOTICE, [CRM360_LOG_INFO] = APLOG_INFO,
        [CRM360_LOG_DEBUG] = APLOG_DEBUG,   [CRM360_LOG_TRACE] = APLOG_TRACE1,
    };

    if (rv > APR_OS_START_USERERR) {
        char reason[120];

        /* One of our own values, which httpd would not understand. */
        ap_log_error(APLOG_MARK, levels[level], 0, baton, "%s (%s)", text,
                     crm360_status_text(rv, reason, sizeof(reason)));
        return;
    }
    ap_log_error(APLOG_MARK, levels[level], rv, baton, "%s", text);
}

static void plug_log(server_rec *main_server)
{
    int level = ap_get_server_module_loglevel(main_server, APLOG_MODULE_INDEX);

    crm360_log_set(webhook_log, main_server,
                   level >= APLOG_TRACE1  ? CRM360_LOG_TRACE
                   : level >= APLOG_DEBUG ? CRM360_LOG_DEBUG
                   : level >= APLOG_INFO  ? CRM360_LOG_INFO
                                          : CRM360_LOG_NOTICE);
}

/* post_config, RUN_ALL: OK, DECLINED or an error. Makes the memory in which all children
 * remember that a Redis is away, or a spool full, and count how fast requests come; and the texts
 * of the help page; connects to nothing. A database is a section of the main server, so its rates
 * are the same whatever virtual host a request comes to. */
static int webhook_post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                               server_rec *main_server)
{
    apr_size_t health = SLOT(crm360_queue_health_size());
    apr_size_t unseen = health + SLOT(crm360_spool_state_size());
    apr_size_t slot = unseen + SLOT(sizeof(apr_uint32_t));
    apr_size_t size = SLOT(webhook_limits_size(config_of(main_server)->config));
    webhook_help_t *help;
    webhook_numbers_t *numbers;
    const char *key;
    server_rec *s;
    apr_shm_t *shm;
    apr_status_t rv;
    char *at;

    (void)plog;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK; /* the first of two passes at start is thrown away */
    }
    plug_log(main_server);
    webhook_origin_warn(main_server, config_of(main_server)->config);
    for (s = main_server; s; s = s->next) {
        size += slot;
    }
    rv = apr_shm_create(&shm, size, NULL, pconf);
    if (rv == APR_SUCCESS) {
        rv = webhook_numbers_make(&numbers, main_server, ptemp);
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT | APLOG_STARTUP, rv, main_server,
                     CRM360_LOGNO(0203) "no shared memory of %" APR_SIZE_T_FMT " bytes", size);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    at = apr_shm_baseaddr_get(shm);
    memset(at, 0, size);
    help = webhook_help_make(pconf, ptemp);
    key = webhook_status_key(pconf);
    for (s = main_server; s; s = s->next, at += slot) {
        config_of(s)->health = at;
        config_of(s)->spool_state = at + health;
        config_of(s)->unseen = (void *)(at + unseen);
        config_of(s)->help = help;
        config_of(s)->numbers = numbers;
        config_of(s)->status_key = key;
    }
    webhook_limits_make(config_of(main_server), at, pconf);
    for (s = main_server; s; s = s->next) {
        config_of(s)->rates = config_of(main_server)->rates;
        config_of(s)->holds = config_of(main_server)->holds;
    }
    return OK;
}

/* The spool of one server. Here the process is the user that will write. */
static void make_spool(webhook_server_t *server, apr_pool_t *pool)
{
    const crm360_spool_place_t *place = crm360_config_spool(server->config);

    if (place) {
        server->spool = crm360_spool_make(place, server->spool_state, pool);
        crm360_spool_try(server->spool);
    }
}

/* child_init, VOID: makes the access to the queues and spools. A child without queue spools its
 * webhooks, or answers them with 503, and serves everything else.
 *
 * The queues do not end with the pool of the child: prefork destroys that one in its handler of
 * SIGTERM, also while a push is under way, and a list of connections that is cleaned up while one
 * of them is lent out aborts the process. They last as long as the process, and the kernel closes
 * the connections. */
static void webhook_child_init(apr_pool_t *pchild, server_rec *main_server)
{
    apr_pool_t *pool;
    server_rec *s;
    int threads = 0;

    (void)pchild;
    if (apr_pool_create_unmanaged_ex(&pool, NULL, NULL) != APR_SUCCESS) {
        return; /* no memory at all: no queue, 503 */
    }
    apr_pool_tag(pool, "crm360_queues");
    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    for (s = main_server; s; s = s->next) {
        webhook_server_t *server = config_of(s);
        apr_status_t rv;

        if (server->lender != server || server->queue) {
            continue;
        }
        make_spool(server, pool);
        rv = crm360_queue_make(&server->queue, server->config, threads > 0 ? threads : 1,
                               server->health, pool);
        if (rv != APR_SUCCESS) {
            server->queue = NULL;
            ap_log_error(APLOG_MARK, APLOG_ERR, rv, s,
                         CRM360_LOGNO(0204) "no access to the queue in this child; it spools "
                                            "webhooks of this server, or answers 503");
        }
    }
}

/* ---- hooks of a request ---- */

/* Whether the path of a main request has a segment that makes it ours, in a location with
 * Crm360Webhook On. Anything else below such a location stays the site's. */
static int is_webhook(const request_rec *r)
{
    const char *segment = r->uri;

    if (r->main || !crm360_location_enabled(location_of(r))) {
        return 0;
    }
    if (r->prev && ap_is_HTTP_ERROR(r->prev->status)) {
        return 0; /* an ErrorDocument is no webhook: nobody sent it */
    }
    while (*segment) {
        apr_size_t len = strcspn(segment, "/");

        if (crm360_process_find(NULL, segment, len)) {
            return 1;
        }
        segment += len;
        segment += strspn(segment, "/");
    }
    return 0;
}

/* What is noted of a request that is a webhook. */
typedef struct webhook_claim_t {
    const char *query; /* as it came, before its token was hidden; NULL = none */
    int claimed;       /* its path is decoded, and still that of a webhook */
} webhook_claim_t;

/* NULL: not known as a webhook (yet). */
static webhook_claim_t *claim_of(const request_rec *r)
{
    return ap_get_module_config(r->request_config, &crm360_webhook_module);
}

static int is_claimed(const request_rec *r)
{
    const webhook_claim_t *claim = claim_of(r);

    return claim && claim->claimed;
}

/* Hides its token at once: httpd may refuse it before anything else of ours is called. */
static webhook_claim_t *claim_make(request_rec *r)
{
    webhook_claim_t *claim = claim_of(r);

    if (!claim) {
        claim = apr_pcalloc(r->pool, sizeof(*claim));
        claim->query = webhook_hide_tokens(r);
        ap_set_module_config(r->request_config, &crm360_webhook_module, claim);
    }
    return claim;
}

/* pre_translate_name, RUN_FIRST: OK, DECLINED or HTTP_... . Only keeps a ProxyPass with
 * mapping=encoded from taking the request: its path would stay encoded, and go around a
 * <Location> that denies access. It is claimed once its path is decoded. */
static int webhook_pre_translate(request_rec *r)
{
    if (!is_webhook(r)) {
        return DECLINED;
    }
    claim_make(r);
    return OK;
}

/* translate_name, RUN_FIRST: OK, DECLINED or HTTP_... . Claims the request before Alias,
 * ProxyPass or a RewriteRule of the server see it. It has no file: a name without slash and dot
 * keeps modules that look at names (mod_mime, mod_speling, mod_rewrite of a directory) from
 * finding something in it. */
static int webhook_translate(request_rec *r)
{
    if (!is_webhook(r)) {
        return DECLINED;
    }
    claim_make(r)->claimed = 1;
    r->filename = apr_pstrdup(r->pool, HANDLER);
    r->path_info = apr_pstrdup(r->pool, "");
    r->handler = HANDLER; /* FallbackResource looks for requests without one */
    r->proxyreq = PROXYREQ_NONE;
    return OK;
}

/* map_to_storage, RUN_FIRST: OK, DECLINED or HTTP_... . OK means: no directory to walk, so neither
 * document root nor .htaccess apply. Comes before httpd answers TRACE. */
static int webhook_map_to_storage(request_rec *r)
{
    return is_claimed(r) ? OK : DECLINED;
}

/* fixups, RUN_ALL: OK, DECLINED or HTTP_... . A SetHandler of the site may have set another one,
 * for other modules' handlers to go by, and for logs (%R). */
static int webhook_fixups(request_rec *r)
{
    if (!is_claimed(r)) {
        return DECLINED;
    }
    r->handler = HANDLER;
    return OK;
}

/* handler, RUN_FIRST: OK, DECLINED or HTTP_... . Of a webhook what counts is the claim, not the
 * handler's name: SetHandler crm360-webhook alone makes none. */
static int webhook_handler(request_rec *r)
{
    if (is_claimed(r)) {
        return webhook_request(r, config_of(r->server), location_of(r), claim_of(r)->query);
    }
    return DECLINED;
}

/* handler, RUN_FIRST: OK, DECLINED or HTTP_... . Of SetHandler crm360-status. */
static int webhook_status_handler(request_rec *r)
{
    return webhook_status(r, config_of(r->server), location_of(r));
}

/* handler, RUN_FIRST: OK, DECLINED or HTTP_... . Of SetHandler crm360-help. */
static int webhook_help_handler(request_rec *r)
{
    return webhook_help(r, config_of(r->server)->help, location_of(r));
}

/* log_transaction, RUN_ALL: OK or DECLINED. Counts the answer, also one of httpd itself (401, 403);
 * after an internal redirect (an ErrorDocument) what counts is what it has led to. */
static int webhook_log_transaction(request_rec *r)
{
    const request_rec *last = r;

    if (!is_claimed(r)) {
        return DECLINED;
    }
    while (last->next) {
        last = last->next;
    }
    webhook_numbers_answered(config_of(r->server)->numbers, last->status);
    return OK;
}

static void webhook_hooks(apr_pool_t *pool)
{
    (void)pool;
    ap_hook_pre_config(webhook_pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_config(webhook_check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(webhook_post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(webhook_child_init, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_pre_translate_name(webhook_pre_translate, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_translate_name(webhook_translate, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_map_to_storage(webhook_map_to_storage, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_fixups(webhook_fixups, NULL, NULL, APR_HOOK_REALLY_LAST);
    ap_hook_handler(webhook_handler, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_handler(webhook_help_handler, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(webhook_status_handler, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_log_transaction(webhook_log_transaction, NULL, NULL, APR_HOOK_MIDDLE);
    webhook_body_register();
    webhook_server_status_register();
}

module AP_MODULE_DECLARE_DATA crm360_webhook_module = {
    STANDARD20_MODULE_STUFF,
    .create_dir_config = webhook_location_make,
    .merge_dir_config = webhook_location_merge,
    .create_server_config = webhook_server_make,
    .merge_server_config = webhook_server_merge,
    .cmds = NULL, /* webhook_commands_make() */
    .register_hooks = webhook_hooks,
};
