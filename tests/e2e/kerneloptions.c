/* SPDX-License-Identifier: MIT */
/* The kernel's socket options on a TLS socket: read back, inherited, and at work as on TCP. */
#include "look.h"
#include "proc.h"
#include "waiting.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000 };

#define OPTION(level, name, ...)                                                                   \
	{                                                                                          \
#name, level, name,                                                                \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}

static const struct option {
	const char *title;
	int level, name;
	int values[4];
} options[] = {
	OPTION(SOL_SOCKET, SO_KEEPALIVE, 1, 0, -3, 7),
	OPTION(IPPROTO_TCP, TCP_KEEPIDLE, 30, 0, 40000, -1),
	OPTION(IPPROTO_TCP, TCP_KEEPINTVL, 7, 0, 40000, -1),
	OPTION(IPPROTO_TCP, TCP_KEEPCNT, 3, 0, 200, -1),
	OPTION(IPPROTO_TCP, TCP_USER_TIMEOUT, 5000, -1, 0, 1),
	OPTION(IPPROTO_TCP, TCP_NOTSENT_LOWAT, 1, 20000, 0, -1),
	OPTION(IPPROTO_TCP, TCP_NODELAY, 0, 1, 5, 0),
	OPTION(IPPROTO_TCP, TCP_SYNCNT, 3, 0, 300, 1),
	OPTION(IPPROTO_TCP, TCP_LINGER2, 20, -1, 0, 3),
	OPTION(SOL_SOCKET, SO_RCVBUF, 20000, 1, 1 << 30, 0),
	OPTION(SOL_SOCKET, SO_SNDBUF, 20000, 1, 1 << 30, 0),
	OPTION(SOL_SOCKET, SO_PRIORITY, 3, 0, 6, 1),
	OPTION(SOL_SOCKET, SO_OOBINLINE, 1, 0, 9, 1),
	OPTION(SOL_SOCKET, SO_REUSEADDR, 1, 0, 2, 1),
	OPTION(SOL_SOCKET, SO_DONTROUTE, 1, 0, 2, 0),
	OPTION(SOL_SOCKET, SO_RCVLOWAT, 5, 0, 9, 1),
	OPTION(IPPROTO_TCP, TCP_DEFER_ACCEPT, 0, 5, 100000, -1),
};

static void note_option(struct trace *t, int fd, const struct option *o)
{
	int value = -77;
	socklen_t len = sizeof(value);

	NAMED(t, o->title, getsockopt(fd, o->level, o->name, &value, &len));
	trace_note(t, "\t%d of %u\n", value, len);
}

/* The value before, after each setting, and of one too short, or of a length that is none. */
static void read_back(struct link *l, struct trace *t)
{
	socklen_t none = (socklen_t)-1;
	int value;

	for (size_t i = 0; i < COUNT(options); i++) {
		const struct option *o = &options[i];

		note_option(t, l->client, o);
		for (size_t k = 0; k < COUNT(o->values); k++) {
			NAMED(t, "setsockopt",
			      setsockopt(l->client, o->level, o->name, &o->values[k], sizeof(int)));
			note_option(t, l->client, o);
		}
		NAMED(t, "short", setsockopt(l->client, o->level, o->name, &o->values[0], 2));
		NAMED(t, "no length",
		      setsockopt(l->client, o->level, o->name, &o->values[0], none));
		NAMED(t, "no length", getsockopt(l->client, o->level, o->name, &value, &none));
	}
}

/* On a listener: what the accepted socket has of it. */
static void inherited(struct link *l, struct trace *t)
{
	const struct linger linger = {1, 7};
	struct linger back = {0};
	socklen_t len = sizeof(back);
	struct connecting connecting;
	int fd, client;

	for (size_t i = 0; i < COUNT(options); i++)
		NAMED(t, options[i].title,
		      setsockopt(l->listener, options[i].level, options[i].name,
				 &options[i].values[0], sizeof(int)));
	CALL(t, setsockopt(l->listener, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	client = tls_socket(l->family, l->protocol, "localhost");
	connecting_start(&connecting, client, l->family, l->port);
	fd = (int)assert_ok(accept(l->listener, NULL, NULL));
	assert_int_equal(send(fd, "x", 1, 0), 1);
	assert_ok(connecting_finish(&connecting));
	for (size_t i = 0; i < COUNT(options); i++)
		note_option(t, fd, &options[i]);
	CALL(t, getsockopt(fd, SOL_SOCKET, SO_LINGER, &back, &len));
	trace_note(t, "%d %d\n", back.l_onoff, back.l_linger);
	assert_int_equal(recv(client, (char[1]){0}, 1, 0), 1);
	close(client);
	close(fd);
}

static void *connect_and_send(void *arg)
{
	struct link *l = arg;

	assert_ok(tls_connect(l->client, l->family, l->port));
	assert_int_equal(send(l->client, "x", 1, 0), 1);
	return NULL;
}

/* The library's own setting does not show, nor does it go with the program's. */
static void deferred(struct link *l, struct trace *t)
{
	static const struct option defer = OPTION(IPPROTO_TCP, TCP_DEFER_ACCEPT, 5, 0, 200);
	pthread_t thread;
	int fd;

	note_option(t, l->listener, &defer);
	note_option(t, l->server, &defer);
	for (int i = 2; i >= 0; i--) {
		CALL(t, setsockopt(l->listener, defer.level, defer.name, &defer.values[i],
				   sizeof(int)));
		note_option(t, l->listener, &defer);
		CALL(t, listen(l->listener, 5));
		note_option(t, l->listener, &defer);
	}
	close(l->client);
	l->client = tls_socket(l->family, l->protocol, "localhost");
	assert_int_equal(pthread_create(&thread, NULL, connect_and_send, l), 0);
	fd = (int)assert_ok(accept(l->listener, NULL, NULL));
	note_option(t, fd, &defer);
	CALL(t, recv(fd, (char[1]){0}, 1, 0));
	pthread_join(thread, NULL);
	close(fd);
}

/* The kernel still keeps a silent client back, whatever the program has set. */
static void still_deferred(void **state)
{
	int silent, listener = -1;
	struct pollfd p = {.events = POLLIN};
	uint16_t port;

	(void)state;
	listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port);
	assert_ok(setsockopt(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &(int){0}, sizeof(int)));
	silent = net_connect(AF_INET, port);
	p.fd = listener;
	assert_int_equal(poll(&p, 1, 100), 0);
	close(silent);
	close(listener);
}

/* The least that is told of, and that a waiting receive returns. */
static void low_water(struct link *l, struct trace *t)
{
	struct pollfd p = {.fd = l->server, .events = POLLIN};
	int lowat = 5;
	char buf[16];

	CALL(t, setsockopt(l->server, SOL_SOCKET, SO_RCVLOWAT, &lowat, sizeof(lowat)));
	CALL(t, poll(&p, 1, 0));
	CALL(t, send(l->client, "abcdef", 6, 0));
	CALL(t, poll(&p, 1, PATIENCE_MS));
	CALL(t, recv(l->server, buf, 2, 0));
	CALL(t, recv(l->server, buf, 8, MSG_DONTWAIT));
	CALL(t, recv(l->server, buf, 8, MSG_DONTWAIT));
}

/* A receive that waits, with room for more, for as many. */
static void low_water_waits(struct link *l, struct trace *t)
{
	struct waiting w;
	int lowat = 5;

	CALL(t, setsockopt(l->server, SOL_SOCKET, SO_RCVLOWAT, &lowat, sizeof(lowat)));
	waiting_start(&w, l->server);
	for (int i = 0; i < 3; i++) {
		CALL(t, send(l->client, "ab", 2, 0));
		waiting_settle(&w);
	}
	waiting_finish(&w);
	trace_note(t, "%d bytes at least: %d\n", lowat, w.result >= lowat);
	CALL(t, send(l->client, "abcde", 5, 0));
	CALL(t, recv(l->server, w.buf, 5, MSG_PEEK));
}

/* One that does not wait returns what is there, whatever it was told. */
static void not_enough(struct link *l, struct trace *t)
{
	struct pollfd p = {.fd = l->server, .events = POLLIN};
	int lowat = 5;
	char buf[16];

	assert_ok(fcntl(l->server, F_SETFL, O_NONBLOCK));
	CALL(t, send(l->client, "abc", 3, 0));
	CALL(t, poll(&p, 1, PATIENCE_MS));
	CALL(t, setsockopt(l->server, SOL_SOCKET, SO_RCVLOWAT, &lowat, sizeof(lowat)));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, 8, MSG_PEEK)));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, 8, MSG_PEEK | MSG_WAITALL)));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, 2, MSG_WAITALL)));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, 8, 0)));
	CALL(t, recv(l->server, buf, 8, MSG_PEEK));
	CALL(t, recv(l->server, buf, 8, 0));
}

/* Time 0: what was sent and not taken yet is thrown away, and the peer gets a reset. */
static void linger_zero(struct link *l, struct trace *t)
{
	const struct linger linger = {1, 0};
	struct linger back = {0};
	socklen_t len = sizeof(back);
	struct pollfd p = {.fd = l->server};

	CALL(t, setsockopt(l->client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	CALL(t, getsockopt(l->client, SOL_SOCKET, SO_LINGER, &back, &len));
	trace_note(t, "%d %d of %u\n", back.l_onoff, back.l_linger, len);
	link_drop(&l->client);
	CALL(t, poll(&p, 1, PATIENCE_MS));
	look_hooked(t, l->server);
	CALL(t, recv(l->server, (char[8]){0}, 8, 0));
}

static void fill(int fd)
{
	static char block[1 << 16];

	while (send(fd, block, sizeof(block), MSG_DONTWAIT) > 0)
		continue;
	assert_int_equal(errno, EAGAIN);
}

/* close waits until all was taken, or as long as it was told to. */
static void note_close(struct link *l, struct trace *t)
{
	int64_t start_ms = test_now_ms(), ms;

	CALL(t, close(l->client));
	l->client = -1;
	ms = test_now_ms() - start_ms;
	trace_note(t, "about a second %d\n", ms >= 900 && ms < PATIENCE_MS);
}

static void linger_in_vain(struct link *l, struct trace *t)
{
	const struct linger linger = {1, 1};

	CALL(t, setsockopt(l->client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	fill(l->client);
	note_close(l, t);
}

/* All was taken by the peer's kernel: it does not wait. */
static void linger_needlessly(struct link *l, struct trace *t)
{
	const struct linger linger = {1, 20};
	char buf[16];

	CALL(t, setsockopt(l->client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	CALL(t, send(l->client, "taken", 5, 0));
	note_close(l, t);
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), 0)));
	CALL(t, recv(l->server, buf, sizeof(buf), 0));
}

static const struct compare_case cases[] = {
	{"options read back", read_back},
	{"options of a listener", inherited},
	{"TCP_DEFER_ACCEPT", deferred},
	{"SO_RCVLOWAT", low_water},
	{"SO_RCVLOWAT makes recv wait", low_water_waits},
	{"not enough for SO_RCVLOWAT, O_NONBLOCK", not_enough},
	{"SO_LINGER of 0", linger_zero},
	{"SO_LINGER in vain", linger_in_vain},
	{"SO_LINGER needlessly", linger_needlessly},
};

int main(void)
{
	static const struct CMUnitTest tests[] = {CASE(still_deferred)};

	return compare_main("kerneloptions", cases, COUNT(cases), tests, COUNT(tests));
}
