/* SPDX-License-Identifier: MIT */
/*
 * stdio on TLS sockets. libc's own streams read and write past every hook, so these
 * are cookie streams, whose functions come to us; they go by the number, and find
 * there what another stream would find: a TLS socket, or what has replaced it.
 */
#ifndef STREAMS_H
#define STREAMS_H

#include <stdbool.h>
#include <stdio.h>

struct stream;

enum { STREAMS_BUFFER = 4096 }; /* a socket's st_blksize, by which libc sizes its own */

/* fdopen(3) on a TLS socket's number. Returns 0 or a negative errno. */
int streams_fdopen(int fd, const char *mode, FILE **out);

/*
 * As libc's streams write to a number: all of it, or what went out before an error, which
 * errno tells. Returns how much that is.
 */
size_t streams_write(int fd, const char *buf, size_t n);

/*
 * A stream for a number, with one of fopen's modes. NULL without memory. To be called,
 * like all down to streams_unregister(), with stdiofd's lock.
 */
FILE *streams_new(int fd, const char *mode);

/* Gives an empty stream another buffer, and full buffering. Returns 0 or -ENOMEM. */
int streams_set_buffer(FILE *f, size_t size);

/* What a stream of ours reads before anything else: allocated, and the stream's from now. */
void streams_set_head(FILE *f, char *bytes, size_t n);

/* How much of that is left, and where. Nothing for other streams. */
size_t streams_head(const FILE *f, const char **bytes);

/* True if it is one of ours. */
bool streams_has(const FILE *f);

/*
 * The stream is not ours any more: it is closed, or glibc's freopen gets it. Returns
 * what to free after that; NULL if it never was.
 */
struct stream *streams_unregister(FILE *f);
void streams_free(struct stream *s);

/*
 * At exit: flushes, and sees to it that goodbye() is called when stdio has flushed for
 * the last time, after all destructors. False: there is nothing to wait for.
 */
bool streams_end(void (*goodbye)(void));

#endif /* STREAMS_H */
