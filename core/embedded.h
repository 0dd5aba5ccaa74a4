/*
 * Texts compiled into the binaries at build time (scripts/embed writes the tables): the Lua scripts
 * that run inside Redis, and the schema of the CRM database. Constant data, usable by any thread.
 */
#ifndef CRM360_EMBEDDED_H
#define CRM360_EMBEDDED_H

typedef struct crm360_embedded_t {
    const char *name; /* of the file, without folder and extension: "claim" */
    const char *text; /* its content, byte for byte, ended by a NUL */
} crm360_embedded_t;

/* The files of lua/, sorted by name in bytes; ends with an entry whose name is NULL. */
extern const crm360_embedded_t crm360_lua_scripts[];

/* The files of crm/schema/, likewise; only in programs that reach the CRM database. */
extern const crm360_embedded_t crm360_schema[];

/* The files of examples/, likewise: an HTTP request for each route, named by crm360_route_t's
 * id_suffix; and of the help page, of which there is one: its style. */
extern const crm360_embedded_t crm360_examples[];
extern const crm360_embedded_t crm360_page_style[];

/* The style of the status pages; there is one. */
extern const crm360_embedded_t crm360_status_style[];

#endif
