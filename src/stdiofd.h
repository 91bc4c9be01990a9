/* SPDX-License-Identifier: MIT */
/*
 * What stdio has under a number that becomes a TLS socket's, or is one no more. libc's
 * streams write past every hook, so they would write in the clear: while the socket is
 * there each stream of the number gets EBADF. Instead of stdin, stdout and stderr, which
 * are variables, a stream of streams.h stands there meanwhile.
 */
#ifndef STDIOFD_H
#define STDIOFD_H

#include <stdbool.h>
#include <stdio.h>

/* Before a number becomes a TLS socket's: libc's streams are kept off it. */
void stdiofd_take(int fd);

/* After that: the standard streams' turn. */
void stdiofd_install(int fd);

/* After the number has ceased to be one, unless it is one again. */
void stdiofd_release(int fd);

/* True if a stream of the number, libc's or ours, has bytes that are to be written yet. */
bool stdiofd_pending(int fd);

/* A stream of ours is closed, or handed to glibc. With the lock. */
void stdiofd_gone(const FILE *f);

/* fclose of any stream, with libc's: a number that was taken from one is closed too. */
int stdiofd_fclose(FILE *f, int (*real)(FILE *f));

/* freopen or freopen64 of any stream, with libc's, which is given. */
typedef FILE *stdiofd_reopen(const char *path, const char *mode, FILE *f);
FILE *stdiofd_freopen(const char *path, const char *mode, FILE *f, stdiofd_reopen *real);

/*
 * The lock of this room and streams': inside glibc's own of its list of streams, which
 * may be had by a thread that writes, and so comes before all others of the library.
 */
void stdiofd_lock(void);
void stdiofd_unlock(void);

/* glibc's alone. */
void stdiofd_list_lock(void);
void stdiofd_list_unlock(void);

/* Around fork. */
void stdiofd_fork_child(void);

#endif /* STDIOFD_H */
