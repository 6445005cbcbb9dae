/* What changes the bytes of files, and what makes them durable. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "journal.h"

/* The beginning of an answer that promises something. */
static const char PROMISE[] = "HTTP/1.1 2";

static bool is_promise(const struct iovec *parts, int count) {
    size_t length = sizeof PROMISE - 1;
    return count > 0 && parts[0].iov_len >= length && memcmp(parts[0].iov_base, PROMISE, length) == 0;
}

/* The peer's port of an IPv4 or IPv6 socket; 0 for everything else. */
static uint64_t peer_port(int file) {
    unsigned char address[128];
    socklen_t length = sizeof address;
    if (getpeername(file, (struct sockaddr *)address, &length) != 0)
        return 0;
    sa_family_t family = ((struct sockaddr *)address)->sa_family;
    /* At the same place in both. */
    return family == AF_INET || family == AF_INET6 ? (uint64_t)address[2] << 8 | address[3] : 0;
}

/* Notes an answer before it leaves: nothing promised by it may become durable only afterwards. */
static void note_answer(int file, const struct iovec *parts, int count) {
    if (!journal_is_on() || !is_promise(parts, count))
        return;
    int before = errno;
    uint64_t port = peer_port(file);
    if (port) {
        journal_lock();
        if (journal_step())
            journal_cut();
        journal_append(&(struct record){
            .kind = KIND_ANSWER, .extra = port, .data = parts[0].iov_base, .data_bytes = sizeof PROMISE + 1});
        journal_unlock();
    }
    errno = before;
}

static size_t total(const struct iovec *parts, int count) {
    size_t bytes = 0;
    for (int i = 0; i < count; i++)
        bytes += parts[i].iov_len;
    return bytes;
}

/* Writes `bytes` of `flat` where the caller wanted them: at `offset`, or at the file's position for -1. */
static ssize_t write_flat(int file, const char *flat, size_t bytes, off_t offset) {
    return offset < 0 ? syscall(SYS_write, file, flat, bytes) : syscall(SYS_pwrite64, file, flat, bytes, offset);
}

/* A write to a watched file. The power may fail half way through it. */
static ssize_t write_watched(int file, const struct stat *status, const struct iovec *parts, int count, off_t offset) {
    size_t bytes = total(parts, count), at = 0;
    char *flat = malloc(bytes ? bytes : 1);
    if (!flat) {
        errno = ENOMEM;
        return -1;
    }
    for (int i = 0; i < count; i++) {
        memcpy(flat + at, parts[i].iov_base, parts[i].iov_len);
        at += parts[i].iov_len;
    }
    journal_lock();
    bool cut = journal_step();
    if (cut)
        bytes /= 2;
    ssize_t written = write_flat(file, flat, bytes, offset);
    if (written > 0) {
        /* With O_APPEND the position is behind the write, wherever it was before. */
        off_t end = offset < 0 ? lseek(file, 0, SEEK_CUR) : offset + written;
        journal_append(&(struct record){.kind = KIND_WRITE,
                                        .inode = status->st_ino,
                                        .offset = end - written,
                                        .data = flat,
                                        .data_bytes = (size_t)written});
    }
    if (cut)
        journal_cut();
    journal_unlock();
    int after = errno;
    free(flat);
    errno = after;
    return written;
}

ssize_t write(int file, const void *bytes, size_t length) {
    struct iovec part = {(void *)bytes, length};
    struct stat status;
    if (watched_file(file, &status))
        return write_watched(file, &status, &part, 1, -1);
    note_answer(file, &part, 1);
    return syscall(SYS_write, file, bytes, length);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    struct stat status;
    if (watched_file(file, &status))
        return write_watched(file, &status, parts, count, -1);
    note_answer(file, parts, count);
    return syscall(SYS_writev, file, parts, count);
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t offset) {
    struct iovec part = {(void *)bytes, length};
    struct stat status;
    if (offset >= 0 && watched_file(file, &status))
        return write_watched(file, &status, &part, 1, offset);
    return syscall(SYS_pwrite64, file, bytes, length, offset);
}

ssize_t pwrite(int file, const void *bytes, size_t length, off_t offset) {
    return pwrite64(file, bytes, length, offset);
}

ssize_t pwritev64(int file, const struct iovec *parts, int count, off64_t offset) {
    struct stat status;
    if (offset >= 0 && watched_file(file, &status))
        return write_watched(file, &status, parts, count, offset);
    /* The offset in two halves, the high one unused on machines of 64 bits. */
    return syscall(SYS_pwritev, file, parts, count, offset, 0);
}

ssize_t pwritev(int file, const struct iovec *parts, int count, off_t offset) {
    return pwritev64(file, parts, count, offset);
}

ssize_t pwritev2(int file, const struct iovec *parts, int count, off_t offset, int flags) {
    struct stat status;
    if (flags && watched_file(file, &status))
        journal_unsupported("pwritev2 with flags");
    return offset < 0 ? writev(file, parts, count) : pwritev64(file, parts, count, offset);
}

ssize_t send(int file, const void *bytes, size_t length, int flags) {
    struct iovec part = {(void *)bytes, length};
    note_answer(file, &part, 1);
    return syscall(SYS_sendto, file, bytes, length, flags, NULL, 0);
}

ssize_t sendmsg(int file, const struct msghdr *message, int flags) {
    note_answer(file, message->msg_iov, (int)message->msg_iovlen);
    return syscall(SYS_sendmsg, file, message, flags);
}

/* Ways around write. Whoever tries them falls back on write, as on a file system without them. */

ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t length, unsigned flags) {
    struct stat status;
    if (watched_file(to, &status)) {
        errno = EXDEV;
        return -1;
    }
    return syscall(SYS_copy_file_range, from, from_at, to, to_at, length, flags);
}

ssize_t sendfile64(int to, int from, off64_t *offset, size_t length) {
    struct stat status;
    if (watched_file(to, &status)) {
        errno = EINVAL;
        return -1;
    }
    return syscall(SYS_sendfile, to, from, offset, length);
}

ssize_t sendfile(int to, int from, off_t *offset, size_t length) { return sendfile64(to, from, offset, length); }

ssize_t splice(int from, off64_t *from_at, int to, off64_t *to_at, size_t length, unsigned flags) {
    struct stat status;
    if (watched_file(to, &status)) {
        errno = EINVAL;
        return -1;
    }
    return syscall(SYS_splice, from, from_at, to, to_at, length, flags);
}

int fallocate64(int file, int mode, off64_t offset, off64_t length) {
    struct stat status;
    if (watched_file(file, &status)) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return (int)syscall(SYS_fallocate, file, mode, offset, length);
}

int fallocate(int file, int mode, off_t offset, off_t length) { return fallocate64(file, mode, offset, length); }

int posix_fallocate64(int file, off64_t offset, off64_t length) {
    return fallocate64(file, 0, offset, length) == 0 ? 0 : errno;
}

int posix_fallocate(int file, off_t offset, off_t length) { return posix_fallocate64(file, offset, length); }

void *mmap64(void *at, size_t length, int access, int flags, int file, off64_t offset) {
    struct stat status;
    int kind = flags & MAP_TYPE;
    if (file >= 0 && (access & PROT_WRITE) && kind != MAP_PRIVATE && watched_file(file, &status))
        journal_unsupported("mmap: stores into a shared mapping pass unseen");
    return (void *)syscall(SYS_mmap, at, length, access, flags, file, offset);
}

void *mmap(void *at, size_t length, int access, int flags, int file, off_t offset) {
    return mmap64(at, length, access, flags, file, offset);
}

/* Lengths. */

int ftruncate64(int file, off64_t length) {
    struct stat status;
    if (!watched_file(file, &status))
        return (int)syscall(SYS_ftruncate, file, length);
    journal_lock();
    if (journal_step())
        journal_cut();
    int result = (int)syscall(SYS_ftruncate, file, length);
    if (result == 0)
        journal_append(&(struct record){.kind = KIND_TRUNCATE, .inode = status.st_ino, .offset = length});
    journal_unlock();
    return result;
}

int ftruncate(int file, off_t length) { return ftruncate64(file, length); }

int truncate64(const char *path, off64_t length) {
    int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC);
    if (file < 0)
        return -1;
    int result = ftruncate64(file, length), after = errno;
    close(file);
    errno = after;
    return result;
}

int truncate(const char *path, off_t length) { return truncate64(path, length); }

/* Syncs. The disk is not asked: what survives is what the journal says, and a power cut that is not
 * real needs no real sync. While one takes its time, others go on, and the power may fail. */
static int sync_watched(const struct stat *status) {
    static uint64_t syncs;
    journal_lock();
    uint64_t sync = ++syncs;
    bool cut = journal_step();
    journal_append(&(struct record){.kind = KIND_SYNC_BEGIN, .inode = status->st_ino, .extra = sync});
    if (cut)
        journal_cut();
    unsigned us = journal_sync_us();
    journal_unlock();
    usleep(us);
    journal_lock();
    cut = journal_step();
    journal_append(&(struct record){.kind = KIND_SYNC_END, .inode = status->st_ino, .extra = sync});
    if (cut)
        journal_cut();
    journal_unlock();
    return 0;
}

int fsync(int file) {
    struct stat status;
    return watched_file(file, &status) ? sync_watched(&status) : (int)syscall(SYS_fsync, file);
}

int fdatasync(int file) {
    struct stat status;
    return watched_file(file, &status) ? sync_watched(&status) : (int)syscall(SYS_fdatasync, file);
}

/* Begins writing back, but promises nothing about it: neither the disk's cache nor the file's length. */
int sync_file_range(int file, off64_t offset, off64_t length, unsigned flags) {
    return (int)syscall(SYS_sync_file_range, file, offset, length, flags);
}
