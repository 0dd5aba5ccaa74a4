/*
 * Where crm360ctl's log lines go: to standard error, as Crm360LogFormat says, from warning upward.
 */
#ifndef CTL_LOG_H
#define CTL_LOG_H

#include "core/config.h"

/* To be called once, when the configuration has been read; before, lines are text. */
void ctl_log_set(const crm360_config_t *config);

#endif
