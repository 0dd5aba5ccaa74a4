/* What all programs of the project agree on: the version, and where the configuration is by
 * default. */
#ifndef CRM360_VERSION_H
#define CRM360_VERSION_H

#define CRM360_VERSION "0.1.0"
#define CRM360_CONFIG_FILE "/etc/crm360/crm360.conf"

#endif
