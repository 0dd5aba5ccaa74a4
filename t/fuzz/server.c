/* The server of t/fuzz/server.h. Targets that need none must not be linked with it. */
#include "t/fuzz/server.h"

#include <apr_strings.h>

#include <fcntl.h>
#include <string.h>

#include "t/fuzz/fuzz.h"

static const char *sent; /* what it has not sent yet */
static apr_size_t left;
static apr_size_t piece;

static int is_huge(const char *data, apr_size_t len)
{
    apr_size_t i, digits;

    for (i = 0; i < len; i++) {
        for (digits = 0; data[i] == '*' && i + 1 + digits < len && digits < 7 &&
                         strchr("0123456789+- ", data[i + 1 + digits]);
             digits++) {
        }
        if (digits > 5) {
            return 1;
        }
    }
    return 0;
}

int fuzz_server_sends(const char *data, apr_size_t len)
{
    if (len < 2 || is_huge(data, len)) {
        return 0;
    }
    sent = data + 2;
    left = len - 2;
    piece = (unsigned char)data[1] ? (unsigned char)data[1] : 16384;
    return 1;
}

redisContext *fuzz_server_connect(void)
{
    redisContext *context = redisConnectFd(open("/dev/null", O_RDWR));

    expect(context && context->fd >= 0, "no descriptor");
    return context;
}

/* ---- hiredis ---- */

int redisSetTimeout(redisContext *context, const struct timeval timeout)
{
    (void)context;
    (void)timeout;
    return REDIS_OK;
}

int redisBufferRead(redisContext *context)
{
    apr_size_t len = left < piece ? left : piece;

    if (len == 0) {
        context->err = REDIS_ERR_EOF;
        apr_cpystrn(context->errstr, "Server closed the connection", sizeof context->errstr);
        return REDIS_ERR;
    }
    sent += len;
    left -= len;
    if (redisReaderFeed(context->reader, sent - len, len) != REDIS_OK) {
        context->err = context->reader->err;
        apr_cpystrn(context->errstr, context->reader->errstr, sizeof context->errstr);
        return REDIS_ERR;
    }
    return REDIS_OK;
}
