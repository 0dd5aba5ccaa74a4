/*
 * Writing commands to the socket of a connection: all that are sent together in one system call.
 * Long words, such as a message, go from where they are; only what is short is copied. (hiredis
 * copies every word twice, into blocks that it allocates for each command.) Must never read what
 * comes back.
 */
#include "core/redis_private.h"

#include <apr_strings.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "core/clock.h"

/* A word of so many bytes is not copied. */
#define LONG_WORD 1024
/* Most bytes of "$<length>\r\n" and of what ends a word. */
#define WORD_MARKS 26
/* Pieces that are handed to the system at once; it takes 1024 (IOV_MAX). */
#define IOV_MOST 512

/* What is to be sent. */
typedef struct parcel_t {
    struct iovec *pieces;
    int count;
    char *begin; /* of the text that is not in a piece yet */
    char *end;
} parcel_t;

/* Makes a piece of the text so far. */
static void close_piece(parcel_t *parcel)
{
    if (parcel->end > parcel->begin) {
        parcel->pieces[parcel->count].iov_base = parcel->begin;
        parcel->pieces[parcel->count].iov_len = (apr_size_t)(parcel->end - parcel->begin);
        parcel->count++;
        parcel->begin = parcel->end;
    }
}

static void add_bytes(parcel_t *parcel, const char *bytes, apr_size_t len)
{
    memcpy(parcel->end, bytes, len);
    parcel->end += len;
}

/* A mark of the protocol (RESP): its character, a number, and the end of the line. */
static void add_mark(parcel_t *parcel, char mark, apr_size_t number)
{
    char digits[24];
    char *first = digits + sizeof(digits);

    *--first = '\n';
    *--first = '\r';
    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    *--first = mark;
    add_bytes(parcel, first, (apr_size_t)(digits + sizeof(digits) - first));
}

static void add_word(parcel_t *parcel, const char *word, apr_size_t len)
{
    add_mark(parcel, '$', len);
    if (len < LONG_WORD) {
        add_bytes(parcel, word, len);
    }
    else {
        close_piece(parcel);
        parcel->pieces[parcel->count].iov_base = (void *)word;
        parcel->pieces[parcel->count].iov_len = len;
        parcel->count++;
    }
    add_bytes(parcel, "\r\n", 2);
}

static parcel_t pack(const crm360_command_t *commands, int count, apr_pool_t *pool)
{
    parcel_t parcel = {NULL, 0, NULL, NULL};
    apr_size_t bytes = 0, pieces = 1;
    int i, word;

    for (i = 0; i < count; i++) {
        bytes += WORD_MARKS;
        for (word = 0; word < commands[i].argc; word++) {
            int is_long = commands[i].lens[word] >= LONG_WORD;

            bytes += WORD_MARKS + (is_long ? 0 : commands[i].lens[word]);
            pieces += is_long ? 2 : 0;
        }
    }
    parcel.pieces = apr_palloc(pool, pieces * sizeof(*parcel.pieces));
    parcel.begin = parcel.end = apr_palloc(pool, bytes);
    for (i = 0; i < count; i++) {
        add_mark(&parcel, '*', (apr_size_t)commands[i].argc);
        for (word = 0; word < commands[i].argc; word++) {
            add_word(&parcel, commands[i].argv[word], commands[i].lens[word]);
        }
    }
    close_piece(&parcel);
    return parcel;
}

/* Takes off what was sent. */
static void take_off(parcel_t *parcel, apr_size_t sent)
{
    while (parcel->count > 0 && sent >= parcel->pieces->iov_len) {
        sent -= parcel->pieces->iov_len;
        parcel->pieces++;
        parcel->count--;
    }
    if (parcel->count > 0) {
        parcel->pieces->iov_base = (char *)parcel->pieces->iov_base + sent;
        parcel->pieces->iov_len -= sent;
    }
}

/* Waits until more can be sent. 0 when the time is over; errno says so. */
static int await_room(int socket, apr_time_t deadline)
{
    struct pollfd writable = {.fd = socket, .events = POLLOUT};
    apr_interval_time_t rest = deadline - crm360_clock();

    if (rest <= 0) {
        errno = EAGAIN;
        return 0;
    }
    return poll(&writable, 1, (int)((rest + 999) / 1000)) >= 0 || errno == EINTR;
}

int redis_write(int socket, const crm360_command_t *commands, int count, apr_time_t deadline,
                apr_pool_t *pool)
{
    parcel_t parcel = pack(commands, count, pool);

    while (parcel.count > 0) {
        struct msghdr header = {
            .msg_iov = parcel.pieces,
            .msg_iovlen = (apr_size_t)(parcel.count < IOV_MOST ? parcel.count : IOV_MOST)};
        ssize_t sent = sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent >= 0) {
            take_off(&parcel, (apr_size_t)sent);
        }
        else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (!await_room(socket, deadline)) {
                return 0;
            }
        }
        else if (errno != EINTR) {
            return 0;
        }
    }
    return 1;
}
