/* SPDX-License-Identifier: MIT */
/*
 * The lock and the wait: what a thread finds when it comes back from the kernel and
 * another has been at the connection meanwhile. The other thread is played by what
 * the fake kernel calls when a call would wait, for then the lock is free.
 */
#include "connection.h"
#include "input.h"
#include "libc.h"
#include "output.h"
#include "stream.h"
#include "wire.h"

#include <errno.h>
#include <string.h>

static uint8_t got[40000], sent[200000];

static struct wire *open_wire(void **state)
{
	stream_fill(0, sent, sizeof(sent));
	return wire_open(((const struct versioned *)*state)->version, false, 1);
}

static int others;

/* The first record that comes is another reader's. */
static bool another_reads(void *arg)
{
	struct wire *w = arg;

	if (others == 0) {
		wire_arrive_all(w);
		others = (int)wire_receive(w, got + 1000, 50, MSG_DONTWAIT);
		/* Half of it: the rest shows. */
		assert_true(kernel.rx.len > 0);
		return true;
	}
	return false;
}

static void test_another_reader(void **state)
{
	static const size_t sizes[] = {50, 30000};

	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct wire *w = open_wire(state);

		end_send(&w->peer, sent, 100);
		others = 0;
		kernel.wait = another_reads;
		assert_int_equal(wire_receive(w, got, sizes[i], 0), 50);
		assert_int_equal(others, 50);
		assert_int_equal(stream_mismatch(50, got, 50), 50);
		wire_check(w);
		assert_int_equal(kernel.rx.len, 0);
		wire_close();
	}
}

static bool another_takes_all(void *arg)
{
	struct wire *w = arg;

	if (others++ > 0)
		return wire_wait(w);
	end_send(&w->peer, sent, 100);
	wire_arrive_all(w);
	assert_int_equal(wire_receive(w, got + 1000, 30000, MSG_DONTWAIT), 100);
	end_send(&w->peer, sent + 100, 10);
	return true;
}

static void test_another_reader_takes_all(void **state)
{
	struct wire *w = open_wire(state);

	others = 0;
	kernel.wait = another_takes_all;
	assert_int_equal(wire_receive(w, got, 50, 0), 10);
	assert_int_equal(stream_mismatch(100, got, 10), 10);
	wire_check(w);
}

static bool another_closes(void *arg)
{
	struct wire *w = arg;

	w->c->closing = true;
	kernel.shut_rd = kernel.shut_wr = true;
	return false;
}

static bool number_is_reused(void *arg)
{
	(void)arg;
	if (!fdtable_has(KERNEL_FD))
		return false;
	fdtable_put(fdtable_remove(KERNEL_FD));
	/* What comes now is somebody else's. */
	kernel_arrive("not ours", 8);
	kernel.queued = 0;
	return true;
}

struct away_row {
	const char *title;
	bool (*wait)(void *arg);
	bool send;
	int result;
};

static const struct away_row away[] = {
	{"receive: closed meanwhile", another_closes, false, -EINTR},
	{"receive: the number is another's", number_is_reused, false, -EBADF},
	{"send: closed meanwhile", another_closes, true, -EINTR},
	{"send: the number is another's", number_is_reused, true, -EBADF},
};

static void test_away(void **state)
{
	const struct away_row *row = ((const struct versioned *)*state)->row;
	struct wire *w = open_wire(state);
	ssize_t r;

	kernel.wait = row->wait;
	kernel.sndbuf = 1000;
	if (!row->send) {
		r = wire_receive(w, got, 100, 0);
	} else {
		/* Full: the next one waits before it seals anything. */
		while (wire_send(w, sent, 1000, MSG_DONTWAIT) > 0)
			;
		kernel.hidden = kernel.sndbuf;
		assert_int_equal(connection_lock(w->c), 0);
		assert_int_equal(engine_seal(w->c->engine, sent, 10), 10);
		connection_unlock(w->c);
		r = wire_send(w, sent, 1000, 0);
	}
	assert_int_equal(r, row->result);
	assert_int_equal(w->c->waiters, 0);
	if (row->wait == number_is_reused)
		assert_int_equal(kernel.rx.len, 8);
	w->c->closing = false;
}

/* A signal handler in the middle of a call is refused, not stuck. */
static void test_lock_is_refused_to_its_own_thread(void **state)
{
	struct wire *w = open_wire(state);

	assert_int_equal(connection_lock(w->c), 0);
	assert_int_equal(connection_lock(w->c), -EAGAIN);
	assert_int_equal(connection_trylock(w->c), -EAGAIN);
	assert_int_equal(wire_receive(w, got, 1, 0), -EAGAIN);
	assert_int_equal(wire_send(w, got, 1, 0), -EAGAIN);
	connection_unlock(w->c);
	assert_int_equal(wire_send(w, got, 1, 0), 1);
}

static void test_discard_is_bounded(void **state)
{
	struct wire *w = open_wire(state);
	unsigned int before;

	(void)w;
	kernel_arrive(sent, sizeof(sent));
	input_discard(KERNEL_FD);
	assert_int_equal(kernel.rx.len, 0);
	kernel.fin = true;
	before = kernel.looks;
	input_discard(KERNEL_FD);
	assert_int_equal(kernel.looks, before + 1);
}

static void arrive_again(void *arg)
{
	(void)arg;
	kernel_arrive(sent, sizeof(sent));
}

static void test_discard_ends_though_more_comes(void **state)
{
	unsigned int before;

	open_wire(state);
	kernel.tick = arrive_again;
	before = kernel.looks;
	input_discard(KERNEL_FD);
	assert_true(kernel.looks - before < 1000);
}

static void test_feed_one_or_all(void **state)
{
	struct wire *w = open_wire(state);
	size_t record;
	char first;

	/* Tickets come before it. */
	end_send(&w->peer, sent, 1);
	wire_arrive_all(w);
	assert_int_equal(wire_receive(w, &first, 1, 0), 1);
	end_send(&w->peer, sent, 100);
	end_send(&w->peer, sent, 200);
	end_send(&w->peer, sent, 300);
	record = 100 + engine_overhead(w->peer.engine);
	wire_arrive_all(w);
	kernel.rx.len -= 10;
	assert_int_equal(connection_lock(w->c), 0);
	assert_true(input_fill(w->c, KERNEL_FD, 0) > 0);
	assert_int_equal(input_record(w->c), record);
	input_feed(w->c, false);
	assert_int_equal(w->c->engine->input_len, record);
	input_feed(w->c, true);
	assert_int_equal(w->c->engine->input_len, 2 * record + 100);
	engine_feed(w->c->engine, NULL, 0);
	connection_unlock(w->c);
}

/* A thread that waits for room leaves what it has sealed to whoever finds some. */
static void test_flush_beside_a_flusher(void **state)
{
	struct wire *w = open_wire(state);

	assert_int_equal(connection_lock(w->c), 0);
	w->c->flushers = 1;
	assert_int_equal(output_flush(w->c, KERNEL_FD), 0);
	assert_int_equal(engine_seal(w->c->engine, sent, 10), 10);
	assert_true(output_pending(w->c));
	assert_int_equal(output_flush(w->c, KERNEL_FD), 0);
	assert_false(output_pending(w->c));
	w->c->flushers = 0;
	connection_unlock(w->c);
}

static void test_fail_is_kept_and_said(void **state)
{
	struct wire *w = open_wire(state);
	const struct sockaddr_in sa = {.sin_family = AF_INET,
				       .sin_port = htons(443),
				       .sin_addr.s_addr = htonl(0xc0000201)};

	connection_set_peer(w->c, "name.example", (const struct sockaddr *)&sa);
	assert_string_equal(w->c->peer, "name.example (192.0.2.1:443)");
	connection_set_peer(w->c, NULL, (const struct sockaddr *)&sa);
	assert_string_equal(w->c->peer, "192.0.2.1:443");
	assert_int_equal(connection_fail(w->c, KERNEL_FD, -EPROTO, "this step", "this reason"),
			 -EPROTO);
	assert_string_equal(w->c->error_text, "192.0.2.1:443: this step: this reason");
	assert_int_equal(wire_receive(w, got, 1, 0), -EPROTO);
}

static void test_times(void **state)
{
	int64_t now = connection_now_ms();

	open_wire(state);
	assert_int_equal(connection_end_ms(0), -1);
	assert_true(connection_end_ms(1000) >= now + 1000);
	assert_int_equal(connection_left_ms(-1), -1);
	assert_int_equal(connection_left_ms(now - 1), 0);
	assert_true(connection_left_ms(now + 60000) > 0);
	assert_int_equal(connection_left_ms(INT64_MAX), 1 << 30);
	assert_int_equal(connection_socket_end_ms(KERNEL_FD, SO_RCVTIMEO), -1);
	kernel.timeout_ms = 5000;
	assert_true(connection_socket_end_ms(KERNEL_FD, SO_RCVTIMEO) >= now + 5000);
}

static const struct {
	const char *name;
	CMUnitTestFunction run;
} each_version[] = {
	{"another reader comes first", test_another_reader},
	{"another reader takes all", test_another_reader_takes_all},
	{"the lock is refused to its own thread", test_lock_is_refused_to_its_own_thread},
	{"the queue is discarded", test_discard_is_bounded},
	{"discarding ends though more comes", test_discard_ends_though_more_comes},
	{"one record is fed, or all", test_feed_one_or_all},
	{"flushing beside a flusher", test_flush_beside_a_flusher},
	{"a failure is kept and said", test_fail_is_kept_and_said},
	{"times", test_times},
};

int main(void)
{
	static const int versions[] = {TLS_1_2, TLS_1_3};
	struct CMUnitTest tests[COUNT(versions) * (COUNT(each_version) + COUNT(away))];
	size_t n = 0;

	for (size_t v = 0; v < COUNT(versions); v++) {
		for (size_t i = 0; i < COUNT(each_version); i++)
			tests[n++] = versioned_case(versions[v], each_version[i].name,
						    each_version[i].run, NULL);
		for (size_t i = 0; i < COUNT(away); i++)
			tests[n++] =
				versioned_case(versions[v], away[i].title, test_away, &away[i]);
	}
	for (size_t i = 0; i < n; i++)
		tests[i].teardown_func = wire_teardown;
	return cmocka_run_group_tests_name("connection", tests, NULL, NULL);
}
