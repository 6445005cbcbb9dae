#define _GNU_SOURCE
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static size_t root_length;
static int journal = -1;
static const char *flag;
static uint64_t steps, cut_after, sync_us_max, chance;

/* Ends the process for a reason that makes its journal worthless. */
static _Noreturn void give_up(const char *reason) {
    dprintf(STDERR_FILENO, "powercut: %s\n", reason);
    _exit(97);
}

static uint64_t number(const char *name) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : 0;
}

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("WEIR_CUT_ROOT"), *file = getenv("WEIR_CUT_JOURNAL");
    if (!folder || !file)
        return;
    root_length = strlen(folder);
    if (folder[0] != '/' || root_length < 2 || root_length >= sizeof root || folder[root_length - 1] == '/')
        give_up("WEIR_CUT_ROOT must be an absolute path without a slash at its end");
    memcpy(root, folder, root_length + 1);
    journal = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (journal < 0)
        give_up("cannot open WEIR_CUT_JOURNAL");
    flag = getenv("WEIR_CUT_FLAG");
    cut_after = number("WEIR_CUT_AFTER");
    sync_us_max = number("WEIR_CUT_SYNC_US");
    chance = cut_after * 0x9E3779B97F4A7C15u + 1;
}

void journal_lock(void) {
    int before = errno;
    pthread_mutex_lock(&lock);
    errno = before;
}

void journal_unlock(void) {
    int before = errno;
    pthread_mutex_unlock(&lock);
    errno = before;
}

bool journal_is_on(void) { return journal >= 0; }

bool journal_step(void) {
    int before = errno;
    steps++;
    bool cut = steps == cut_after || (flag && access(flag, F_OK) == 0);
    errno = before;
    return cut;
}

void journal_append(const struct record *record) {
    int before = errno;
    struct {
        uint32_t kind, flags;
        uint64_t inode;
        int64_t offset;
        uint64_t extra;
        uint32_t path, path_to;
        uint64_t data;
    } header = {
        .kind = record->kind,
        .inode = record->inode,
        .offset = record->offset,
        .extra = record->extra,
        .path = record->path ? (uint32_t)strlen(record->path) : 0,
        .path_to = record->path_to ? (uint32_t)strlen(record->path_to) : 0,
        .data = record->data_bytes,
    };
    struct iovec parts[] = {
        {&header, sizeof header},
        {(void *)record->path, header.path},
        {(void *)record->path_to, header.path_to},
        {(void *)record->data, record->data_bytes},
    };
    size_t bytes = sizeof header + header.path + header.path_to + record->data_bytes;
    if (syscall(SYS_writev, journal, parts, 4) != (ssize_t)bytes)
        give_up("cannot write the journal");
    errno = before;
}

void journal_unsupported(const char *what) {
    journal_lock();
    journal_append(&(struct record){.kind = KIND_UNSUPPORTED, .path = what});
    journal_unlock();
}

void journal_cut(void) {
    journal_append(&(struct record){.kind = KIND_CUT});
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

unsigned journal_sync_us(void) {
    /* xorshift64: which sync takes how long need only vary. */
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return sync_us_max ? (unsigned)(chance % sync_us_max) : 0;
}

/* Removes empty parts, `.` and `..`, as far as that can be told without looking. */
static void normalise(char *path) {
    char *end = path, *at = path;
    while (*at) {
        while (*at == '/')
            at++;
        size_t length = strcspn(at, "/");
        if (length == 2 && at[0] == '.' && at[1] == '.') {
            while (end > path && *--end != '/')
                ;
        } else if (length && !(length == 1 && at[0] == '.')) {
            *end++ = '/';
            memmove(end, at, length);
            end += length;
        }
        at += length;
    }
    *end = 0;
}

static bool is_in_root(const char *path) {
    return strncmp(path, root, root_length) == 0 && (path[root_length] == '/' || path[root_length] == 0);
}

/* Where an open file is, or was when it is removed. */
static bool place(int file, char path[PATH_MAX]) {
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0)
        return false;
    path[length] = 0;
    return true;
}

bool watched_path(int folder, const char *path, char resolved[PATH_MAX]) {
    if (!journal_is_on() || !path)
        return false;
    int before = errno;
    bool found = true;
    resolved[0] = 0;
    if (path[0] != '/')
        found = folder == AT_FDCWD ? getcwd(resolved, PATH_MAX) != NULL : place(folder, resolved);
    size_t length = strlen(resolved);
    errno = before;
    if (!found || length + 1 + strlen(path) >= PATH_MAX)
        return false;
    resolved[length] = '/';
    strcpy(resolved + length + 1, path);
    normalise(resolved);
    return is_in_root(resolved);
}

bool watched_file(int file, struct stat *status) {
    if (!journal_is_on())
        return false;
    char path[PATH_MAX];
    int before = errno;
    bool is = fstat(file, status) == 0 && (S_ISREG(status->st_mode) || S_ISDIR(status->st_mode)) &&
              place(file, path) && is_in_root(path);
    errno = before;
    return is;
}
