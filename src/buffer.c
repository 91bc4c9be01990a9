/* SPDX-License-Identifier: MIT */
#include "buffer.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/*
 * What a thread keeps: one large piece for what comes in and one for what goes out,
 * and smaller ones for what many connections have for it at once.
 */
enum { LARGE, RECORD, SIZES, KEPT_LARGE = 2, KEPT_RECORDS = 64, EXACT_BELOW = 4096 };

static const struct {
	size_t size;
	int most;
} sizes[SIZES] = {{BUFFER_SIZE, KEPT_LARGE}, {BUFFER_RECORD, KEPT_RECORDS}};

static __thread struct {
	int n;
	uint8_t *pieces[KEPT_RECORDS];
} kept[SIZES];
static __thread bool registered;
static pthread_key_t key;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static void free_kept(void *unused)
{
	(void)unused;
	for (int i = 0; i < SIZES; i++)
		while (kept[i].n > 0)
			free(kept[i].pieces[--kept[i].n]);
	registered = false;
}

static void create_key(void)
{
	pthread_key_create(&key, free_kept);
}

static uint8_t *take(int which)
{
	if (kept[which].n > 0)
		return kept[which].pieces[--kept[which].n];
	return malloc(sizes[which].size);
}

static void give(int which, uint8_t *data)
{
	if (!registered) {
		pthread_once(&key_once, create_key);
		registered = pthread_setspecific(key, kept) == 0;
	}
	if (registered && kept[which].n < sizes[which].most)
		kept[which].pieces[kept[which].n++] = data;
	else
		free(data);
}

int buffer_reserve(struct buffer *b, size_t n)
{
	uint8_t *grown;
	size_t cap;

	if (!b->data) {
		b->data = take(LARGE);
		if (!b->data)
			return -ENOMEM;
		b->cap = BUFFER_SIZE;
	}
	if (buffer_space(b) >= n)
		return 0;
	/* What is moved or copied is less than what was consumed or comes to it. */
	if (b->off >= b->len || b->len <= BUFFER_SIZE) {
		memmove(b->data, buffer_head(b), b->len);
		b->off = 0;
	}
	if (buffer_space(b) >= n)
		return 0;
	cap = b->off + b->len + n;
	cap += cap > BUFFER_SIZE ? cap / 2 : 0;
	grown = realloc(b->data, cap);
	if (!grown)
		return -ENOMEM;
	b->data = grown;
	b->cap = cap;
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

int buffer_copy(struct buffer *b, const void *data, size_t n)
{
	bool exact = n < EXACT_BELOW || n > BUFFER_RECORD;
	uint8_t *copy = exact ? malloc(n) : take(RECORD);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, data, n);
	*b = (struct buffer){.data = copy, .len = n, .cap = exact ? n : BUFFER_RECORD};
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
	int which = 0;

	while (which < SIZES && b->cap != sizes[which].size)
		which++;
	if (which < SIZES)
		give(which, b->data);
	else
		free(b->data);
	*b = (struct buffer){0};
}
