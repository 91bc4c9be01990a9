/* SPDX-License-Identifier: MIT */
/* The queue of bytes, by itself and against a model of it. */
#include "buffer.h"
#include "alloc.h"
#include "stream.h"
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

static void test_empty_owns_nothing(void **state)
{
	struct buffer b = {0};

	(void)state;
	buffer_trim(&b);
	assert_null(b.data);
	assert_int_equal(buffer_append(&b, "abc", 3), 0);
	assert_non_null(b.data);
	buffer_consume(&b, 2);
	assert_memory_equal(buffer_head(&b), "c", 1);
	buffer_consume(&b, 1);
	assert_null(b.data);
	assert_int_equal(b.len + b.off + b.cap, 0);
}

static void test_trim_keeps_bytes(void **state)
{
	struct buffer b = {0};

	(void)state;
	assert_int_equal(buffer_append(&b, "abc", 3), 0);
	buffer_trim(&b);
	assert_memory_equal(buffer_head(&b), "abc", 3);
	buffer_fini(&b);
	assert_int_equal(buffer_reserve(&b, 10), 0);
	assert_non_null(b.data);
	buffer_trim(&b);
	assert_null(b.data);
}

static void test_reserve_gives_room(void **state)
{
	static const size_t sizes[] = {0,      1, BUFFER_SIZE - 1, BUFFER_SIZE, BUFFER_SIZE + 1,
				       1 << 20};

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct buffer b = {0};

		assert_int_equal(buffer_append(&b, "head", 4), 0);
		assert_int_equal(buffer_reserve(&b, sizes[i]), 0);
		assert_true(buffer_space(&b) >= sizes[i]);
		memset(buffer_tail(&b), 'x', sizes[i]);
		assert_memory_equal(buffer_head(&b), "head", 4);
		buffer_fini(&b);
	}
}

static void model_step(struct buffer *b, struct rng *rng, uint64_t *in, uint64_t *out)
{
	static uint8_t bytes[BUFFER_SIZE];
	size_t n = rng_range(rng, 0, rng_once_in(rng, 4) ? sizeof(bytes) : 4096);

	if (rng_once_in(rng, 2)) {
		stream_fill(*in, bytes, n);
		assert_int_equal(buffer_append(b, bytes, n), 0);
		*in += n;
	} else {
		n = n < b->len ? n : b->len;
		assert_int_equal(stream_mismatch(*out, buffer_head(b), n), n);
		buffer_consume(b, n);
		*out += n;
	}
	assert_int_equal(b->len, *in - *out);
	assert_true(b->off + b->len <= b->cap);
}

static void test_is_a_queue(void **state)
{
	unsigned int first, n = chance_seeds(50, &first);

	(void)state;
	for (unsigned int seed = first; seed < first + n; seed++) {
		struct rng rng = rng_seed(seed);
		struct buffer b = {0};
		uint64_t in = 0, out = 0;

		for (int i = 0; i < 200; i++)
			model_step(&b, &rng, &in, &out);
		assert_int_equal(stream_mismatch(out, buffer_head(&b), b.len), b.len);
		buffer_fini(&b);
	}
}

static void test_steady_state_asks_malloc_for_nothing(void **state)
{
	struct buffer b = {0}, c = {0};

	(void)state;
	for (int round = 0; round < 2; round++) {
		alloc_start(0);
		for (int i = 0; i < 100; i++) {
			assert_int_equal(buffer_append(&b, "in", 2), 0);
			assert_int_equal(buffer_append(&c, "out", 3), 0);
			buffer_consume(&b, 2);
			buffer_consume(&c, 3);
		}
	}
	assert_int_equal(alloc_stop(), 0);
}

static void test_grown_piece_is_not_kept(void **state)
{
	struct buffer b = {0};

	(void)state;
	assert_int_equal(buffer_reserve(&b, 2 * BUFFER_SIZE), 0);
	buffer_fini(&b);
	assert_int_equal(buffer_reserve(&b, 1), 0);
	assert_int_equal(b.cap, BUFFER_SIZE);
	buffer_fini(&b);
}

static void test_copy_takes_what_it_needs(void **state)
{
	static const size_t sizes[] = {1, 4095, 4096, BUFFER_RECORD, BUFFER_RECORD + 1};
	static uint8_t bytes[BUFFER_RECORD + 1];

	(void)state;
	stream_fill(0, bytes, sizeof(bytes));
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct buffer b = {0};

		assert_int_equal(buffer_copy(&b, bytes, sizes[i]), 0);
		assert_true(b.cap == sizes[i] || b.cap == BUFFER_RECORD);
		assert_int_equal(b.len, sizes[i]);
		/* It grows as any other. */
		assert_int_equal(buffer_append(&b, "more", 4), 0);
		assert_int_equal(stream_mismatch(0, buffer_head(&b), sizes[i]), sizes[i]);
		assert_memory_equal(buffer_head(&b) + sizes[i], "more", 4);
		buffer_fini(&b);
	}
}

static void test_copies_of_records_are_kept(void **state)
{
	static const uint8_t bytes[BUFFER_RECORD];
	struct buffer b[4] = {0};

	(void)state;
	for (int round = 0; round < 2; round++) {
		alloc_start(0);
		for (size_t i = 0; i < COUNT(b); i++)
			assert_int_equal(buffer_copy(&b[i], bytes, sizeof(bytes)), 0);
		for (size_t i = 0; i < COUNT(b); i++)
			buffer_fini(&b[i]);
	}
	assert_int_equal(alloc_stop(), 0);
}

static void test_no_memory_for_a_copy(void **state)
{
	struct buffer b = {0};

	(void)state;
	alloc_start(1);
	assert_int_equal(buffer_copy(&b, "x", 1), -ENOMEM);
	alloc_stop();
	assert_null(b.data);
}

static void *use_and_leave(void *unused)
{
	static const uint8_t record[BUFFER_RECORD];
	struct buffer b[4] = {0};

	(void)unused;
	for (size_t i = 0; i < COUNT(b); i++)
		(void)!(i % 2 ? buffer_append(&b[i], "x", 1)
			      : buffer_copy(&b[i], record, sizeof(record)));
	for (size_t i = 0; i < COUNT(b); i++)
		buffer_fini(&b[i]);
	return NULL;
}

static void test_thread_leaves_nothing(void **state)
{
	long before = alloc_live();
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, use_and_leave, NULL), 0);
	pthread_join(thread, NULL);
	assert_int_equal(alloc_live(), before);
}

static void test_no_memory_for_the_first_byte(void **state)
{
	struct buffer taken[2] = {0}, b = {0};

	(void)state;
	/* What the thread keeps must not help. */
	for (size_t i = 0; i < COUNT(taken); i++)
		assert_int_equal(buffer_reserve(&taken[i], 1), 0);
	alloc_start(1);
	assert_int_equal(buffer_append(&b, "x", 1), -ENOMEM);
	alloc_stop();
	assert_null(b.data);
	assert_int_equal(b.len + b.cap, 0);
	for (size_t i = 0; i < COUNT(taken); i++)
		buffer_fini(&taken[i]);
}

static void test_no_memory_to_grow_keeps_bytes(void **state)
{
	static const uint8_t more[BUFFER_SIZE];
	struct buffer b = {0};

	(void)state;
	assert_int_equal(buffer_append(&b, "abcdef", 6), 0);
	buffer_consume(&b, 2);
	alloc_start(1);
	assert_int_equal(buffer_append(&b, more, sizeof(more)), -ENOMEM);
	alloc_stop();
	assert_int_equal(b.len, 4);
	assert_memory_equal(buffer_head(&b), "cdef", 4);
	buffer_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_CASE(test_empty_owns_nothing),
		UNIT_CASE(test_trim_keeps_bytes),
		UNIT_CASE(test_reserve_gives_room),
		UNIT_CASE(test_is_a_queue),
		UNIT_CASE(test_steady_state_asks_malloc_for_nothing),
		UNIT_CASE(test_grown_piece_is_not_kept),
		UNIT_CASE(test_copy_takes_what_it_needs),
		UNIT_CASE(test_copies_of_records_are_kept),
		UNIT_CASE(test_no_memory_for_a_copy),
		UNIT_CASE(test_thread_leaves_nothing),
		UNIT_CASE(test_no_memory_for_the_first_byte),
		UNIT_CASE(test_no_memory_to_grow_keeps_bytes),
	};

	return cmocka_run_group_tests_name("buffer", tests, NULL, NULL);
}
