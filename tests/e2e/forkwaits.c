/* SPDX-License-Identifier: MIT */
/* fork while another thread of the parent waits in recv on the same socket. */
#include "child.h"
#include "stream.h"
#include "trace.h"
#include "waiting.h"
#include <pthread.h>
#include <string.h>
#include <sys/time.h>
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
	waiting_start(&waiting, link.client);
	pid = child_turns_start(&turns, link.client, take_over);
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

#define LARGE (8 << 20)

static ssize_t send_large(struct waiting *waiting)
{
	static char data[LARGE];

	stream_fill(0, data, sizeof(data));
	return send(waiting->fd, data, sizeof(data), MSG_NOSIGNAL);
}

static int try_to_send(void *arg)
{
	struct child_turns *turns = arg;
	ssize_t sent = send(turns->fd, "child", 5, MSG_NOSIGNAL | MSG_DONTWAIT);

	close(turns->fd);
	return sent < 0 ? 0 : 1;
}

/* Read what comes until the sender has returned and nothing more is there. */
static size_t drain(int fd, struct waiting *waiting, char *buf, size_t size)
{
	const struct timeval tick = {0, 100000};
	size_t n = 0;
	int joined = 0;
	ssize_t r;

	assert_ok(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof(tick)));
	for (;;) {
		r = recv(fd, buf + n, size - n, 0);
		if (r > 0)
			n += (size_t)r;
		else if (joined)
			break;
		else
			joined = pthread_tryjoin_np(waiting->thread, NULL) == 0;
	}
	if (r < 0)
		assert_int_equal(errno, EAGAIN); /* not EBADMSG: nothing was sealed twice */
	return n;
}

/*
 * The parent's sender waits for the window, with records sealed and not yet
 * sent, and the child tries to send. Whoever has the session then: what the
 * parent's send says arrives, in order and nothing twice.
 */
static void sender_waits(void **state)
{
	static char got[LARGE + 8];
	struct link link;
	struct child_turns turns;
	struct waiting waiting;
	size_t n;
	pid_t pid;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	waiting_start_in(&waiting, link.client, send_large);
	pid = child_turns_start(&turns, link.client, try_to_send);
	assert_int_equal(child_finish(pid), 0);
	n = drain(link.server, &waiting, got, sizeof(got));
	assert_int_equal(waiting.result, n);
	assert_int_equal(stream_mismatch(0, got, n), n);
	child_turns_fini(&turns);
	link_close(&link);
}

static const struct CMUnitTest tests[] = {CASE(children_pass), CASE(child_takes_over),
					  CASE(sender_waits)};

int main(void)
{
	return compare_main("forkwaits", NULL, 0, tests, COUNT(tests));
}
