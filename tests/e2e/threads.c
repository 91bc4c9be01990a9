/* SPDX-License-Identifier: MIT */
/*
 * Several threads on one socket: all at once, cancelled in their waits, and with the socket
 * shut down, closed or replaced under them.
 */
#include "proc.h"
#include "trace.h"
#include "waiting.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <tlssock.h>
#include <unistd.h>

enum { SENDERS = 4, RECEIVERS = 4, EACH = 300000, FIRST_CALLS = 100 };

/* One socket with SENDERS that send a letter each, and RECEIVERS that count letters. */
struct crowd {
	int fd;
	pthread_t senders[SENDERS], receivers[RECEIVERS];
	atomic_int next;
	_Atomic long sent[SENDERS], got[SENDERS];
	atomic_int odd; /* bytes that nobody sent */
};

static void *send_letters(void *arg)
{
	struct crowd *crowd = arg;
	int letter = crowd->next++;
	char block[20000];
	ssize_t n = 1;

	memset(block, 'a' + letter, sizeof(block));
	while (n > 0 && crowd->sent[letter] < EACH) {
		long left = EACH - crowd->sent[letter], most = 1 + crowd->sent[letter] % 19997;

		n = send(crowd->fd, block, (size_t)(left < most ? left : most), MSG_NOSIGNAL);
		if (n > 0)
			crowd->sent[letter] += n;
	}
	return NULL;
}

static void *count_letters(void *arg)
{
	struct crowd *crowd = arg;
	char buf[7000];
	ssize_t n;

	while ((n = recv(crowd->fd, buf, sizeof(buf), 0)) > 0)
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] >= 'a' && buf[i] < 'a' + SENDERS)
				crowd->got[buf[i] - 'a']++;
			else
				crowd->odd++;
	return NULL;
}

static void crowd_start(struct crowd *crowd, int fd)
{
	memset(crowd, 0, sizeof(*crowd));
	crowd->fd = fd;
	for (int i = 0; i < SENDERS; i++)
		assert_int_equal(pthread_create(&crowd->senders[i], NULL, send_letters, crowd), 0);
	for (int i = 0; i < RECEIVERS; i++)
		assert_int_equal(pthread_create(&crowd->receivers[i], NULL, count_letters, crowd),
				 0);
}

static void join_all(const pthread_t *threads, int n)
{
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
}

static void crowds(int protocol)
{
	static struct crowd ends[2];
	struct link link;

	link_open(&link, protocol, AF_INET);
	crowd_start(&ends[0], link.client);
	crowd_start(&ends[1], link.server);
	for (int i = 0; i < 2; i++) {
		join_all(ends[i].senders, SENDERS);
		assert_ok(shutdown(ends[i].fd, SHUT_WR));
	}
	for (int i = 0; i < 2; i++) {
		join_all(ends[i].receivers, RECEIVERS);
		assert_int_equal(ends[i].odd, 0);
		for (int letter = 0; letter < SENDERS; letter++) {
			assert_int_equal(ends[i].sent[letter], EACH);
			assert_int_equal(ends[i].got[letter], EACH);
		}
	}
	link_close(&link);
}

static void eight_threads(void **state)
{
	(void)state;
	crowds(IPPROTO_TCP);
	crowds(IPPROTO_TLS);
}

static void shut_down(struct link *link)
{
	assert_ok(shutdown(link->client, SHUT_RDWR));
}

static void close_it(struct link *link)
{
	link_drop(&link->client);
}

static void replace(struct link *link)
{
	int fd = (int)assert_ok(dup(STDERR_FILENO));
	int pipe_ends[2];

	/* What the threads write from now on is the pipe's. */
	assert_ok(pipe(pipe_ends));
	assert_ok(dup2(pipe_ends[1], link->client));
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	close(fd);
}

/* In the middle of it all: every thread returns, and nothing that was not sent is received. */
static void ended_under_them(void **state)
{
	static void (*const ends[])(struct link * link) = {shut_down, close_it, replace};
	static struct crowd near, far;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < 3 * COUNT(ends); i++) {
		struct link link;

		link_open(&link, IPPROTO_TLS, AF_INET);
		crowd_start(&near, link.client);
		crowd_start(&far, link.server);
		while (far.got[0] + far.got[1] + far.got[2] + far.got[3] < EACH / 10)
			poll(NULL, 0, 1);
		ends[i % COUNT(ends)](&link);
		join_all(near.senders, SENDERS);
		join_all(near.receivers, RECEIVERS);
		shutdown(link.server, SHUT_RDWR);
		join_all(far.senders, SENDERS);
		join_all(far.receivers, RECEIVERS);
		assert_int_equal(near.odd + far.odd, 0);
		link_close(&link);
	}
	signal(SIGPIPE, SIG_DFL);
}

static void *send_first(void *arg)
{
	return send(*(int *)arg, "first", 5, MSG_NOSIGNAL) == 5 ? NULL : arg;
}

/* The first calls of two threads on an accepted socket, which has no time limit. */
static void first_calls(void **state)
{
	const unsigned int forever = 0;
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port);

	(void)state;
	assert_ok(setsockopt(listener, IPPROTO_TLS, TLS_HANDSHAKE_TIMEOUT, &forever,
			     sizeof(forever)));
	for (int i = 0; i < FIRST_CALLS; i++) {
		struct connecting connecting;
		int client = tls_socket(AF_INET, IPPROTO_TLS, "localhost"), server;
		pthread_t sender;
		void *failed;
		char buf[5];

		connecting_start(&connecting, client, AF_INET, port);
		server = (int)assert_ok(accept(listener, NULL, NULL));
		assert_int_equal(pthread_create(&sender, NULL, send_first, &server), 0);
		/* The client sends nothing: only the sender can get this one its answer. */
		assert_int_equal(tls_get_int(server, TLS_CHOSEN_VERSION), test_version());
		pthread_join(sender, &failed);
		assert_null(failed);
		assert_ok(connecting_finish(&connecting));
		assert_int_equal(recv(client, buf, 5, MSG_WAITALL), 5);
		close(client);
		close(server);
	}
	close(listener);
}

static ssize_t wait_in_read(struct waiting *w)
{
	return read(w->fd, w->buf, sizeof(w->buf));
}

static ssize_t wait_in_recvmsg(struct waiting *w)
{
	struct iovec iov = {w->buf, sizeof(w->buf)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	return recvmsg(w->fd, &msg, 0);
}

static ssize_t wait_in_poll(struct waiting *w)
{
	return poll(&(struct pollfd){.fd = w->fd, .events = POLLIN}, 1, -1);
}

static ssize_t wait_in_select(struct waiting *w)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(w->fd, &set);
	return select(w->fd + 1, &set, NULL, NULL, NULL);
}

static ssize_t wait_in_send(struct waiting *w)
{
	static char much[1 << 16];
	ssize_t n;

	do
		n = send(w->fd, much, sizeof(much), 0);
	while (n > 0);
	return n;
}

static void cancel(struct waiting *w)
{
	void *result;

	assert_int_equal(pthread_cancel(w->thread), 0);
	assert_int_equal(pthread_join(w->thread, &result), 0);
	assert_ptr_equal(result, PTHREAD_CANCELED);
}

/* Others go on with the connection: all that was sent is whole, and neither end is stuck. */
static void goes_on(struct link *link)
{
	static char buf[1 << 16];
	ssize_t n;

	do
		n = recv(link->server, buf, sizeof(buf), MSG_DONTWAIT);
	while (n > 0);
	assert_int_equal(n < 0 ? errno : 0, EAGAIN);
	/* What was sealed and not sent goes first. */
	assert_int_equal(send(link->client, "e", 1, 0), 1);
	do
		n = (ssize_t)assert_ok(recv(link->server, buf, sizeof(buf), 0));
	while (buf[n - 1] != 'e');
	assert_int_equal(send(link->server, "back", 4, 0), 4);
	assert_int_equal(recv(link->client, buf, 4, MSG_WAITALL), 4);
}

static void cancelled(int protocol)
{
	static waiting_call *const calls[] = {wait_in_read, wait_in_recvmsg, wait_in_poll,
					      wait_in_select, wait_in_send};
	struct waiting w;
	struct link link;

	link_open(&link, protocol, AF_INET);
	for (size_t i = 0; i < 4 * COUNT(calls); i++) {
		waiting_start_in(&w, link.client, calls[i % COUNT(calls)]);
		cancel(&w);
		goes_on(&link);
	}
	link_close(&link);
}

static void cancelled_in_waits(void **state)
{
	(void)state;
	cancelled(IPPROTO_TCP);
	cancelled(IPPROTO_TLS);
}

static ssize_t wait_in_accept(struct waiting *w)
{
	return accept(w->fd, NULL, NULL);
}

static uint16_t silent_port;

static ssize_t wait_in_connect(struct waiting *w)
{
	return tls_connect(w->fd, AF_INET, silent_port);
}

static void cancelled_in_handshakes(void **state)
{
	struct waiting w;
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port);
	int silent = net_listen(AF_INET, &silent_port), fd, client;

	(void)state;
	waiting_start_in(&w, listener, wait_in_accept);
	cancel(&w);
	fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
	waiting_start_in(&w, fd, wait_in_connect);
	cancel(&w);
	assert_int_equal(tls_get_int(fd, TLS_WANT), POLLIN);
	assert_ok(close(fd));
	/* A handshake that another thread can go on with. */
	client = net_connect(AF_INET, port);
	assert_int_equal(send(client, "\x16", 1, 0), 1);
	fd = (int)assert_ok(accept(listener, NULL, NULL));
	waiting_start_in(&w, fd, wait_in_read);
	cancel(&w);
	close(client);
	assert_fails(recv(fd, w.buf, 1, 0), EPROTO);
	close(fd);
	close(silent);
	close(listener);
}

static void *cancelled_before(void *arg)
{
	static char c;

	pthread_cancel(pthread_self());
	(void)!recv(*(int *)arg, &c, 1, 0);
	return NULL;
}

/* A call that need not wait is a cancellation point, too, and takes nothing. */
static void cancelled_at_once(int protocol)
{
	struct link link;
	pthread_t thread;
	void *result;
	char c;

	link_open(&link, protocol, AF_INET);
	assert_int_equal(send(link.client, "x", 1, 0), 1);
	assert_int_equal(pthread_create(&thread, NULL, cancelled_before, &link.server), 0);
	pthread_join(thread, &result);
	assert_ptr_equal(result, PTHREAD_CANCELED);
	assert_int_equal(recv(link.server, &c, 1, 0), 1);
	link_close(&link);
}

static void cancelled_with_data(void **state)
{
	(void)state;
	cancelled_at_once(IPPROTO_TCP);
	cancelled_at_once(IPPROTO_TLS);
}

static const struct CMUnitTest tests[] = {
	CASE(eight_threads),	  CASE(ended_under_them),	 CASE(first_calls),
	CASE(cancelled_in_waits), CASE(cancelled_in_handshakes), CASE(cancelled_with_data),
};

int main(void)
{
	return compare_main("threads", NULL, 0, tests, COUNT(tests));
}
