/* The journal of everything that a process does to one folder, written by a preloaded library.
 *
 * Whoever reads it to its end knows, for every moment, what a disk must hold that keeps exactly
 * what was synced: bytes of a file after fsync or fdatasync of that file, names in a folder after
 * fsync of that folder. Nothing here decides what is lost; that is for the reader.
 *
 * A record is this header, little endian, followed by `path`, `path_to` and `data`:
 *
 *     u32 kind, u32 flags, u64 inode, i64 offset, u64 extra, u32 path, u32 path_to, u64 data
 *
 * Environment:
 *     WEIR_CUT_ROOT     the folder, an absolute path without symbolic links; nothing is done without it
 *     WEIR_CUT_JOURNAL  the journal's file, outside of that folder
 *     WEIR_CUT_AFTER    the power fails at this step, counted from 1; 0 or absent: not by count
 *     WEIR_CUT_FLAG     the power fails at the first step after this file exists
 *     WEIR_CUT_SYNC_US  a sync takes up to so many microseconds
 */
#ifndef WEIR_POWERCUT_JOURNAL_H
#define WEIR_POWERCUT_JOURNAL_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

enum kind {
    KIND_CREATE = 1,      /* path, inode: a new empty file */
    KIND_WRITE = 2,       /* inode, offset, data */
    KIND_TRUNCATE = 3,    /* inode, offset: the new length */
    KIND_SYNC_BEGIN = 4,  /* inode, extra: the sync's number; what was done before is covered */
    KIND_SYNC_END = 5,    /* inode, extra: the same number; from here on it is durable */
    KIND_RENAME = 6,      /* path, path_to */
    KIND_LINK = 7,        /* path, path_to */
    KIND_UNLINK = 8,      /* path */
    KIND_MKDIR = 9,       /* path, inode */
    KIND_RMDIR = 10,      /* path */
    KIND_ANSWER = 11,     /* extra: the peer's port, data: the beginning of an HTTP answer 2xx */
    KIND_UNSUPPORTED = 12, /* path: what was done that this library cannot follow */
    KIND_CUT = 13,        /* the power fails; the last record */
};

struct record {
    enum kind kind;
    uint64_t inode;
    int64_t offset;
    uint64_t extra;
    const char *path;
    const char *path_to;
    const void *data;
    size_t data_bytes;
};

/* One lock around every operation and its record: the journal's order is the order of operations. */
void journal_lock(void);
void journal_unlock(void);

/* Whether there is a folder to watch. */
bool journal_is_on(void);

/* Counts a step; true when the power fails at this one. Under the lock. */
bool journal_step(void);

/* Appends a record. Under the lock. */
void journal_append(const struct record *record);

/* Notes an operation that the reader cannot replay. Takes the lock. */
void journal_unsupported(const char *what);

/* The power fails: nothing that this process does from here on happens. Under the lock, for ever. */
_Noreturn void journal_cut(void);

/* How long the next sync takes, in microseconds. Under the lock. */
unsigned journal_sync_us(void);

/* Puts the absolute path of `path`, relative to `folder` as in openat, into `resolved`; whether it is
 * in the watched folder. */
bool watched_path(int folder, const char *path, char resolved[PATH_MAX]);

/* Whether `file` is an open file or folder in the watched folder; what it is. Asked of the kernel each
 * time, so that dup, close and whoever closes without telling us change nothing. */
bool watched_file(int file, struct stat *status);

#endif
