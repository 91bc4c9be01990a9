/* SPDX-License-Identifier: MIT */
/* The library's own descriptors: found where they are, wherever the program wants theirs. */
#include "ownfd.h"
#include "fdtable.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LIMIT = 40 };

static int ends[2];
static struct ownfd *own; /* of the write end */

static int setup(void **state)
{
	int r = unit_setup(state);

	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	own = ownfd_dup(ends[1]);
	assert_non_null(own);
	ownfd_mark(own);
	return r;
}

static int teardown(void **state)
{
	ownfd_close(own);
	close(ends[0]);
	close(ends[1]);
	return unit_teardown(state);
}

static void check_usable(void)
{
	char c = 0;
	int fd = ownfd_enter(own);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	ownfd_leave();
	assert_int_equal(read(ends[0], &c, 1), 1);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_true(fdtable_is_reserved(fd));
	assert_false(ownfd_stale(fd));
}

/* In the upper quarter, then the upper half, then wherever a number is left. */
static void test_high_dup(void **state)
{
	struct rlimit before, low;
	int fd = ownfd_high_dup(STDERR_FILENO), taken[LIMIT], n = 0, end = 0;

	(void)state;
	assert_true(fd >= 200);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	assert_int_equal(ownfd_high_dup(fd), -EBADF);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	low = before;
	low.rlim_cur = LIMIT;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	while ((fd = ownfd_high_dup(STDERR_FILENO)) >= 0)
		taken[n++] = fd;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(fd, -EMFILE);
	assert_true(n > LIMIT / 2);
	for (; end < LIMIT / 2; end++)
		assert_int_equal(taken[end],
				 end < LIMIT / 4 ? LIMIT - LIMIT / 4 + end : LIMIT / 4 + end);
	assert_true(taken[end] < LIMIT / 2);
	while (n > 0)
		close(taken[--n]);
}

static void test_moves(void **state)
{
	int from = ownfd_number(own);

	(void)state;
	check_usable();
	assert_int_equal(ownfd_move(from), 0);
	assert_int_not_equal(ownfd_number(own), from);
	assert_int_equal(fcntl(from, F_GETFD), -1);
	assert_false(fdtable_has(from));
	check_usable();
	assert_int_equal(ownfd_move(from), -EBADF);
}

static void test_cannot_move(void **state)
{
	struct rlimit before, low;
	int from = ownfd_number(own), at;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	low = before;
	low.rlim_cur = 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_true(ownfd_move(from) < 0);
	at = ownfd_number(own);
	ownfd_drop(from);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(at, from);
	assert_int_equal(ownfd_enter(own), -1);
	assert_int_equal(fcntl(from, F_GETFD), -1);
	assert_false(fdtable_has(from));
}

/* Closed past us, and another file's: that is neither used nor closed. */
static void test_another_file(void **state)
{
	int fd = ownfd_number(own);

	(void)state;
	assert_int_equal(close(fd), 0);
	assert_int_equal(ownfd_enter(own), -1);
	assert_int_equal(dup2(STDERR_FILENO, fd), fd);
	assert_int_equal(ownfd_enter(own), -1);
	assert_int_equal(ownfd_move(fd), -EBADF);
	assert_true(ownfd_stale(fd));
	assert_false(fdtable_has(fd));
	ownfd_close(own);
	own = NULL;
	assert_int_equal(close(fd), 0);
}

static void test_takes(void **state)
{
	struct ownfd *taken = ownfd_take(ends[0]);

	(void)state;
	assert_non_null(taken);
	assert_int_equal(fcntl(ends[0], F_GETFD), -1);
	assert_int_not_equal(ownfd_number(taken), ends[0]);
	ends[0] = dup(ownfd_number(taken));
	check_usable();
	ownfd_close(taken);
	ownfd_close(NULL);
	assert_null(ownfd_dup(-1));
}

#define OWNFD_CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		OWNFD_CASE(test_high_dup),     OWNFD_CASE(test_moves), OWNFD_CASE(test_cannot_move),
		OWNFD_CASE(test_another_file), OWNFD_CASE(test_takes),
	};

	return cmocka_run_group_tests_name("ownfd", tests, NULL, NULL);
}
