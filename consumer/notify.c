/* sd_notify(3). What fails is nobody's concern: the manager is told again, or was never there. */
#include "consumer/notify.h"

#include "core/clock.h"

#ifdef CRM360_SYSTEMD

#include <systemd/sd-daemon.h>

void consumer_notify_ready(void)
{
    (void)sd_notify(0, "READY=1");
}

void consumer_notify_reloading(void)
{
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" APR_TIME_T_FMT, crm360_clock());
}

void consumer_notify_stopping(void)
{
    (void)sd_notify(0, "STOPPING=1");
}

void consumer_notify_status(const char *text)
{
    (void)sd_notifyf(0, "STATUS=%s", text);
}

apr_interval_time_t consumer_notify_every(void)
{
    uint64_t most = 0;

    return sd_watchdog_enabled(0, &most) > 0 ? (apr_interval_time_t)(most / 2) : 0;
}

void consumer_notify_alive(void)
{
    (void)sd_notify(0, "WATCHDOG=1");
}

#else

void consumer_notify_ready(void)
{
}

void consumer_notify_reloading(void)
{
}

void consumer_notify_stopping(void)
{
}

void consumer_notify_status(const char *text)
{
    (void)text;
}

apr_interval_time_t consumer_notify_every(void)
{
    return 0;
}

void consumer_notify_alive(void)
{
}

#endif
