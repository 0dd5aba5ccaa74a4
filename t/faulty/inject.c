/*
 * The calls of inject.h. Each counts, fails when it is its turn, and is handed on to the C library
 * otherwise. Must never call what it counts.
 */
#include "t/faulty/inject.h"

/* With it open() would be another name of open64(), and both are called by somebody. */
#undef _FILE_OFFSET_BITS

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    MEMORY,
    POOL,
    READ,
    WRITE,
    OPEN,
    SYNC,
    RENAME,
    CLOSE,
    CONNECT,
    POLL,
    LOOK,
    CHANGE,
    CLASSES,
    NONE = CLASSES,
    JSON /* counts as memory */
};
static const char *const class_names[CLASSES] = {"memory",  "pool", "read",   "write",
                                                 "open",    "sync", "rename", "close",
                                                 "connect", "poll", "look",   "change"};

static const struct {
    const char *name;
    int number; /* 0 = short */
} ways[] = {{"short", 0},       {"ENOMEM", ENOMEM},         {"EINTR", EINTR},
            {"EIO", EIO},       {"ENOSPC", ENOSPC},         {"EACCES", EACCES},
            {"EMFILE", EMFILE}, {"ECONNRESET", ECONNRESET}, {"ECONNREFUSED", ECONNREFUSED},
            {"EAGAIN", EAGAIN}};

static int counting;
static long counts[CLASSES];
static int wanted_class = NONE;
static long wanted_number;
static int wanted_errno;
static const char *failed; /* name of the call that did */

/* ---- whose memory ---- */

typedef struct range_t {
    uintptr_t from, to;
    int class;
} range_t;

static range_t ranges[64];
static int range_count;

static int note_ranges(struct dl_phdr_info *info, size_t size, void *baton)
{
    static const struct {
        const char *part;
        int class;
    } libraries[] = {
        {"/libhiredis", MEMORY}, {"/libjson-c", JSON}, {"/libcrypto", MEMORY}, {"/libapr-1", POOL}};
    int class = *info->dlpi_name == '\0' ? MEMORY : NONE;
    int i;

    (void)size;
    (void)baton;
    for (i = 0; *info->dlpi_name && i < 4; i++) {
        class = strstr(info->dlpi_name, libraries[i].part) ? libraries[i].class : class;
    }
    for (i = 0; class != NONE && i < info->dlpi_phnum && range_count < 64; i++) {
        if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
            ranges[range_count].from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            ranges[range_count].to = ranges[range_count].from + info->dlpi_phdr[i].p_memsz;
            ranges[range_count++].class = class;
        }
    }
    return 0;
}

static int class_of(const void *caller)
{
    int i;

    for (i = 0; i < range_count; i++) {
        if ((uintptr_t)caller >= ranges[i].from && (uintptr_t)caller < ranges[i].to) {
            return ranges[i].class;
        }
    }
    return NONE;
}

/* ---- counting ---- */

/* Whether this call is the one: 1 = it fails, errno is set; 2 = it is to be short. */
static int strike(int class, const char *name)
{
    class = class == JSON ? MEMORY : class;
    if (!counting || class == NONE || ++counts[class] != wanted_number || class != wanted_class) {
        return 0;
    }
    failed = name;
    errno = wanted_errno ? wanted_errno : errno;
    return wanted_errno ? 1 : 2;
}

int inject_begin(const char *what)
{
    const char *colon = strchr(what, ':');
    char *rest = "";
    size_t i;

    range_count = 0;
    dl_iterate_phdr(note_ranges, NULL);
    for (i = 0; colon && i < CLASSES; i++) {
        if (strlen(class_names[i]) == (size_t)(colon - what) &&
            strncmp(class_names[i], what, (size_t)(colon - what)) == 0) {
            wanted_class = (int)i;
            wanted_number = strtol(colon + 1, &rest, 10);
        }
    }
    wanted_errno = -1;
    for (i = 0; *rest && i < sizeof(ways) / sizeof(ways[0]); i++) {
        wanted_errno = strcmp(rest + 1, ways[i].name) == 0 ? ways[i].number : wanted_errno;
    }
    if (*what && (wanted_class == NONE || wanted_number < 1 || wanted_errno < 0)) {
        return -1;
    }
    counting = 1;
    return 0;
}

void inject_end(void)
{
    int i;

    counting = 0;
    for (i = 0; i < CLASSES; i++) {
        printf("calls %s %ld\n", class_names[i], counts[i]);
    }
    if (failed) {
        printf("failed %s\n", failed);
    }
}

/* ---- memory ---- */

/* What dlsym() itself asks for before it has told where the real ones are. */
static char early[4096];
static size_t early_used;

#define NEXT(type, name) ((type)next(#name))
static void *next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static void *early_memory(size_t size)
{
    void *memory = early + early_used;

    early_used += (size + 15) & ~(size_t)15;
    if (early_used > sizeof early) {
        abort();
    }
    return memory;
}

void *malloc(size_t size)
{
    static void *(*real)(size_t);
    static int asking;

    if (!real) {
        if (asking) {
            return early_memory(size);
        }
        asking = 1;
        real = NEXT(void *(*)(size_t), malloc);
    }
    return strike(class_of(__builtin_return_address(0)), "malloc") ? NULL : real(size);
}

void *calloc(size_t count, size_t size)
{
    static void *(*real)(size_t, size_t);
    static int asking;

    if (!real) {
        if (asking) {
            return early_memory(count * size); /* static memory is zeroed */
        }
        asking = 1;
        real = NEXT(void *(*)(size_t, size_t), calloc);
    }
    return strike(class_of(__builtin_return_address(0)), "calloc") ? NULL : real(count, size);
}

void *realloc(void *memory, size_t size)
{
    static void *(*real)(void *, size_t);

    real = real ? real : NEXT(void *(*)(void *, size_t), realloc);
    return strike(class_of(__builtin_return_address(0)), "realloc") ? NULL : real(memory, size);
}

void free(void *memory)
{
    static void (*real)(void *);
    static int asking; /* dlsym() frees what it said of the last error */

    if (((char *)memory >= early && (char *)memory < early + sizeof early) || (!real && asking)) {
        return;
    }
    asking = 1;
    real = real ? real : NEXT(void (*)(void *), free);
    real(memory);
}

/* json-c 0.16 does not look at what it gets here, and goes on with a null pointer. */
char *strdup(const char *text)
{
    static void *(*memory_for)(size_t);
    int class = class_of(__builtin_return_address(0));
    size_t len = strlen(text) + 1;
    char *copy;

    memory_for = memory_for ? memory_for : NEXT(void *(*)(size_t), malloc);
    copy = strike(class == JSON ? NONE : class, "strdup") ? NULL : memory_for(len);
    return copy ? memcpy(copy, text, len) : NULL;
}

/* What Debian's APR takes the memory of its pools from. */
void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    static __typeof__(&mmap) real;
    int class = class_of(__builtin_return_address(0));

    real = real ? real : NEXT(__typeof__(&mmap), mmap);
    return class == POOL && strike(class, "mmap") ? MAP_FAILED
                                                  : real(at, size, protection, flags, fd, offset);
}

/* ---- files and sockets ---- */

/* The rest of a call that returns `failure` when it is struck. */
#define PASS(class, name, failure, call)                                                           \
    static __typeof__(&name) real;                                                                 \
    real = real ? real : NEXT(__typeof__(&name), name);                                            \
    return strike(class, #name) ? (failure) : real call

/* The same for one that moves `size` bytes. */
#define MOVE(class, name, size, call)                                                              \
    static __typeof__(&name) real;                                                                 \
    int struck = strike(class, #name);                                                             \
    real = real ? real : NEXT(__typeof__(&name), name);                                            \
    size -= struck == 2 && size > 1;                                                               \
    return struck == 1 ? -1 : real call

ssize_t read(int fd, void *data, size_t size)
{
    MOVE(READ, read, size, (fd, data, size));
}

ssize_t pread64(int fd, void *data, size_t size, off64_t at)
{
    MOVE(READ, pread64, size, (fd, data, size, at));
}

ssize_t write(int fd, const void *data, size_t size)
{
    MOVE(WRITE, write, size, (fd, data, size));
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    MOVE(WRITE, pwrite64, size, (fd, data, size, at));
}

/* Short by the last byte of the last part. */
ssize_t writev(int fd, const struct iovec *parts, int count)
{
    static ssize_t (*real)(int, const struct iovec *, int);
    struct iovec copy[16];
    int struck = strike(WRITE, "writev");

    real = real ? real : NEXT(ssize_t(*)(int, const struct iovec *, int), writev);
    if (struck == 2 && count >= 1 && count <= 16) {
        memcpy(copy, parts, (size_t)count * sizeof *parts);
        copy[count - 1].iov_len -= copy[count - 1].iov_len > 0;
        parts = copy;
    }
    return struck == 1 ? -1 : real(fd, parts, count);
}

/* The mode is there only when a file may be made; else its place holds nothing. */
#define MODE(flags)                                                                                \
    va_list rest;                                                                                  \
    mode_t mode;                                                                                   \
    va_start(rest, flags);                                                                         \
    mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;                                             \
    va_end(rest)

int open(const char *name, int flags, ...)
{
    MODE(flags);
    PASS(OPEN, open, -1, (name, flags, mode));
}

int open64(const char *name, int flags, ...)
{
    MODE(flags);
    PASS(OPEN, open64, -1, (name, flags, mode));
}

int openat64(int folder, const char *name, int flags, ...)
{
    MODE(flags);
    PASS(OPEN, openat64, -1, (folder, name, flags, mode));
}

int fsync(int fd)
{
    PASS(SYNC, fsync, -1, (fd));
}

int fdatasync(int fd)
{
    PASS(SYNC, fdatasync, -1, (fd));
}

int rename(const char *from, const char *to)
{
    PASS(RENAME, rename, -1, (from, to));
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    PASS(RENAME, renameat, -1, (from_folder, from, to_folder, to));
}

/* As Linux: the descriptor is gone, whatever it says. */
int close(int fd)
{
    static int (*real)(int);
    int struck, rv;

    real = real ? real : NEXT(int (*)(int), close);
    rv = real(fd);
    struck = strike(CLOSE, "close");
    return struck ? -1 : rv;
}

int connect(int fd, const struct sockaddr *address, socklen_t len)
{
    PASS(CONNECT, connect, -1, (fd, address, len));
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
    PASS(POLL, poll, -1, (fds, count, timeout));
}

int stat64(const char *name, struct stat64 *info)
{
    PASS(LOOK, stat64, -1, (name, info));
}

int fstat64(int fd, struct stat64 *info)
{
    PASS(LOOK, fstat64, -1, (fd, info));
}

int fstatat64(int folder, const char *name, struct stat64 *info, int flags)
{
    PASS(LOOK, fstatat64, -1, (folder, name, info, flags));
}

DIR *fdopendir(int fd)
{
    PASS(LOOK, fdopendir, NULL, (fd));
}

struct dirent64 *readdir64(DIR *folder)
{
    PASS(LOOK, readdir64, NULL, (folder));
}

int unlink(const char *name)
{
    PASS(CHANGE, unlink, -1, (name));
}

int unlinkat(int folder, const char *name, int flags)
{
    PASS(CHANGE, unlinkat, -1, (folder, name, flags));
}

int ftruncate64(int fd, off64_t size)
{
    PASS(CHANGE, ftruncate64, -1, (fd, size));
}

int fchmod(int fd, mode_t mode)
{
    PASS(CHANGE, fchmod, -1, (fd, mode));
}

int mkdir(const char *name, mode_t mode)
{
    PASS(CHANGE, mkdir, -1, (name, mode));
}

int flock(int fd, int operation)
{
    PASS(CHANGE, flock, -1, (fd, operation));
}

int futimens(int fd, const struct timespec times[2])
{
    PASS(CHANGE, futimens, -1, (fd, times));
}
