/* SPDX-License-Identifier: MIT */
/* Helpers of all kinds, which the process they serve never sees. */
#include "query.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LIMIT_MS = 30000 };

static volatile sig_atomic_t children;

static void on_child(int number)
{
	(void)number;
	children++;
}

static void finish(struct query *q, const void **response, size_t *len, const char **why)
{
	while (query_step(q, response, len, why) == -EAGAIN) {
		struct pollfd p = {.fd = query_fd(q), .events = POLLIN};

		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
		assert_int_equal(errno, ECHILD);
		assert_int_equal(poll(&p, 1, LIMIT_MS), 1);
	}
}

static void assert_unseen(void)
{
	assert_int_equal(waitpid(-1, NULL, 0), -1);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(children, 0);
}

struct row {
	const char *title, *program, *why;
};

static const struct row rows[] = {
	{"one that says nothing", "/bin/true", "without a word"},
	{"one that is not there", "/does/not/exist", "cannot be started"},
	{"one that says something else", "/bin/echo", "too long"},
	{"one that does not end", "/usr/bin/yes", "too long"},
	{"one that complains", "/bin/cat", "without a word"},
};

static void test_bad(void **state)
{
	const struct row *row = *state;
	const void *response = NULL;
	const char *why = NULL;
	struct query *q = NULL;
	size_t len = 0;

	assert_int_equal(query_init(row->program, false), 0);
	assert_int_equal(query_start(&q, "http://x/", "abc", 3, LIMIT_MS), 0);
	finish(q, &response, &len, &why);
	assert_null(response);
	if (!strstr(why, row->why))
		fail_msg("%s", why);
	query_free(q);
	assert_unseen();
}

/* Somebody closes all numbers, and has a file there then: it is left alone. */
static void test_number_taken(void **state)
{
	const void *response = NULL;
	const char *why = NULL;
	struct query *q = NULL;
	size_t len = 0;
	int fd;

	(void)state;
	assert_int_equal(query_init("/usr/bin/yes", false), 0);
	assert_int_equal(query_start(&q, "http://x/", "abc", 3, LIMIT_MS), 0);
	fd = query_fd(q);
	assert_int_equal(close(fd), 0);
	assert_int_equal(dup2(STDIN_FILENO, fd), fd);
	assert_int_equal(query_step(q, &response, &len, &why), 0);
	assert_null(response);
	query_free(q);
	assert_true(fcntl(fd, F_GETFD) >= 0);
	assert_int_equal(close(fd), 0);
	assert_unseen();
}

/* In a program that ignores its children the helper's end is noticed all the same. */
static void test_ignored_children(void **state)
{
	const void *response = NULL;
	const char *why = NULL;
	struct query *q = NULL;
	size_t len = 0;

	(void)state;
	signal(SIGCHLD, SIG_IGN);
	assert_int_equal(query_init("/bin/true", false), 0);
	assert_int_equal(query_start(&q, "http://x/", "abc", 3, LIMIT_MS), 0);
	finish(q, &response, &len, &why);
	query_free(q);
	signal(SIGCHLD, on_child);
	assert_unseen();
}

/*
 * What a helper finds in its environment: it says so as a sentence, by "E", a length and
 * the text, which is whether the variable is there.
 */
static void test_environment(void **state)
{
	static const char script[] = "#!/bin/sh\n"
				     "text=${TLSSOCK_TEST_PROXY-none!}\n"
				     "printf 'E\\000\\000\\000\\005%s' \"$text\"\n";
	char path[] = "/tmp/tlssock-query-XXXXXX";
	int fd = (int)assert_ok(mkstemp(path));

	(void)state;
	assert_int_equal(write(fd, script, strlen(script)), strlen(script));
	assert_ok(fchmod(fd, 0700));
	close(fd);
	assert_ok(setenv("TLSSOCK_TEST_PROXY", "proxy", 1));
	for (int privileged = 0; privileged < 2; privileged++) {
		const void *response = NULL;
		const char *why = NULL;
		struct query *q = NULL;
		size_t len = 0;

		assert_int_equal(query_init(path, privileged), 0);
		assert_int_equal(query_start(&q, "http://x/", "abc", 3, LIMIT_MS), 0);
		finish(q, &response, &len, &why);
		assert_string_equal(why, privileged ? "none!" : "proxy");
		query_free(q);
	}
	unlink(path);
	unsetenv("TLSSOCK_TEST_PROXY");
	assert_int_equal(query_init(NULL, false), 0);
}

static void test_too_much(void **state)
{
	static const char request[5000];
	struct query *q = NULL;

	(void)state;
	assert_int_equal(query_start(&q, "http://x/", request, sizeof(request), LIMIT_MS),
			 -EMSGSIZE);
	assert_null(q);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + 4] = {
		UNIT_CASE(test_number_taken),
		UNIT_CASE(test_ignored_children),
		UNIT_CASE(test_environment),
		UNIT_CASE(test_too_much),
	};

	signal(SIGCHLD, on_child);
	/* The strictest: orphans below this process would become its children. */
	assert_ok(prctl(PR_SET_CHILD_SUBREAPER, 1));
	for (size_t i = 0; i < COUNT(rows); i++)
		tests[4 + i] = (struct CMUnitTest)UNIT_ROW(rows[i].title, test_bad, rows[i]);
	return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
