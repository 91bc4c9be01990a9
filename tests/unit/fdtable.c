/* SPDX-License-Identifier: MIT */
/* The table from descriptor numbers to objects. The numbers here have no file. */
#include "fdtable.h"
#include "alloc.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

enum { A = 500, B = 501, END = 1 << 20 };

static int released;
static int objects[4];

static void count_release(void *object)
{
	(void)object;
	released++;
}

static struct entry *install(int fd, void *object)
{
	struct entry *e = fdtable_new(object, count_release);

	assert_non_null(e);
	assert_int_equal(fdtable_install(fd, e, false), 0);
	fdtable_put(e);
	return e;
}

static int setup(void **state)
{
	released = 0;
	return unit_setup(state);
}

/* Runs first: nothing was ever installed. */
static void test_nothing_before_the_first(void **state)
{
	static const int numbers[] = {-1, 0, 2, A, END, INT_MAX, INT_MIN};
	bool last;

	(void)state;
	assert_false(fdtable_any());
	for (size_t i = 0; i < COUNT(numbers); i++) {
		assert_false(fdtable_has(numbers[i]));
		assert_null(fdtable_get(numbers[i]));
		assert_null(fdtable_remove(numbers[i]));
		assert_null(fdtable_begin_close(numbers[i], &last));
		assert_false(fdtable_cloexec(numbers[i]));
		fdtable_set_cloexec(numbers[i], true);
	}
	fdtable_put(NULL);
}

static void test_install_get_remove(void **state)
{
	struct entry *e = install(A, &objects[0]), *got, *removed;

	(void)state;
	assert_true(fdtable_any() && fdtable_has(A));
	assert_false(fdtable_has(B));
	got = fdtable_get(A);
	assert_ptr_equal(got, e);
	assert_ptr_equal(got->object, &objects[0]);
	assert_true(fdtable_names(A, e));
	removed = fdtable_remove(A);
	assert_ptr_equal(removed, e);
	assert_false(fdtable_has(A) || fdtable_names(A, e));
	fdtable_put(removed);
	assert_int_equal(released, 0);
	fdtable_put(got);
	assert_int_equal(released, 1);
}

static void test_numbers_outside(void **state)
{
	static const int numbers[] = {-1, INT_MIN, END, INT_MAX};
	struct entry *e = fdtable_new(&objects[0], count_release);

	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		assert_int_equal(fdtable_install(numbers[i], e, false), -EMFILE);
		assert_false(fdtable_has(numbers[i]));
	}
	assert_int_equal(fdtable_install(END - 1, e, false), 0);
	fdtable_put(fdtable_remove(END - 1));
	assert_int_equal(released, 0);
	fdtable_put(e);
	assert_int_equal(released, 1);
}

/* By words, of which the first has more than one. */
static void test_next(void **state)
{
	static const int numbers[] = {3, 62, 64, 191, 192, A};

	(void)state;
	assert_int_equal(fdtable_next(0), -1);
	for (size_t i = COUNT(numbers); i-- > 0;) {
		install(numbers[i], &objects[0]);
		assert_int_equal(fdtable_next(0), numbers[i]);
	}
	for (size_t i = 0; i + 1 < COUNT(numbers); i++)
		assert_int_equal(fdtable_next(numbers[i] + 1), numbers[i + 1]);
	assert_int_equal(fdtable_next(A + 1), -1);
	assert_int_equal(fdtable_next(END), -1);
	for (size_t i = 0; i < COUNT(numbers); i++)
		fdtable_put(fdtable_remove(numbers[i]));
	assert_int_equal(fdtable_next(0), -1);
}

static void test_install_over_another(void **state)
{
	struct entry *second;

	(void)state;
	install(A, &objects[0]);
	second = install(A, &objects[1]);
	assert_int_equal(released, 1);
	assert_true(fdtable_names(A, second));
	assert_ptr_equal(second->object, &objects[1]);
	fdtable_put(fdtable_remove(A));
	assert_int_equal(released, 2);
}

static void test_two_numbers_of_one_object(void **state)
{
	struct entry *e = install(A, &objects[0]);
	bool last = true;

	(void)state;
	assert_int_equal(fdtable_install(B, e, false), 0);
	assert_ptr_equal(fdtable_begin_close(A, &last), e);
	assert_false(last);
	fdtable_end_close(A);
	fdtable_put(e);
	assert_int_equal(released, 0);
	assert_ptr_equal(fdtable_begin_close(B, &last), e);
	assert_true(last);
	fdtable_end_close(B);
	fdtable_put(e);
	assert_int_equal(released, 1);
}

static void test_closing_lets_nobody_in(void **state)
{
	struct entry *e = install(A, &objects[0]), *got;
	bool last;

	(void)state;
	assert_ptr_equal(fdtable_begin_close(A, &last), e);
	assert_true(fdtable_has(A));
	assert_false(fdtable_names(A, e));
	got = fdtable_get(A);
	assert_non_null(got);
	assert_null(got->object);
	fdtable_put(got);
	assert_null(fdtable_begin_close(A, &last));
	fdtable_end_close(A);
	assert_false(fdtable_has(A));
	assert_null(fdtable_get(A));
	fdtable_put(e);
	assert_int_equal(released, 1);
}

static void test_end_of_close_spares_a_new_object(void **state)
{
	struct entry *e = install(A, &objects[0]), *next;
	bool last;

	(void)state;
	assert_ptr_equal(fdtable_begin_close(A, &last), e);
	next = install(A, &objects[1]);
	fdtable_end_close(A);
	assert_true(fdtable_names(A, next));
	fdtable_put(e);
	fdtable_put(fdtable_remove(A));
	assert_int_equal(released, 2);
}

static void test_cloexec(void **state)
{
	struct entry *e = fdtable_new(&objects[0], count_release);

	(void)state;
	assert_int_equal(fdtable_install(A, e, true), 0);
	assert_int_equal(fdtable_install(B, e, false), 0);
	assert_true(fdtable_cloexec(A));
	assert_false(fdtable_cloexec(B));
	fdtable_set_cloexec(A, false);
	fdtable_set_cloexec(B, true);
	assert_false(fdtable_cloexec(A));
	assert_true(fdtable_cloexec(B));
	fdtable_put(fdtable_remove(A));
	fdtable_put(fdtable_remove(B));
	assert_false(fdtable_cloexec(B));
	fdtable_put(e);
}

static void test_reserved(void **state)
{
	struct entry *e;
	bool last;

	(void)state;
	assert_int_equal(fdtable_reserve(A), 0);
	for (int i = 0; i < 3; i++) {
		e = fdtable_get(A);
		assert_non_null(e);
		assert_null(e->object);
		fdtable_put(e);
	}
	assert_null(fdtable_begin_close(A, &last));
	assert_true(fdtable_has(A));
	fdtable_put(fdtable_remove(A));
	assert_false(fdtable_has(A));
	assert_int_equal(fdtable_reserve(END), -EMFILE);
}

static int seen[4];

static void note_number(int fd, void *object)
{
	assert_ptr_equal(object, &objects[fd - A]);
	seen[fd - A]++;
}

static void test_each(void **state)
{
	(void)state;
	install(A, &objects[0]);
	install(B, &objects[1]);
	assert_int_equal(fdtable_reserve(B + 1), 0);
	seen[0] = seen[1] = 0;
	fdtable_each_number(note_number);
	for (int i = 0; i < 2; i++)
		assert_int_equal(seen[i], 1);
	for (int fd = A; fd <= B + 1; fd++)
		fdtable_put(fdtable_remove(fd));
}

static void note_object(void *object, void *arg)
{
	*(int *)arg += object == &objects[0] || object == &objects[1];
}

static int count_for_fork(void)
{
	int live = 0;

	fdtable_fork_lock();
	fdtable_fork_each(note_object, &live);
	fdtable_fork_unlock();
	return live;
}

/* Also an object that no number names any more. */
static void test_fork_sees_what_is_in_use(void **state)
{
	struct entry *kept;

	(void)state;
	install(A, &objects[0]);
	install(B, &objects[1]);
	kept = fdtable_remove(B);
	assert_int_equal(count_for_fork(), 2);
	fdtable_put(kept);
	assert_int_equal(count_for_fork(), 1);
	fdtable_put(fdtable_remove(A));
	assert_int_equal(count_for_fork(), 0);
	assert_int_equal(released, 2);
}

/* What is let go in between is there until fork is over. */
static void test_fork_keeps_what_it_has_seen(void **state)
{
	struct entry *e = fdtable_new(&objects[0], count_release);
	int before = 0, after = 0;

	(void)state;
	fdtable_fork_lock();
	fdtable_fork_each(note_object, &before);
	fdtable_put(e);
	fdtable_fork_each(note_object, &after);
	assert_int_equal(released, 0);
	fdtable_fork_unlock();
	assert_int_equal(before, 1);
	assert_int_equal(after, 1);
	assert_int_equal(released, 1);
}

/* A number that is about to be ours: who looks it up meanwhile gets no object. */
static void test_begin_open(void **state)
{
	struct entry *e, *got;

	(void)state;
	assert_int_equal(fdtable_begin_open(-1), -EMFILE);
	assert_int_equal(fdtable_begin_open(END), -EMFILE);
	assert_int_equal(fdtable_begin_open(A), 0);
	got = fdtable_get(A);
	assert_true(got && !got->object);
	fdtable_put(got);
	e = install(A, &objects[0]);
	assert_true(fdtable_names(A, e));
	/* One that is ours stays so. */
	assert_int_equal(fdtable_begin_open(A), 0);
	assert_true(fdtable_names(A, e));
	fdtable_put(fdtable_remove(A));
	assert_int_equal(fdtable_begin_open(A), 0);
	fdtable_end_close(A);
	assert_false(fdtable_has(A));
}

static void test_clear_forgets(void **state)
{
	struct entry *e = install(A, &objects[0]);

	(void)state;
	fdtable_clear(A);
	assert_false(fdtable_has(A));
	assert_int_equal(released, 0);
	fdtable_clear(A);
	fdtable_clear(-1);
	/* The number's reference is nobody's. */
	fdtable_put(e);
	assert_int_equal(released, 1);
}

static void test_no_memory(void **state)
{
	struct entry *entries[64], *none;

	(void)state;
	/* More than the pool has from the cases before. */
	for (size_t i = 0; i < COUNT(entries); i++)
		entries[i] = fdtable_new(&objects[0], NULL);
	alloc_start(1);
	none = fdtable_new(&objects[0], NULL);
	alloc_stop();
	assert_null(none);
	for (size_t i = 0; i < COUNT(entries); i++)
		fdtable_put(entries[i]);
	alloc_start(0);
	fdtable_put(fdtable_new(&objects[0], NULL));
	assert_int_equal(alloc_stop(), 0);
}

int main(void)
{
#define TABLE_CASE(function) cmocka_unit_test_setup_teardown(function, setup, unit_teardown)
	const struct CMUnitTest tests[] = {
		TABLE_CASE(test_nothing_before_the_first),
		TABLE_CASE(test_install_get_remove),
		TABLE_CASE(test_numbers_outside),
		TABLE_CASE(test_next),
		TABLE_CASE(test_install_over_another),
		TABLE_CASE(test_two_numbers_of_one_object),
		TABLE_CASE(test_closing_lets_nobody_in),
		TABLE_CASE(test_end_of_close_spares_a_new_object),
		TABLE_CASE(test_cloexec),
		TABLE_CASE(test_reserved),
		TABLE_CASE(test_each),
		TABLE_CASE(test_fork_sees_what_is_in_use),
		TABLE_CASE(test_fork_keeps_what_it_has_seen),
		TABLE_CASE(test_begin_open),
		TABLE_CASE(test_clear_forgets),
		TABLE_CASE(test_no_memory),
	};

	return cmocka_run_group_tests_name("fdtable", tests, NULL, NULL);
}
