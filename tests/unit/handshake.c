/* SPDX-License-Identifier: MIT */
/* The handshake of a connection over the fake kernel. */
#include "handshake.h"
#include "input.h"
#include "output.h"
#include "stream.h"
#include "wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct variant {
	const char *title;
	int version;
	bool server;
};

static const struct variant variants[] = {
	{"TLS 1.2, client", TLS_1_2, false},
	{"TLS 1.2, server", TLS_1_2, true},
	{"TLS 1.3, client", TLS_1_3, false},
	{"TLS 1.3, server", TLS_1_3, true},
};

static struct wire *start(const struct variant *v)
{
	const struct end_options client = end_client(v->version), server = end_server(v->version);

	return wire_start(v->server ? &server : &client, v->server ? &client : &server);
}

static int run(struct wire *w, bool nonblock, int64_t end_ms)
{
	int r;

	assert_int_equal(connection_lock(w->c), 0);
	r = handshake_run(w->c, KERNEL_FD, nonblock, end_ms);
	connection_unlock(w->c);
	return r;
}

static int need(struct wire *w)
{
	int r;

	assert_int_equal(connection_lock(w->c), 0);
	r = handshake_need(w->c, KERNEL_FD, false, -1);
	connection_unlock(w->c);
	return r;
}

static void assert_works(struct wire *w)
{
	char byte = 0;

	assert_int_equal(output_flush(w->c, KERNEL_FD), 0);
	while (w->peer_result == -EAGAIN && wire_wait(w))
		;
	assert_int_equal(w->peer_result, 0);
	wire_arrive_all(w);
	end_send(&w->peer, "x", 1);
	w->segment = 0;
	wire_arrive_all(w);
	assert_int_equal(wire_receive(w, &byte, 1, MSG_DONTWAIT), 1);
	wire_check(w);
	assert_int_equal(wire_send(w, "y", 1, MSG_DONTWAIT), 1);
	wire_fetch(w, SIZE_MAX);
	assert_int_equal(end_receive(&w->peer), 1);
}

/* Segments of every size, the smallest a byte; waiting for each. */
static void test_segments(void **state)
{
	const struct variant *v = *state;

	for (size_t segment = 1; segment < 300; segment += segment < 10 ? 1 : 29) {
		struct wire *w = start(v);

		w->segment = segment;
		assert_int_equal(run(w, false, -1), 0);
		assert_int_equal(w->c->state, STATE_OPEN);
		wire_check(w);
		assert_works(w);
		wire_close();
	}
}

/* Not waiting: each step says EAGAIN and leaves nothing in the queue that is no news. */
static void test_steps(void **state)
{
	struct wire *w = start(*state);
	int r;

	w->segment = 40;
	for (int i = 0; (r = run(w, true, -1)) == -EAGAIN; i++) {
		assert_true(i < 1000);
		assert_int_equal(kernel.rx.len, 0);
		assert_int_equal(handshake_want(w->c), output_pending(w->c) ? POLLOUT : POLLIN);
		assert_true(wire_wait(w));
	}
	assert_int_equal(r, 0);
	assert_works(w);
}

/* Through a send buffer that takes next to nothing. */
static void test_full_send_buffer(void **state)
{
	struct wire *w = start(*state);
	int r;

	kernel.sndbuf = 100;
	while ((r = run(w, true, -1)) == -EAGAIN)
		assert_true(wire_wait(w));
	assert_int_equal(r, 0);
	kernel.sndbuf = 87040;
	assert_works(w);
}

/* The peer's last flight and its first data in one segment: the data must show. */
static void test_data_behind_the_handshake(void **state)
{
	const struct variant *v = *state;
	struct wire *w = start(v);
	uint8_t got[32768], sent[20000];
	size_t done = 0;
	ssize_t n;
	int r;

	stream_fill(0, sent, sizeof(sent));
	while ((r = run(w, true, -1)) == -EAGAIN) {
		wire_fetch(w, SIZE_MAX);
		if (w->peer_result == -EAGAIN)
			w->peer_result = end_handshake(&w->peer);
		if (w->peer_result == 0 && !done++)
			end_send(&w->peer, sent, sizeof(sent));
		wire_arrive_all(w);
	}
	assert_int_equal(r, 0);
	/* A TLS 1.2 client's peer and a TLS 1.3 server's cannot speak earlier. */
	if (done == 0)
		return;
	wire_check(w);
	assert_true(kernel.rx.len > 0);
	for (done = 0; (n = wire_receive(w, got + done, 1000, MSG_DONTWAIT)) > 0; done += (size_t)n)
		wire_check(w);
	assert_int_equal(done, sizeof(sent));
	assert_int_equal(stream_mismatch(0, got, done), done);
}

struct broken_row {
	const char *title;
	const char *bytes;
	size_t len;
	bool fin;
	const char *reason;
};

static const struct broken_row broken[] = {
	{"junk instead of a handshake", "HTTP/1.1 400 Bad Request\r\n\r\n", 28, false,
	 "does not speak TLS"},
	{"a byte of junk", "H", 1, true, ""},
	{"nothing, and the end", "", 0, true, "closed the connection"},
	{"half a record, and the end", "\26\3\3\1\0abc", 8, true, "closed the connection"},
	{"an alert", "\25\3\3\0\2\2\50", 7, false, "alert"},
	{"a record that is too long", "\26\3\3\377\377", 5, false, ""},
};

static void test_broken(void **state)
{
	const struct broken_row *row = *state;

	for (size_t i = 0; i < COUNT(variants); i++) {
		struct wire *w = start(&variants[i]);

		w->stop = true;
		kernel_arrive(row->bytes, row->len);
		kernel.fin = row->fin;
		for (int again = 0; again < 2; again++)
			assert_int_equal(need(w), -EPROTO);
		assert_int_equal(w->c->state, STATE_FAILED);
		assert_true(kernel.shut_rd && kernel.shut_wr);
		if (!strstr(w->c->error_text, row->reason) ||
		    !strstr(w->c->error_text, "handshake"))
			fail_msg("the reason is: %s", w->c->error_text);
		assert_int_equal(wire_send(w, "x", 1, 0), -EPROTO);
		assert_int_equal(wire_receive(w, (char[1]){0}, 1, 0), -EPROTO);
		wire_close();
	}
}

struct refused_row {
	const char *title, *identity, *ca, *name, *text;
};

static const struct refused_row refused[] = {
	{"unknown authority", "unknown-root", "ca.pem", "localhost", "no trusted"},
	{"wrong name", "wrong-name", "ca.pem", "localhost",
	 "not issued for the name \"localhost\""},
	{"expired", "expired", "ca.pem", "localhost", "expired on 2020-01-01"},
};

static void test_refused(void **state)
{
	const struct refused_row *row = *state;

	for (int version = TLS_1_2; version <= TLS_1_3; version++)
		for (int zephyr = 0; zephyr < 2; zephyr++) {
			struct end_options client = end_client(version),
					   server = end_server(version);
			struct wire *w;

			server.identity = row->identity;
			client.ca = row->ca;
			client.name = row->name;
			w = wire_start(&client, &server);
			w->c->settings->zephyr = zephyr;
			assert_int_equal(run(w, false, -1), zephyr ? -ECONNABORTED : -EPROTO);
			assert_non_null(strstr(w->c->error_text, row->text));
			assert_non_null(strstr(w->c->error_text, "verifying the peer"));
			/* The peer is told, and no application data was sent. */
			wire_fetch(w, SIZE_MAX);
			if (w->peer_result == -EAGAIN)
				w->peer_result = end_handshake(&w->peer);
			assert_int_equal(w->peer_result, -EPROTO);
			assert_non_null(strstr(engine_reason(w->peer.engine), "alert"));
			wire_close();
		}
}

/* The handshake's own timeout ends it; a call's timeout only ends the call. */
static void test_timeouts(void **state)
{
	struct wire *w = start(*state);

	w->stop = true;
	assert_int_equal(run(w, false, connection_now_ms() - 1), -EAGAIN);
	assert_int_equal(w->c->state, STATE_HANDSHAKE);
	pending_add(w->c, KERNEL_FD, connection_now_ms() - 1);
	assert_int_equal(run(w, false, -1), -ETIMEDOUT);
	assert_int_equal(w->c->state, STATE_FAILED);
	assert_non_null(strstr(w->c->error_text, "in time"));
	assert_false(pending_any());
}

struct call_row {
	const char *title, *call;
	int error, result; /* 0: it is not noticed */
};

static const struct call_row calls[] = {
	{"send: interrupted", "send", EINTR, 0},
	{"send: EAGAIN", "send", EAGAIN, 0},
	{"send: reset", "send", ECONNRESET, -ECONNRESET},
	{"send: broken pipe", "send", EPIPE, -EPIPE},
	{"recv: reset", "recvmsg", ECONNRESET, -ECONNRESET},
	{"recv: interrupted", "recvmsg", EINTR, 0},
	{"recv: timed out", "recvmsg", ETIMEDOUT, -ETIMEDOUT},
	{"poll: no memory", "poll", ENOMEM, -ENOMEM},
	{"TCP_NODELAY cannot be read", "getsockopt", ENOPROTOOPT, 0},
	{"TCP_NODELAY cannot be set", "setsockopt", ENOPROTOOPT, 0},
};

/* Each call of the name fails in turn, until there is none that could. */
static void test_failing_calls(void **state)
{
	const struct call_row *row = *state;
	unsigned int in = 1;

	for (size_t i = 0; i < COUNT(variants); i++, in = 1)
		for (;; in++) {
			struct wire *w = start(&variants[i]);
			bool failed;
			int r;

			w->segment = 200;
			kernel_fail(row->call, in, row->error);
			r = run(w, false, -1);
			failed = !kernel.failing;
			kernel.failing = NULL;
			assert_int_equal(r, failed ? row->result : 0);
			if (r == 0)
				assert_works(w);
			wire_close();
			if (!failed)
				break;
		}
}

static void test_no_credentials(void **state)
{
	struct end_options server = end_server(TLS_1_3), client = end_client(TLS_1_3);
	struct wire *w = wire_start(&server, &client);
	struct credential_item *key = &w->c->settings->spec.items[1];

	(void)state;
	/* The file goes between listen and the first handshake. */
	key->data[key->len - 1] = '?';
	assert_int_equal(run(w, false, -1), -ENOENT);
	assert_int_equal(w->c->state, STATE_FAILED);
}

static void test_need(void **state)
{
	static const struct {
		enum connection_state state;
		int error, result;
	} rows[] = {
		{STATE_NEW, 0, -ENOTCONN},
		{STATE_LISTENING, 0, -ENOTCONN},
		{STATE_FAILED, -EPROTO, -EPROTO},
		{STATE_FAILED, -ETIMEDOUT, -ETIMEDOUT},
		{STATE_OPEN, 0, 0},
	};
	struct wire *w = wire_open(TLS_1_3, false, 1);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		w->c->state = rows[i].state;
		w->c->error = rows[i].error;
		assert_int_equal(connection_lock(w->c), 0);
		assert_int_equal(handshake_need(w->c, KERNEL_FD, true, -1), rows[i].result);
		connection_unlock(w->c);
	}
}

/* To look whether TCP is up fails where a signal comes, and says nothing then. */
static void test_tcp_is_not_up(void **state)
{
	struct wire *w = wire_open(TLS_1_3, false, 1);

	(void)state;
	w->c->state = STATE_CONNECTING;
	kernel_fail("poll", 1, EINTR);
	assert_int_equal(connection_lock(w->c), 0);
	assert_int_equal(handshake_tcp_done(w->c, KERNEL_FD, true, -1), -EAGAIN);
	connection_unlock(w->c);
	assert_int_equal(w->c->state, STATE_CONNECTING);
}

static const struct {
	const char *name;
	CMUnitTestFunction run;
} each_variant[] = {
	{"segments of every size", test_segments},
	{"steps that do not wait", test_steps},
	{"a full send buffer", test_full_send_buffer},
	{"data behind the handshake", test_data_behind_the_handshake},
	{"timeouts", test_timeouts},
};

int main(void)
{
	static char titles[COUNT(each_variant) * COUNT(variants)][64];
	struct CMUnitTest tests[COUNT(titles) + COUNT(broken) + COUNT(refused) + COUNT(calls) + 3] =
		{
			UNIT_CASE(test_no_credentials),
			UNIT_CASE(test_need),
			UNIT_CASE(test_tcp_is_not_up),
		};
	size_t n = 3;

	for (size_t i = 0; i < COUNT(titles); i++) {
		const struct variant *v = &variants[i % COUNT(variants)];

		snprintf(titles[i], sizeof(titles[i]), "%s: %s", v->title,
			 each_variant[i / COUNT(variants)].name);
		tests[n++] = UNIT_ROW(titles[i], each_variant[i / COUNT(variants)].run, *v);
	}
	for (size_t i = 0; i < COUNT(broken); i++)
		tests[n++] = UNIT_ROW(broken[i].title, test_broken, broken[i]);
	for (size_t i = 0; i < COUNT(refused); i++)
		tests[n++] = UNIT_ROW(refused[i].title, test_refused, refused[i]);
	for (size_t i = 0; i < COUNT(calls); i++)
		tests[n++] = UNIT_ROW(calls[i].title, test_failing_calls, calls[i]);
	for (size_t i = 0; i < n; i++)
		tests[i].teardown_func = wire_teardown;
	return cmocka_run_group_tests_name("handshake", tests, NULL, NULL);
}
