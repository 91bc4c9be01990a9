/* SPDX-License-Identifier: MIT */
/*
 * Several threads on one socket: all at once, and with the socket shut down, closed or
 * replaced under them.
 */
#include "trace.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
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

static const struct CMUnitTest tests[] = {
	CASE(eight_threads),
	CASE(ended_under_them),
	CASE(first_calls),
};

int main(void)
{
	return compare_main("threads", NULL, 0, tests, COUNT(tests));
}
