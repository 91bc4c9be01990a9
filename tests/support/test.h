/* SPDX-License-Identifier: MIT */
/* test.h - cmocka with what it wants before it, and what every test uses. */
#ifndef TEST_TEST_H
#define TEST_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Like assert_true for a call that sets errno: says which. */
#define assert_ok(call) test_ok((long)(call), #call, __FILE__, __LINE__)

/* The call returns -1 with this errno. */
#define assert_fails(call, error) test_fails((long)(call), (error), #call, __FILE__, __LINE__)

/* In a forked child: what a failure of these two ends it with. */
extern int test_failure_exits;

/* Returns what it was given. */
long test_ok(long ret, const char *what, const char *file, int line);
void test_fails(long ret, int error, const char *what, const char *file, int line);

/* Path of a file of the certificate zoo; the last few results stay valid. */
const char *zoo(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * A sanitizer needs more address space and stack, and its malloc may be locked in a child
 * that another thread forks.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* Path of a program that was built with the tests. */
const char *program_path(const char *name);

/* TLS_1_2 or TLS_1_3: what this run of the program must agree on with itself. */
int test_version(void);

/*
 * Setup and teardown of a case: it leaves no child, and no descriptor open.
 * With the library under it a close may linger for a second: group_setup, which
 * also makes sure that the library is there, so that no test can pass without
 * it, puts the count off until nothing_left, the last test of the group.
 */
int case_setup(void **state);
int case_teardown(void **state);
int group_setup(void **state);
void nothing_left(void **state);

/* Ends the case, which cannot be tested here, and says why. */
void test_skip(const char *why);

#define CASE(function) cmocka_unit_test_setup_teardown(function, case_setup, case_teardown)

/* A function for each row of a table: state is the row. */
#define ROW_CASE(title, function, row)                                                             \
	(struct CMUnitTest)                                                                        \
	{                                                                                          \
		(title), (function), case_setup, case_teardown, (row)                              \
	}

/* A row of a table, which may be const, as a case's state. */
#define ROW(row) ((void *)(uintptr_t) & (row))

#endif /* TEST_TEST_H */
