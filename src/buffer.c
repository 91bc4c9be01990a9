/* SPDX-License-Identifier: MIT */
#include "buffer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* One for what comes in, one for what goes out. */
enum { KEPT = 2 };

static __thread uint8_t *kept[KEPT];
static __thread int registered;
static pthread_key_t key;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static void free_kept(void *unused)
{
	(void)unused;
	for (int i = 0; i < KEPT; i++) {
		free(kept[i]);
		kept[i] = NULL;
	}
	registered = 0;
}

static void create_key(void)
{
	pthread_key_create(&key, free_kept);
}

static uint8_t *take(void)
{
	for (int i = 0; i < KEPT; i++) {
		uint8_t *data = kept[i];

		kept[i] = NULL;
		if (data)
			return data;
	}
	return malloc(BUFFER_SIZE);
}

static void give(uint8_t *data)
{
	if (!registered) {
		pthread_once(&key_once, create_key);
		registered = pthread_setspecific(key, kept) == 0;
	}
	for (int i = 0; registered && i < KEPT; i++) {
		if (!kept[i]) {
			kept[i] = data;
			return;
		}
	}
	free(data);
}

int buffer_reserve(struct buffer *b, size_t n)
{
	uint8_t *grown;

	if (!b->data) {
		b->data = take();
		if (!b->data)
			return -ENOMEM;
		b->cap = BUFFER_SIZE;
	}
	if (buffer_space(b) >= n)
		return 0;
	memmove(b->data, buffer_head(b), b->len);
	b->off = 0;
	if (buffer_space(b) >= n)
		return 0;
	grown = realloc(b->data, b->len + n);
	if (!grown)
		return -ENOMEM;
	b->data = grown;
	b->cap = b->len + n;
	return 0;
}

int buffer_append(struct buffer *b, const void *data, size_t n)
{
	int r = n ? buffer_reserve(b, n) : 0;

	if (r < 0 || n == 0)
		return r;
	memcpy(buffer_tail(b), data, n);
	b->len += n;
	return 0;
}

void buffer_consume(struct buffer *b, size_t n)
{
	b->off += n;
	b->len -= n;
	buffer_trim(b);
}

void buffer_trim(struct buffer *b)
{
	if (b->len == 0)
		buffer_fini(b);
}

void buffer_fini(struct buffer *b)
{
	if (b->cap == BUFFER_SIZE)
		give(b->data);
	else
		free(b->data);
	*b = (struct buffer){0};
}
