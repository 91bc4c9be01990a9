/* SPDX-License-Identifier: MIT */
/* fork while another thread of the parent waits in recv on the same socket. */
#include "child.h"
#include "trace.h"
#include "waiting.h"
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

static int do_nothing(void *arg)
{
	(void)arg;
	return 0;
}

/* Children come and go: the thread keeps its connection, and its end is a clean one. */
static void children_pass(void **state)
{
	struct link link;
	struct waiting waiting;
	char c;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	waiting_start(&waiting, link.client);
	for (int i = 0; i < 20; i++)
		assert_int_equal(child_finish(child_start(do_nothing, NULL)), 0);
	assert_int_equal(send(link.server, "hello", 5, 0), 5);
	waiting_finish(&waiting);
	assert_int_equal(waiting.result, 5);
	link_drop(&link.client);
	assert_int_equal(recv(link.server, &c, 1, 0), 0);
	link_close(&link);
}

static int take_over(void *arg)
{
	struct child_turns *turns = arg;
	char buf[5];

	assert_ok(send(turns->fd, "child", 5, MSG_NOSIGNAL));
	child_give(turns->to_parent);
	if (recv(turns->fd, buf, 5, MSG_WAITALL) != 5 || memcmp(buf, "reply", 5) != 0)
		return 1;
	return close(turns->fd);
}

/* The child takes the session: the thread that waited before must open nothing any more. */
static void child_takes_over(void **state)
{
	struct link link;
	struct child_turns turns;
	struct waiting waiting;
	char buf[8];
	pid_t pid;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	child_turns_init(&turns, link.client);
	waiting_start(&waiting, link.client);
	pid = child_start(take_over, &turns);
	child_take(turns.to_parent);
	assert_int_equal(recv(link.server, buf, 5, MSG_WAITALL), 5);
	assert_int_equal(send(link.server, "reply", 5, 0), 5);
	assert_int_equal(child_finish(pid), 0);
	link_drop(&link.server); /* wakes the thread if the reply has not */
	waiting_finish(&waiting);
	assert_int_equal(waiting.result, -1);
	assert_int_equal(waiting.error, EBADFD);
	child_turns_fini(&turns);
	link_close(&link);
}

static const struct CMUnitTest tests[] = {CASE(children_pass), CASE(child_takes_over)};

int main(void)
{
	return compare_main("forkwaits", NULL, 0, tests, COUNT(tests));
}
