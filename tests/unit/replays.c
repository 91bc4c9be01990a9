/* SPDX-License-Identifier: MIT */
/* The record of accepted ClientHellos, by one process and by several. */
#include "replays.h"

#include "unit.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOW_S = 1700000000, KEEP_S = 100, CHILDREN = 4, IDS = 20000 };

static bool is_first(struct replays *r, uint32_t id, int64_t now_s)
{
	return replays_first(r, &id, sizeof(id), now_s, KEEP_S);
}

static struct replays *make(void)
{
	struct replays *r = replays_new();

	assert_non_null(r);
	return r;
}

static void test_once(void **state)
{
	struct replays *r = make(), *other = make();

	(void)state;
	assert_true(is_first(r, 1, NOW_S));
	assert_false(is_first(r, 1, NOW_S));
	assert_true(is_first(r, 2, NOW_S));
	assert_true(is_first(other, 1, NOW_S));
	/* To the last second; and what was refused does not count anew. */
	assert_false(is_first(r, 1, NOW_S + KEEP_S));
	assert_true(is_first(r, 1, NOW_S + KEEP_S + 1));
	assert_false(is_first(r, 1, NOW_S + KEEP_S + 2));
	replays_free(r);
	replays_free(other);
}

/* A bit more, or less, is another one. */
static void test_lengths(void **state)
{
	struct replays *r = make();

	(void)state;
	for (size_t len = 1; len <= 48; len++)
		assert_true(replays_first(r, (uint8_t[48]){0}, len, NOW_S, KEEP_S));
	for (size_t len = 1; len <= 48; len++)
		assert_false(replays_first(r, (uint8_t[48]){0}, len, NOW_S, KEEP_S));
	replays_free(r);
}

/* By a clock that was set back tickets would be good again that are forgotten here. */
static void test_clock_set_back(void **state)
{
	struct replays *r = make();

	(void)state;
	assert_true(is_first(r, 1, NOW_S));
	assert_true(is_first(r, 2, NOW_S + 1000));
	assert_false(is_first(r, 1, NOW_S));
	assert_false(is_first(r, 3, NOW_S + 998));
	assert_true(is_first(r, 4, NOW_S + 999));
	assert_true(is_first(r, 3, NOW_S + 1000));
	replays_free(r);
}

/* The words have few bits for the time. */
static void test_long_after(void **state)
{
	struct replays *r = make();

	(void)state;
	for (int day = 0; day < 1000; day++) {
		int64_t now_s = NOW_S + day * 86400;

		assert_true(is_first(r, 1000u + (uint32_t)day, now_s));
		assert_false(is_first(r, 1000u + (uint32_t)day, now_s + KEEP_S));
	}
	replays_free(r);
}

/* For as long as a ticket can be good, and not less. */
static void test_kept_long(void **state)
{
	enum { LONGEST_S = 6 * 604800 };
	struct replays *r = make();
	uint32_t id = 1;

	(void)state;
	assert_true(replays_first(r, &id, sizeof(id), NOW_S, LONGEST_S));
	assert_false(is_first(r, id, NOW_S + LONGEST_S / 2));
	assert_false(is_first(r, id, NOW_S + LONGEST_S));
	assert_true(is_first(r, id, NOW_S + LONGEST_S + 1));
	replays_free(r);
}

/* What has no place is not accepted; nothing that was is forgotten for it. */
static void test_full(void **state)
{
	enum { PLACES = REPLAYS_BUCKETS * REPLAYS_WAYS, MANY = 3 * PLACES };
	static uint8_t accepted[MANY];
	struct replays *r = make();
	unsigned int n = 0;

	(void)state;
	for (uint32_t i = 0; i < MANY; i++)
		n += accepted[i] = is_first(r, i, NOW_S);
	assert_in_range(n, PLACES - PLACES / 100, PLACES);
	for (uint32_t i = 0; i < MANY; i++)
		if (accepted[i] && is_first(r, i, NOW_S + 1))
			fail_msg("%u was accepted twice", i);
	/* When their time is over there is room again. */
	for (uint32_t i = MANY; i < MANY + 1000; i++)
		assert_true(is_first(r, i, NOW_S + KEEP_S + 2));
	replays_free(r);
}

/* All have the same ids, in the same order, and go on together. */
static int child(struct replays *r, atomic_uint *accepted, atomic_uint *ready)
{
	atomic_fetch_add(ready, 1);
	while (atomic_load(ready) < CHILDREN)
		;
	for (uint32_t i = 0; i < IDS; i++)
		if (is_first(r, i, NOW_S + i % 2))
			atomic_fetch_add(&accepted[i], 1);
	return 0;
}

static void test_processes(void **state)
{
	size_t size = (IDS + 1) * sizeof(atomic_uint);
	atomic_uint *shared =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct replays *r = make();
	unsigned int none = 0;
	int status;

	(void)state;
	assert_ptr_not_equal(shared, MAP_FAILED);
	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid = (pid_t)assert_ok(fork());

		if (pid == 0)
			_exit(child(r, shared, &shared[IDS]));
	}
	for (int i = 0; i < CHILDREN; i++) {
		assert_ok(wait(&status));
		assert_int_equal(status, 0);
	}
	for (int i = 0; i < IDS; i++) {
		unsigned int n = atomic_load(&shared[i]);

		if (n > 1)
			fail_msg("id %d was accepted %u times", i, n);
		none += n == 0;
	}
	/* Two that met are both refused, which is rare. */
	assert_in_range(none, 0, IDS / 100);
	munmap(shared, size);
	replays_free(r);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		UNIT_CASE(test_once),		UNIT_CASE(test_lengths),
		UNIT_CASE(test_clock_set_back), UNIT_CASE(test_long_after),
		UNIT_CASE(test_kept_long),	UNIT_CASE(test_full),
		UNIT_CASE(test_processes),
	};

	return cmocka_run_group_tests_name("replays", tests, NULL, NULL);
}
