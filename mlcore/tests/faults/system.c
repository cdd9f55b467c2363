/* Preloaded into a child that works while the system fails (`mod.rs`): the k-th call to the system that touches files or folders fails,
   or ends the process, between the openings of "/mlcore-fault-arm" and "/mlcore-fault-disarm". The second writes how many
   calls there were to the file that FAULT_COUNT names. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_int armed;
static atomic_long calls;

static long fault_at(void) {
    const char *at = getenv("FAULT_AT");
    return at ? atol(at) : 0;
}

/* Whether this call fails; errno says how. */
static int fails(void) {
    if (!atomic_load(&armed) || atomic_fetch_add(&calls, 1) + 1 != fault_at()) return 0;
    const char *kind = getenv("FAULT_KIND");
    if (!strcmp(kind, "kill")) {
        kill(getpid(), SIGKILL);
        pause();
    }
    errno = strcmp(kind, "enospc") ? EIO : ENOSPC;
    return 1;
}

static void mark(const char *path) {
    if (!path) return;
    if (!strcmp(path, "/mlcore-fault-arm")) {
        atomic_store(&calls, 0);
        atomic_store(&armed, 1);
    } else if (!strcmp(path, "/mlcore-fault-disarm") && atomic_exchange(&armed, 0)) {
        FILE *count = fopen(getenv("FAULT_COUNT"), "w");
        if (count) {
            fprintf(count, "%ld", atomic_load(&calls));
            fclose(count);
        }
    }
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define OPEN(name)                                                         \
    int name(const char *path, int flags, ...) {                           \
        va_list rest;                                                      \
        va_start(rest, flags);                                             \
        mode_t mode = va_arg(rest, mode_t);                                \
        va_end(rest);                                                      \
        mark(path);                                                        \
        return fails() ? -1 : REAL(name)(path, flags, mode);               \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                       \
    int name(int folder, const char *path, int flags, ...) {               \
        va_list rest;                                                      \
        va_start(rest, flags);                                             \
        mode_t mode = va_arg(rest, mode_t);                                \
        va_end(rest);                                                      \
        return fails() ? -1 : REAL(name)(folder, path, flags, mode);       \
    }
OPENAT(openat)
OPENAT(openat64)

#define CALL(answer, name, parameters, arguments)                          \
    answer name parameters { return fails() ? -1 : REAL(name) arguments; }
CALL(ssize_t, pread, (int f, void *b, size_t n, off_t o), (f, b, n, o))
CALL(ssize_t, pread64, (int f, void *b, size_t n, off64_t o), (f, b, n, o))
CALL(ssize_t, pwrite, (int f, const void *b, size_t n, off_t o), (f, b, n, o))
CALL(ssize_t, pwrite64, (int f, const void *b, size_t n, off64_t o), (f, b, n, o))
CALL(int, fsync, (int f), (f))
CALL(int, fdatasync, (int f), (f))
CALL(int, ftruncate, (int f, off_t n), (f, n))
CALL(int, ftruncate64, (int f, off64_t n), (f, n))
CALL(int, rename, (const char *a, const char *b), (a, b))
CALL(int, renameat, (int f, const char *a, int g, const char *b), (f, a, g, b))
CALL(int, unlink, (const char *a), (a))
CALL(int, unlinkat, (int f, const char *a, int flags), (f, a, flags))
CALL(int, mkdir, (const char *a, mode_t m), (a, m))
CALL(int, mkdirat, (int f, const char *a, mode_t m), (f, a, m))
CALL(int, fchmod, (int f, mode_t m), (f, m))

/* What the child says, and what it is told, is not counted. */
ssize_t write(int file, const void *bytes, size_t count) {
    return file > 2 && fails() ? -1 : REAL(write)(file, bytes, count);
}

ssize_t read(int file, void *bytes, size_t count) {
    return file > 2 && fails() ? -1 : REAL(read)(file, bytes, count);
}
