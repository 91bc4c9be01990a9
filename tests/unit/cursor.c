/* SPDX-License-Identifier: MIT */
/* The place in a list of iovecs. */
#include "cursor.h"
#include "stream.h"
#include "unit.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static char memory[64];

struct sum_row {
	const char *title;
	size_t lengths[3];
	size_t n;
	int result;
	size_t left;
};

static void test_sum(void **state)
{
	const struct sum_row *row = *state;
	struct iovec iov[3];
	struct cursor cur = {.left = 77};

	for (size_t i = 0; i < row->n; i++)
		iov[i] = (struct iovec){memory, row->lengths[i]};
	assert_int_equal(cursor_init(&cur, iov, row->n), row->result);
	if (row->result < 0)
		assert_int_equal(cur.left, 77);
	else
		assert_int_equal(cur.left, row->left);
}

static struct sum_row sums[] = {
	{"no iovec is no byte", {0}, 0, 0, 0},
	{"the most in one", {CURSOR_MOST}, 1, 0, CURSOR_MOST},
	{"the most in three", {CURSOR_MOST - 2, 1, 1}, 3, 0, CURSOR_MOST},
	{"more than the most", {CURSOR_MOST - 1, 1, 1}, 3, 0, CURSOR_MOST},
	{"SSIZE_MAX in one", {SSIZE_MAX}, 1, 0, CURSOR_MOST},
	{"one more than SSIZE_MAX in one", {(size_t)SSIZE_MAX + 1}, 1, -EINVAL, 0},
	{"one more than SSIZE_MAX in two", {SSIZE_MAX, 1}, 2, 0, CURSOR_MOST},
	{"a sum that comes round to little", {SSIZE_MAX, SSIZE_MAX, 3}, 3, 0, CURSOR_MOST},
	{"a negative length behind", {8, SIZE_MAX, 8}, 3, -EINVAL, 0},
};

static void test_no_list(void **state)
{
	struct cursor cur;

	(void)state;
	assert_int_equal(cursor_init(&cur, NULL, 0), 0);
	assert_int_equal(cur.left, 0);
	assert_int_equal(cursor_init(&cur, NULL, 1), -EFAULT);
}

/* What is over the most is no piece. */
static void test_the_most(void **state)
{
	const struct iovec iov[2] = {{memory, CURSOR_MOST - 3}, {memory + 8, 8}};
	struct cursor cur;
	void *piece;

	(void)state;
	assert_int_equal(cursor_init(&cur, iov, 2), 0);
	cursor_advance(&cur, CURSOR_MOST - 3);
	assert_int_equal(cursor_piece(&cur, &piece), 3);
	assert_ptr_equal(piece, memory + 8);
	cursor_advance(&cur, 5);
	assert_int_equal(cur.left, 0);
	assert_int_equal(cursor_piece(&cur, &piece), 0);
}

static void test_empty_iovecs_are_passed_over(void **state)
{
	const struct iovec iov[] = {{NULL, 0}, {memory, 3},	{NULL, 0},
				    {NULL, 0}, {memory + 8, 2}, {NULL, 0}};
	struct cursor cur;
	void *piece = NULL;

	(void)state;
	assert_int_equal(cursor_init(&cur, iov, COUNT(iov)), 0);
	assert_int_equal(cursor_piece(&cur, &piece), 3);
	assert_ptr_equal(piece, memory);
	cursor_advance(&cur, 3);
	assert_int_equal(cursor_piece(&cur, &piece), 2);
	assert_ptr_equal(piece, memory + 8);
	cursor_advance(&cur, 1);
	assert_int_equal(cursor_piece(&cur, &piece), 1);
	assert_ptr_equal(piece, memory + 9);
	assert_int_equal(cur.left, 1);
	cursor_advance(&cur, 1);
	assert_int_equal(cursor_piece(&cur, &piece), 0);
	assert_int_equal(cur.left, 0);
}

static void test_only_empty_iovecs(void **state)
{
	const struct iovec iov[3] = {{NULL, 0}};
	struct cursor cur;
	void *piece;
	char byte;

	(void)state;
	assert_int_equal(cursor_init(&cur, iov, COUNT(iov)), 0);
	assert_int_equal(cursor_piece(&cur, &piece), 0);
	assert_int_equal(cursor_copy(&cur, &byte, 1), 0);
}

static void test_advance_stops_at_the_end(void **state)
{
	const struct iovec iov[] = {{memory, 4}, {memory, 4}};
	struct cursor cur;
	void *piece;

	(void)state;
	assert_int_equal(cursor_init(&cur, iov, COUNT(iov)), 0);
	cursor_advance(&cur, SIZE_MAX);
	assert_int_equal(cur.left, 0);
	assert_int_equal(cursor_piece(&cur, &piece), 0);
}

static void test_copy_does_not_move(void **state)
{
	char a[] = "abc", b[] = "defgh", out[9] = "";
	const struct iovec iov[] = {{a, 3}, {NULL, 0}, {b, 5}};
	struct cursor cur;

	(void)state;
	assert_int_equal(cursor_init(&cur, iov, COUNT(iov)), 0);
	cursor_advance(&cur, 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(cursor_copy(&cur, out, 4), 4);
		assert_string_equal(out, "bcde");
	}
	assert_int_equal(cursor_copy(&cur, out, sizeof(out)), 7);
	assert_string_equal(out, "bcdefgh");
	assert_int_equal(cur.left, 7);
}

/* Walks a random list in random steps; the pieces must be the stream in order. */
static void walk(struct rng *rng)
{
	uint8_t bytes[4096], got[4096];
	struct iovec iov[32];
	struct cursor cur;
	size_t n = rng_range(rng, 0, COUNT(iov)), total = 0, at = 0, len;
	void *piece;

	stream_fill(0, bytes, sizeof(bytes));
	for (size_t i = 0; i < n; i++) {
		iov[i] = (struct iovec){bytes + total,
					rng_range(rng, 0, 128) * rng_range(rng, 0, 1)};
		total += iov[i].iov_len;
	}
	assert_int_equal(cursor_init(&cur, iov, n), 0);
	while (at < total) {
		assert_int_equal(cur.left, total - at);
		assert_int_equal(cursor_copy(&cur, got, sizeof(got)), total - at);
		assert_memory_equal(got, bytes + at, total - at);
		assert_true(cursor_piece(&cur, &piece) > 0);
		assert_ptr_equal(piece, bytes + at);
		len = rng_range(rng, 0, 200);
		cursor_advance(&cur, len);
		at = at + len < total ? at + len : total;
	}
	assert_int_equal(cursor_piece(&cur, &piece), 0);
}

static void test_any_list_in_any_steps(void **state)
{
	unsigned int first, n = chance_seeds(2000, &first);

	(void)state;
	for (unsigned int seed = first; seed < first + n; seed++) {
		struct rng rng = rng_seed(seed);

		walk(&rng);
	}
}

int main(void)
{
	struct CMUnitTest tests[COUNT(sums) + 5] = {
		UNIT_CASE(test_no_list),
		UNIT_CASE(test_the_most),
		UNIT_CASE(test_empty_iovecs_are_passed_over),
		UNIT_CASE(test_only_empty_iovecs),
		UNIT_CASE(test_advance_stops_at_the_end),
		UNIT_CASE(test_copy_does_not_move),
		UNIT_CASE(test_any_list_in_any_steps),
	};

	for (size_t i = 0; i < COUNT(sums); i++)
		tests[5 + i] = UNIT_ROW(sums[i].title, test_sum, sums[i]);
	return cmocka_run_group_tests_name("cursor", tests, NULL, NULL);
}
