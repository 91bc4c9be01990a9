/* SPDX-License-Identifier: MIT */
/* A place in a list of iovecs. */
#ifndef CURSOR_H
#define CURSOR_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

struct cursor {
	const struct iovec *iov;
	size_t n;    /* iovecs from here on */
	size_t off;  /* in the first of them */
	size_t left; /* bytes from here on */
};

/* What the kernel moves at most in one call (read(2)). */
enum { CURSOR_MOST = 0x7ffff000 };

/*
 * Starts at the beginning; ends after CURSOR_MOST bytes. Returns 0, -EINVAL where a
 * length is over SSIZE_MAX, or -EFAULT without iovecs.
 */
int cursor_init(struct cursor *cur, const struct iovec *iov, size_t n);

/* Gives the piece of memory at the cursor, and its length: 0 at the end. */
size_t cursor_piece(struct cursor *cur, void **piece);

/* Moves on by n bytes, at most to the end. */
void cursor_advance(struct cursor *cur, size_t n);

/* Copies up to n bytes out, without moving. Returns how many. */
size_t cursor_copy(const struct cursor *cur, void *to, size_t n);

#endif /* CURSOR_H */
