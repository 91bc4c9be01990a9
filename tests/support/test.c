/* SPDX-License-Identifier: MIT */
#include "test.h"
#include "proc.h"
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

static size_t descriptors_before;
static int at_the_end; /* descriptors are counted there, not after each case */

int test_failure_exits;

static void fail_with(const char *text, const char *file, int line)
{
	if (test_failure_exits) {
		fprintf(stderr, "# in a child: %s:%d: %s\n", file, line, text);
		_exit(test_failure_exits);
	}
	_assert_true(0, text, file, line);
}

long test_ok(long ret, const char *what, const char *file, int line)
{
	int error = errno;
	char text[512];

	if (ret >= 0)
		return ret;
	snprintf(text, sizeof(text), "%s = %ld, %s", what, ret, strerror(error));
	fail_with(text, file, line);
	return ret;
}

void test_skip(const char *why)
{
	print_message("# skip: %s\n", why);
	skip();
}

void test_fails(long ret, int error, const char *what, const char *file, int line)
{
	int got = errno;
	char text[512];

	if (ret == -1 && got == error)
		return;
	snprintf(text, sizeof(text), "%s = %ld (%s), not -1 (%s)", what, ret,
		 ret < 0 ? strerrorname_np(got) : "no error", strerrorname_np(error));
	fail_with(text, file, line);
}

static const char *directory(const char *variable)
{
	const char *value = getenv(variable);

	if (!value)
		fail_msg("%s is not set: run the tests by meson", variable);
	return value;
}

const char *zoo(const char *format, ...)
{
	static __thread char ring[8][512];
	static __thread size_t next;
	char *path = ring[next++ % COUNT(ring)];
	size_t length;
	va_list args;

	length = (size_t)snprintf(path, sizeof(ring[0]), "%s/", directory("TLSSOCK_TEST_ZOO"));
	va_start(args, format);
	vsnprintf(path + length, sizeof(ring[0]) - length, format, args);
	va_end(args);
	return path;
}

const char *program_path(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", directory("TLSSOCK_TEST_PROGRAMS"), name);
	return path;
}

int test_version(void)
{
	return strcmp(directory("TLSSOCK_TEST_VERSION"), "1.2") == 0 ? TLS_1_2 : TLS_1_3;
}

/* Event descriptors by themselves: the library's lingering thread has one while it lives. */
struct descriptors {
	size_t events, others;
};

static struct descriptors count_descriptors(int show)
{
	struct descriptors count = {0, 0};
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	char target[128];

	while (dir && (entry = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		if (n <= 0 || atoi(entry->d_name) == dirfd(dir))
			continue;
		target[n] = '\0';
		if (strstr(target, "[eventfd]"))
			count.events++;
		else
			count.others++;
		if (show)
			print_message("# %s is %s\n", entry->d_name, target);
	}
	if (dir)
		closedir(dir);
	return count;
}

int case_setup(void **state)
{
	(void)state;
	if (!at_the_end)
		descriptors_before = count_descriptors(0).others;
	return 0;
}

/* Wait until no more descriptors are open than before. Returns -1 after a while. */
static int wait_for_descriptors(void)
{
	int64_t deadline = test_now_ms() + TEST_DEADLINE_MS / 2;
	struct descriptors count;

	do {
		count = count_descriptors(0);
		if (count.others == descriptors_before && count.events <= 1)
			return 0;
		poll(NULL, 0, 1);
	} while (test_now_ms() < deadline);
	print_message("# %zu descriptors were open before, now:\n", descriptors_before);
	count_descriptors(1);
	return -1;
}

int case_teardown(void **state)
{
	(void)state;
	proc_kill_all();
	return at_the_end ? 0 : wait_for_descriptors();
}

void nothing_left(void **state)
{
	(void)state;
	assert_int_equal(wait_for_descriptors(), 0);
}

int group_setup(void **state)
{
	int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_TLS);

	(void)state;
	if (fd < 0) {
		print_message("Bail out! no libtlssock: socket() says %s\n", strerror(errno));
		return -1;
	}
	close(fd);
	descriptors_before = count_descriptors(0).others;
	at_the_end = 1;
	return 0;
}
