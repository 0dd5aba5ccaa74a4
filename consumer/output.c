/*
 * The daemon's log lines: time, process, level, text, each written at once, so that lines of
 * several processes never mix. The pid file is locked for as long as the master lives: a stale one
 * is no obstacle, and two masters with one file are.
 */
#include "consumer/output.h"

#include <apr_strings.h>
#include <apr_thread_proc.h>
#include <apr_time.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/status.h"

static const char *log_name; /* NULL = standard error */
static const char *pid_name; /* NULL = none */

static void write_line(void *baton, crm360_log_level_t level, apr_status_t rv, const char *text)
{
    char line[1400], when[40] = "", status[220] = "", reason[180];
    apr_size_t len;
    apr_time_exp_t now;

    (void)baton;
    apr_time_exp_gmt(&now, apr_time_now());
    apr_strftime(when, &len, sizeof when, "%Y-%m-%dT%H:%M:%S", &now);
    if (rv != APR_SUCCESS) {
        apr_snprintf(status, sizeof status, " (%s)", crm360_status_text(rv, reason, sizeof reason));
    }
    apr_snprintf(line, sizeof line, "%s.%03dZ crm360d[%d] %s: %s%s\n", when,
                 (int)(now.tm_usec / 1000), (int)getpid(), crm360_log_level_name(level), text,
                 status);
    if (write(STDERR_FILENO, line, strlen(line)) < 0) {
        return; /* nowhere left to say it */
    }
}

/* Puts the log file in the place of standard error, so that libraries' words land there too. */
static apr_status_t open_log(void)
{
    int fd;

    if (!log_name) {
        return APR_SUCCESS;
    }
    fd = open(log_name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) {
        return errno;
    }
    if (dup2(fd, STDERR_FILENO) < 0) {
        return errno;
    }
    close(fd);
    return APR_SUCCESS;
}

void consumer_output_reopen(void)
{
    apr_status_t rv = open_log();

    if (rv != APR_SUCCESS) {
        crm360_log(
            CRM360_LOG_WARNING, rv,
            CRM360_LOGNO(0342) "cannot open the log file %s again; going on with the old one",
            log_name);
    }
}

/* Opens the pid file and tries the lock on it, a record lock, which no forked worker inherits: the
 * file is free again the moment the master is gone, whatever its workers still finish. */
static apr_status_t lock_pid(int *fd, const char **error, apr_pool_t *pool)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    *error = pid_name;
    *fd = open(pid_name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (*fd < 0) {
        return errno;
    }
    if (fcntl(*fd, F_SETLK, &lock) < 0) {
        close(*fd);
        *error = apr_pstrcat(pool, pid_name, " belongs to a crm360d that is running", NULL);
        return CRM360_EREFUSED;
    }
    return APR_SUCCESS;
}

/* Writes the pid file; its descriptor stays open for the lock. */
static apr_status_t write_pid(const char **error, apr_pool_t *pool)
{
    char text[32];
    apr_status_t rv;
    int fd;

    rv = lock_pid(&fd, error, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_snprintf(text, sizeof text, "%d\n", (int)getpid());
    return ftruncate(fd, 0) < 0 || write(fd, text, strlen(text)) < 0 ? errno : APR_SUCCESS;
}

/* Makes both names absolute (detaching changes the working directory), and finds out while somebody
 * is still looking whether another daemon has the pid file. */
static apr_status_t prepare(const char *log_file, const char *pid_file, const char **error,
                            apr_pool_t *pool)
{
    apr_status_t rv = APR_SUCCESS;
    int fd;

    if (log_file) {
        *error = log_file;
        rv = apr_filepath_merge((char **)&log_name, NULL, log_file, 0, pool);
    }
    if (rv == APR_SUCCESS && pid_file) {
        *error = pid_file;
        rv = apr_filepath_merge((char **)&pid_name, NULL, pid_file, 0, pool);
        rv = rv == APR_SUCCESS ? lock_pid(&fd, error, pool) : rv;
        if (rv == APR_SUCCESS) {
            close(fd);
        }
    }
    return rv;
}

apr_status_t consumer_output_open(const char *log_file, int foreground, const char *pid_file,
                                  crm360_log_level_t level, const char **error, apr_pool_t *pool)
{
    apr_status_t rv = prepare(log_file, pid_file, error, pool);

    if (rv == APR_SUCCESS) {
        *error = log_file;
        rv = open_log();
    }
    if (rv == APR_SUCCESS && !foreground) {
        *error = "detaching";
        rv = apr_proc_detach(APR_PROC_DETACH_DAEMONIZE);
        rv = rv == APR_SUCCESS ? open_log() : rv; /* detaching closed standard error */
    }
    if (rv == APR_SUCCESS && pid_name) {
        rv = write_pid(error, pool);
    }
    crm360_log_set(write_line, NULL, level);
    return rv;
}

void consumer_output_close(void)
{
    if (pid_name) {
        unlink(pid_name);
    }
}
