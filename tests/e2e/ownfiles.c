/* SPDX-License-Identifier: MIT */
/*
 * Threads with descriptors of their own: the library has one table for all, so such a
 * thread and TLS sockets cannot be in one process. Each case in a child.
 */
#include "child.h"
#include "trace.h"

#include <linux/close_range.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <tlssock.h>
#include <unistd.h>

static int by_unshare(void)
{
	return unshare(CLONE_FILES);
}

static int by_unshare_call(void)
{
	return (int)syscall(SYS_unshare, CLONE_FILES);
}

static int by_close_range(void)
{
	return close_range(1000, 1000, CLOSE_RANGE_UNSHARE);
}

static int by_close_range_call(void)
{
	return (int)syscall(SYS_close_range, 1000, 1000, CLOSE_RANGE_UNSHARE);
}

static int ended(void *unused)
{
	(void)unused;
	return 0;
}

/* A thread of no library's. */
static int by_clone(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	static atomic_int left;
	int r;

	left = 1;
	r = clone(ended, stack + sizeof(stack),
		  CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_CHILD_CLEARTID, NULL, NULL, NULL,
		  &left);
	while (r >= 0 && left)
		sched_yield();
	return r < 0 ? r : 0;
}

struct way {
	const char *title;
	int (*split)(void);
	bool by_thread; /* it concerns the thread that calls it */
};

static const struct way ways[] = {
	{"unshare", by_unshare, true},
	{"unshare, by syscall", by_unshare_call, true},
	{"close_range", by_close_range, true},
	{"close_range, by syscall", by_close_range_call, true},
	{"clone", by_clone, false},
};

struct attempt {
	const struct way *way;
	int fd; /* is closed by the thread where it has got its own */
	int result, error;
};

static void *attempt(void *arg)
{
	struct attempt *a = arg;

	a->result = a->way->split();
	a->error = errno;
	if (a->result == 0 && a->way->by_thread)
		close(a->fd);
	return NULL;
}

static struct attempt attempt_in_thread(const struct way *way, int fd)
{
	struct attempt a = {.way = way, .fd = fd};
	pthread_t thread;

	assert_ok(-pthread_create(&thread, NULL, attempt, &a));
	pthread_join(thread, NULL);
	return a;
}

static int tls_socket_error(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_TLS);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

/* Returns how much the session at the other end has received. */
static int with_sockets(void *way)
{
	struct attempt a;
	struct link link;
	char got[8];

	link_open(&link, IPPROTO_TLS, AF_INET);
	a = attempt_in_thread(way, link.client);
	if (a.result != -1 || a.error != EINVAL)
		return 50;
	assert_ok(send(link.client, "secret", 6, 0));
	return (int)recv(link.server, got, sizeof(got), 0);
}

static int in_grandchild(void *unused)
{
	(void)unused;
	return tls_socket_error();
}

static int before_sockets(void *way)
{
	struct attempt a = attempt_in_thread(way, -1);

	if (a.result != 0 || tls_socket_error() != EPROTONOSUPPORT ||
	    tls_socket_error() != EPROTONOSUPPORT)
		return 1;
	close((int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TCP)));
	/* It has one thread. */
	return child_finish(child_start(in_grandchild, NULL));
}

/* A thread that is alone has its own. */
static int alone(void *arg)
{
	const struct way *way = arg;
	struct link link;
	char got[8];

	if (way->split() != 0)
		return 50;
	link_open(&link, IPPROTO_TLS, AF_INET);
	if (way->split() != 0 || tls_socket_error() != 0)
		return 51;
	assert_ok(send(link.client, "secret", 6, 0));
	return (int)recv(link.server, got, sizeof(got), 0);
}

static void test_with_sockets(void **state)
{
	assert_int_equal(child_finish(child_start(with_sockets, *state)), 6);
}

static void test_before_sockets(void **state)
{
	assert_int_equal(child_finish(child_start(before_sockets, *state)), 0);
}

static void test_alone(void **state)
{
	const struct way *way = *state;

	if (way->by_thread)
		assert_int_equal(child_finish(child_start(alone, *state)), 6);
}

int main(void)
{
	static void (*const functions[])(void **) = {test_with_sockets, test_before_sockets,
						     test_alone};
	struct CMUnitTest tests[COUNT(ways) * COUNT(functions)];

	for (size_t i = 0; i < COUNT(tests); i++)
		tests[i] = ROW_CASE(ways[i % COUNT(ways)].title, functions[i / COUNT(ways)],
				    ROW(ways[i % COUNT(ways)]));
	return compare_main("ownfiles", NULL, 0, tests, COUNT(tests));
}
