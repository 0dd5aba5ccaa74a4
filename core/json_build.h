/*
 * Builds json-c's objects from a text whose grammar has been checked (json_scan.h), by one pass
 * over it. For core/json.c only.
 */
#ifndef CRM360_JSON_BUILD_H
#define CRM360_JSON_BUILD_H

#include <json-c/json.h>

/* The value that `text` holds: strict JSON in valid UTF-8, without NUL but for the one behind it.
 * What it makes is what json-c's own parser makes, but for integers beyond 64 bits, which become
 * strings of their digits. The text is written over: members' names point into it, and it must
 * live as long as the value. *failed: there is no memory. NULL is also JSON's null. */
json_object *crm360_json_build(int *failed, char *text);

#endif
