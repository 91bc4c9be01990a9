/* SPDX-License-Identifier: MIT */
/*
 * A queue of bytes in one piece of memory. An empty one owns none: idle
 * connections keep no buffer. Each thread keeps a few freed pieces for the next
 * one, so that the steady state asks malloc for nothing.
 */
#ifndef BUFFER_H
#define BUFFER_H

#include <stddef.h>
#include <stdint.h>

/*
 * Four records of the greatest size, with what TLS 1.2 may add to each; and the
 * greatest record's plaintext.
 */
enum { BUFFER_SIZE = 4 * (16384 + 2048 + 5), BUFFER_RECORD = 16384 };

struct buffer {
	uint8_t *data;
	size_t off; /* of the first byte */
	size_t len; /* bytes held */
	size_t cap; /* of data */
};

/* Returns the first byte; NULL where there is no memory. */
static inline uint8_t *buffer_head(const struct buffer *b)
{
	return b->data ? b->data + b->off : NULL;
}

/* Returns where the next byte goes. */
static inline uint8_t *buffer_tail(const struct buffer *b)
{
	return b->data + b->off + b->len;
}

/* How many more bytes fit behind the tail. */
static inline size_t buffer_space(const struct buffer *b)
{
	return b->cap - b->off - b->len;
}

/* Makes room for at least n more bytes. Returns 0 or -ENOMEM. */
int buffer_reserve(struct buffer *b, size_t n);

/* Adds bytes at the tail. Returns 0 or -ENOMEM, with nothing added. */
int buffer_append(struct buffer *b, const void *data, size_t n);

/*
 * An empty one gets a copy of the bytes, in little more memory than they need. Returns
 * 0, or -ENOMEM with nothing changed.
 */
int buffer_copy(struct buffer *b, const void *data, size_t n);

/* Drops n bytes from the head; with the last one the memory goes. */
void buffer_consume(struct buffer *b, size_t n);

/* Gives the memory back if nothing is in it. */
void buffer_trim(struct buffer *b);

/* Drops everything. */
void buffer_fini(struct buffer *b);

#endif /* BUFFER_H */
