/* What changes the names in folders. Each is durable after fsync of its folder, and not before. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "journal.h"

/* Opening. */

static int open_any(int folder, const char *path, int flags, mode_t mode) {
    char resolved[PATH_MAX];
    if (!watched_path(folder, path, resolved))
        return (int)syscall(SYS_openat, folder, path, flags, mode);
    bool writes = (flags & O_ACCMODE) != O_RDONLY;
    if ((flags & O_TMPFILE) == O_TMPFILE)
        journal_unsupported("a file without a name");
    else if (writes && (flags & (O_SYNC | O_DSYNC)))
        journal_unsupported("a file whose writes sync");
    else if (writes && (flags & O_DIRECT))
        journal_unsupported("a file past the page cache");
    if (!(flags & (O_CREAT | O_TRUNC)))
        return (int)syscall(SYS_openat, folder, path, flags, mode);
    journal_lock();
    if (journal_step())
        journal_cut();
    struct stat status;
    bool existed = fstatat(folder, path, &status, 0) == 0;
    int file = (int)syscall(SYS_openat, folder, path, flags, mode);
    if (file >= 0 && fstat(file, &status) == 0) {
        if (!existed)
            journal_append(&(struct record){.kind = KIND_CREATE, .path = resolved, .inode = status.st_ino});
        else if (flags & O_TRUNC)
            journal_append(&(struct record){.kind = KIND_TRUNCATE, .inode = status.st_ino});
    }
    journal_unlock();
    return file;
}

/* The third argument of open is there only when a file may be made. */
#define MODE_OF(flags, mode)                                                                                          \
    mode_t mode = 0;                                                                                                  \
    if (((flags) & O_CREAT) || ((flags) & O_TMPFILE) == O_TMPFILE) {                                                                  \
        va_list more;                                                                                                 \
        va_start(more, flags);                                                                                        \
        mode = va_arg(more, mode_t);                                                                                  \
        va_end(more);                                                                                                 \
    }

int openat64(int folder, const char *path, int flags, ...) {
    MODE_OF(flags, mode)
    return open_any(folder, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...) {
    MODE_OF(flags, mode)
    return open_any(folder, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    MODE_OF(flags, mode)
    return open_any(AT_FDCWD, path, flags, mode);
}

int open(const char *path, int flags, ...) {
    MODE_OF(flags, mode)
    return open_any(AT_FDCWD, path, flags, mode);
}

int creat64(const char *path, mode_t mode) { return open_any(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

int creat(const char *path, mode_t mode) { return creat64(path, mode); }

/* Two names. */

static int renaming(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    char from_path[PATH_MAX], to_path[PATH_MAX];
    bool leaves = watched_path(from_folder, from, from_path), arrives = watched_path(to_folder, to, to_path);
    if (!leaves && !arrives)
        return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
    if (!leaves || !arrives || (flags & ~(unsigned)RENAME_NOREPLACE))
        journal_unsupported("a rename in or out of the folder, or an exchange");
    journal_lock();
    if (journal_step())
        journal_cut();
    int result = (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
    if (result == 0)
        journal_append(&(struct record){.kind = KIND_RENAME, .path = from_path, .path_to = to_path});
    journal_unlock();
    return result;
}

int rename(const char *from, const char *to) { return renaming(AT_FDCWD, from, AT_FDCWD, to, 0); }

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    return renaming(from_folder, from, to_folder, to, 0);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    return renaming(from_folder, from, to_folder, to, flags);
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    char from_path[PATH_MAX], to_path[PATH_MAX];
    bool known = watched_path(from_folder, from, from_path);
    if (!watched_path(to_folder, to, to_path))
        return (int)syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
    if (!known)
        journal_unsupported("a link to a file outside of the folder");
    journal_lock();
    if (journal_step())
        journal_cut();
    int result = (int)syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
    if (result == 0)
        journal_append(&(struct record){.kind = KIND_LINK, .path = from_path, .path_to = to_path});
    journal_unlock();
    return result;
}

int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int symlinkat(const char *target, int folder, const char *path) {
    char resolved[PATH_MAX];
    if (watched_path(folder, path, resolved))
        journal_unsupported("a symbolic link");
    return (int)syscall(SYS_symlinkat, target, folder, path);
}

int symlink(const char *target, const char *path) { return symlinkat(target, AT_FDCWD, path); }

/* One name. */

int unlinkat(int folder, const char *path, int flags) {
    char resolved[PATH_MAX];
    if (!watched_path(folder, path, resolved))
        return (int)syscall(SYS_unlinkat, folder, path, flags);
    journal_lock();
    if (journal_step())
        journal_cut();
    int result = (int)syscall(SYS_unlinkat, folder, path, flags);
    enum kind kind = flags & AT_REMOVEDIR ? KIND_RMDIR : KIND_UNLINK;
    if (result == 0)
        journal_append(&(struct record){.kind = kind, .path = resolved});
    journal_unlock();
    return result;
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int remove(const char *path) {
    int result = unlink(path);
    return result != 0 && errno == EISDIR ? rmdir(path) : result;
}

int mkdirat(int folder, const char *path, mode_t mode) {
    char resolved[PATH_MAX];
    if (!watched_path(folder, path, resolved))
        return (int)syscall(SYS_mkdirat, folder, path, mode);
    journal_lock();
    if (journal_step())
        journal_cut();
    struct stat status;
    int result = (int)syscall(SYS_mkdirat, folder, path, mode);
    if (result == 0 && fstatat(folder, path, &status, AT_SYMLINK_NOFOLLOW) == 0)
        journal_append(&(struct record){.kind = KIND_MKDIR, .path = resolved, .inode = status.st_ino});
    journal_unlock();
    return result;
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
