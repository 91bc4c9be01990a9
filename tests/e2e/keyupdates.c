/* SPDX-License-Identifier: MIT */
/*
 * KeyUpdates of either kind while one thread sends and another receives on one socket.
 * GnuTLS ends a connection whose peer sends more than 8 in a second: the next one follows
 * when the last and the peer's answer to it have arrived, and a pause of PAUSE_MS is over.
 * Nor does it bear that both ends ask each other at the same time: one of them does.
 */
#include "peer.h"
#include "proc.h"
#include "stream.h"
#include "trace.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

enum { RUNS = 8, UPDATES = 4, PAUSE_MS = 350, CHUNK = 5000 };

/* An end: its writer sends the stream and updates keys, its reader compares what comes. */
struct side {
	struct side *other; /* NULL: a native peer, that sends everything back */
	int fd, ask;
	pthread_t writer, reader;
	_Atomic uint64_t sent, received;
	atomic_int done; /* updates that are over */
	atomic_int error;
	const char *_Atomic wrong;
};

static bool fine(struct side *s, bool ok, const char *what)
{
	if (!ok && !s->wrong) {
		s->error = errno;
		s->wrong = what;
		shutdown(s->fd, SHUT_RDWR);
	}
	return ok;
}

static void *read_all(void *arg)
{
	struct side *s = arg;
	char buf[CHUNK];
	ssize_t n;

	while ((n = recv(s->fd, buf, sizeof(buf), 0)) > 0) {
		if (!fine(s, stream_mismatch(s->received, buf, (size_t)n) == (size_t)n, "stream"))
			return NULL;
		s->received += (uint64_t)n;
	}
	fine(s, n == 0, "recv");
	return NULL;
}

static bool send_chunk(struct side *s)
{
	char buf[CHUNK];
	size_t n = 1 + (size_t)(s->sent * 7919 % CHUNK);
	ssize_t r;

	stream_fill(s->sent, buf, n);
	r = send(s->fd, buf, n, MSG_NOSIGNAL);
	if (r > 0)
		s->sent += (uint64_t)r;
	return fine(s, r > 0, "send");
}

static bool update(struct side *s)
{
	return fine(s, setsockopt(s->fd, IPPROTO_TLS, TLS_KEY_UPDATE, &s->ask, sizeof(s->ask)) == 0,
		    "update");
}

/* Sends until both the update and what answers it have arrived. */
static bool arrives(struct side *s)
{
	uint64_t mark = s->sent, back;

	if (!send_chunk(s))
		return false;
	if (!s->other) {
		while (s->received < s->sent && !s->wrong)
			poll(NULL, 0, 1);
		return !s->wrong;
	}
	while (s->other->received <= mark)
		if (!send_chunk(s))
			return false;
	/* What the other was about to send may have been sealed before. */
	back = s->other->sent + (uint64_t)2 * CHUNK;
	while (s->received <= back && s->other->done <= UPDATES)
		if (!send_chunk(s))
			return false;
	return true;
}

static bool pause_sending(struct side *s)
{
	int64_t next_ms = test_now_ms() + PAUSE_MS;

	while (test_now_ms() < next_ms) {
		if (!send_chunk(s))
			return false;
		poll(NULL, 0, s->other ? 1 : 50);
	}
	return true;
}

static void *write_all(void *arg)
{
	struct side *s = arg;

	/* On with the data until the other has done all of its own. */
	while (s->done < UPDATES || (s->other && s->other->done < UPDATES)) {
		bool more = s->done < UPDATES;

		if ((more && !update(s)) || !arrives(s) || !pause_sending(s))
			return NULL;
		s->done += more;
	}
	s->done = UPDATES + 1;
	fine(s, shutdown(s->fd, SHUT_WR) == 0, "shutdown");
	return NULL;
}

static void side_start(struct side *s, struct side *other, int fd, int ask)
{
	s->other = other;
	s->fd = fd;
	s->ask = ask;
	assert_int_equal(pthread_create(&s->writer, NULL, write_all, s), 0);
	assert_int_equal(pthread_create(&s->reader, NULL, read_all, s), 0);
}

static void side_finish(struct side *s)
{
	pthread_join(s->writer, NULL);
	pthread_join(s->reader, NULL);
	if (s->wrong)
		fail_msg("%s: %s, \"%s\"", s->wrong, strerror(s->error),
			 tls_get_text(s->fd, TLS_ERROR));
	assert_int_equal(s->done, UPDATES + 1);
}

/* All runs at the same time: what they wait for is the clock, most of all. */
static void storm(int client_asks, int server_asks)
{
	static struct side sides[RUNS][2];
	struct link links[RUNS];

	memset(sides, 0, sizeof(sides));
	for (size_t i = 0; i < RUNS; i++)
		link_open(&links[i], IPPROTO_TLS, AF_INET);
	for (size_t i = 0; i < RUNS; i++) {
		side_start(&sides[i][0], &sides[i][1], links[i].client, client_asks);
		side_start(&sides[i][1], &sides[i][0], links[i].server, server_asks);
	}
	for (size_t i = 0; i < RUNS; i++) {
		side_finish(&sides[i][0]);
		side_finish(&sides[i][1]);
		assert_int_equal(sides[i][0].received, sides[i][1].sent);
		assert_int_equal(sides[i][1].received, sides[i][0].sent);
		link_close(&links[i]);
	}
}

static void nobody_asks(void **state)
{
	(void)state;
	storm(0, 0);
}

static void client_asks(void **state)
{
	(void)state;
	storm(1, 0);
}

static void server_asks(void **state)
{
	(void)state;
	storm(0, 1);
}

/*
 * With another's TLS at the other end, which asks with each of its updates; ours is the
 * client and the server.
 */
static void with_native(const char *program, int ask)
{
	const char *every = ask ? "0" : "8";
	static struct side sides[2];
	struct native_peer peers[2];
	uint16_t port;
	int listener;

	memset(sides, 0, sizeof(sides));
	peer_listen(&peers[0], program, AF_INET, "good", "--mode", "echo", "--connections", "1",
		    "--key-update-every", every, NULL);
	sides[0].fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
	assert_ok(tls_connect(sides[0].fd, AF_INET, peers[0].port));
	listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port);
	peer_connect(&peers[1], program, AF_INET, port, "--mode", "echo", "--key-update-every",
		     every, NULL);
	sides[1].fd = (int)assert_ok(accept(listener, NULL, NULL));
	for (size_t i = 0; i < COUNT(sides); i++)
		side_start(&sides[i], NULL, sides[i].fd, ask);
	for (size_t i = 0; i < COUNT(sides); i++) {
		side_finish(&sides[i]);
		assert_int_equal(sides[i].received, sides[i].sent);
		free(proc_line(&peers[i].proc, "echo end=close_notify"));
		assert_ok(close(sides[i].fd));
		assert_int_equal(proc_finish(&peers[i].proc), 0);
	}
	close(listener);
}

static void natives_ask(void **state)
{
	(void)state;
	with_native("gnutls-peer", 0);
	with_native("openssl-peer", 0);
}

static void natives_are_asked(void **state)
{
	(void)state;
	with_native("gnutls-peer", 1);
	with_native("openssl-peer", 1);
}

/* More than 8 in a second: the receiver gives up, and says why. */
static void too_many(void **state)
{
	struct link link;
	char c;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	for (int i = 0; i < 40; i++)
		assert_ok(setsockopt(link.client, IPPROTO_TLS, TLS_KEY_UPDATE, &(int){0},
				     sizeof(int)));
	assert_int_equal(send(link.client, "x", 1, 0), 1);
	assert_fails(recv(link.server, &c, 1, 0), EPROTO);
	assert_non_null(strstr(tls_get_text(link.server, TLS_ERROR), "KeyUpdates"));
	assert_fails(recv(link.client, &c, 1, 0), EPROTO);
	link_close(&link);
}

static void values(void **state)
{
	struct link link;
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost"), n;
	socklen_t length = sizeof(n);

	(void)state;
#define UPDATE(fd, value) setsockopt(fd, IPPROTO_TLS, TLS_KEY_UPDATE, &(int){value}, sizeof(int))
	assert_fails(UPDATE(fd, 0), ENOTCONN);
	close(fd);
	link_open(&link, IPPROTO_TLS, AF_INET);
	assert_fails(UPDATE(link.client, 2), EINVAL);
	assert_fails(UPDATE(link.client, -1), EINVAL);
	assert_fails(setsockopt(link.client, IPPROTO_TLS, TLS_KEY_UPDATE, "", 1), EINVAL);
	assert_fails(setsockopt(link.client, IPPROTO_TLS, TLS_KEY_UPDATE, NULL, 4), EFAULT);
	assert_fails(getsockopt(link.client, IPPROTO_TLS, TLS_KEY_UPDATE, &n, &length),
		     ENOPROTOOPT);
	if (test_version() == TLS_1_2) {
		assert_fails(UPDATE(link.client, 1), EOPNOTSUPP);
		assert_int_equal(send(link.client, "x", 1, 0), 1);
	} else {
		assert_ok(UPDATE(link.client, 1));
		assert_ok(shutdown(link.client, SHUT_WR));
		assert_fails(UPDATE(link.client, 1), EPIPE);
	}
	link_close(&link);
}

static const struct CMUnitTest tests[] = {
	CASE(nobody_asks),	 CASE(client_asks), CASE(server_asks), CASE(natives_ask),
	CASE(natives_are_asked), CASE(too_many),    CASE(values),
};

/* TLS 1.2 has none. */
static const struct CMUnitTest without[] = {CASE(values)};

int main(void)
{
	if (test_version() == TLS_1_2)
		return compare_main("keyupdates", NULL, 0, without, COUNT(without));
	return compare_main("keyupdates", NULL, 0, tests, COUNT(tests));
}
