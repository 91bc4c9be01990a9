/* SPDX-License-Identifier: MIT */
/* recv's flags and its ends, over the fake kernel. */
#include "cursor.h"
#include "receive.h"
#include "stream.h"
#include "wire.h"

#include <errno.h>
#include <string.h>

static uint8_t sent[65536], got[65536];

static struct wire *open_with(void **state, size_t records, size_t size)
{
	const struct versioned *v = *state;
	struct wire *w = wire_open(v->version, false, 1);

	stream_fill(0, sent, sizeof(sent));
	for (size_t i = 0; i < records; i++)
		end_send(&w->peer, sent + i * size, size);
	wire_arrive_all(w);
	return w;
}

static void assert_stream(size_t at, ssize_t n, size_t expected)
{
	assert_int_equal(n, expected);
	assert_int_equal(stream_mismatch(at, got, expected), expected);
}

static void test_peek_across_records(void **state)
{
	struct wire *w = open_with(state, 3, 100);

	for (size_t n = 1; n <= 400; n += 33) {
		assert_stream(0, wire_receive(w, got, n, MSG_PEEK), n < 300 ? n : 300);
		wire_check(w);
	}
	assert_stream(0, wire_receive(w, got, 150, 0), 150);
	assert_stream(150, wire_receive(w, got, 400, MSG_PEEK), 150);
	wire_check(w);
	assert_stream(150, wire_receive(w, got, 400, 0), 150);
	assert_int_equal(kernel.rx.len, 0);
	assert_int_equal(wire_receive(w, got, 1, MSG_PEEK | MSG_DONTWAIT), -EAGAIN);
}

static void test_peek_more_than_a_buffer(void **state)
{
	struct wire *w = open_with(state, 4, ENGINE_MAX_PLAIN);

	assert_stream(0, wire_receive(w, got, sizeof(got), MSG_PEEK), sizeof(got));
	wire_check(w);
	for (size_t at = 0; at < sizeof(got); at += 1000) {
		size_t left = sizeof(got) - at;

		assert_stream(at, wire_receive(w, got, 1000, MSG_DONTWAIT),
			      left < 1000 ? left : 1000);
		wire_check(w);
	}
	assert_int_equal(kernel.rx.len, 0);
}

static void test_trunc_drops(void **state)
{
	struct wire *w = open_with(state, 3, 100);

	memset(got, 0x55, sizeof(got));
	assert_int_equal(wire_receive(w, got, 150, MSG_TRUNC), 150);
	for (size_t i = 0; i < 150; i++)
		assert_int_equal(got[i], 0x55);
	wire_check(w);
	assert_int_equal(wire_receive(w, NULL, 50, MSG_TRUNC), 50);
	assert_stream(200, wire_receive(w, got, 400, 0), 100);
	assert_int_equal(kernel.rx.len, 0);
}

/* As TCP: how much is there, without memory to put it into (tcp(7)). */
static void test_peek_and_trunc_count(void **state)
{
	struct wire *w = open_with(state, 3, 100);

	assert_int_equal(wire_receive(w, NULL, 250, MSG_PEEK | MSG_TRUNC), 250);
	assert_int_equal(wire_receive(w, NULL, 400, MSG_PEEK | MSG_TRUNC), 300);
	assert_stream(0, wire_receive(w, got, 400, 0), 300);
}

static void test_waitall_waits(void **state)
{
	struct wire *w = open_with(state, 0, 0);

	for (size_t i = 0; i < 5; i++)
		end_send(&w->peer, sent + i * 100, 100);
	w->segment = 30;
	assert_stream(0, wire_receive(w, got, 450, MSG_WAITALL), 450);
	wire_check(w);
	w->stop = true;
	assert_stream(450, wire_receive(w, got, 1, MSG_WAITALL), 1);
}

static void test_waitall_times_out_with_a_part(void **state)
{
	struct wire *w = open_with(state, 2, 100);

	kernel.timeout_ms = 10;
	assert_stream(0, wire_receive(w, got, 450, MSG_WAITALL), 200);
	assert_int_equal(wire_receive(w, got, 450, MSG_WAITALL), -EAGAIN);
	wire_check(w);
}

static void test_waitall_ends_with_the_stream(void **state)
{
	struct wire *w = open_with(state, 2, 100);

	engine_close(w->peer.engine);
	assert_stream(0, wire_receive(w, got, 450, MSG_WAITALL), 200);
	assert_int_equal(wire_receive(w, got, 450, MSG_WAITALL), 0);
}

static void test_waitall_and_dontwait(void **state)
{
	struct wire *w = open_with(state, 2, 100);

	assert_stream(0, wire_receive(w, got, 450, MSG_WAITALL | MSG_DONTWAIT), 200);
	assert_int_equal(wire_receive(w, got, 450, MSG_WAITALL | MSG_DONTWAIT), -EAGAIN);
}

/* The byte that stays in the kernel while something waits must not end each wait. */
static void test_peek_waitall_does_not_spin(void **state)
{
	struct wire *w = open_with(state, 1, 100);

	for (size_t i = 1; i < 3; i++)
		end_send(&w->peer, sent + i * 100, 100);
	w->segment = 50;
	assert_stream(0, wire_receive(w, got, 300, MSG_PEEK | MSG_WAITALL), 300);
	assert_true(kernel.calls < 200);
	wire_check(w);
}

static void test_peek_waitall_ends_with_the_timeout(void **state)
{
	struct wire *w = open_with(state, 1, 100);

	kernel.timeout_ms = 10;
	assert_stream(0, wire_receive(w, got, 300, MSG_PEEK | MSG_WAITALL), 100);
}

static void test_peek_waitall_ends_with_fin(void **state)
{
	struct wire *w = open_with(state, 1, 100);

	kernel.fin = true;
	assert_stream(0, wire_receive(w, got, 300, MSG_PEEK | MSG_WAITALL), 100);
}

static void test_scattered(void **state)
{
	struct wire *w = open_with(state, 3, 100);
	struct iovec iov[] = {{NULL, 0}, {got, 7}, {got + 7, 150}, {NULL, 0}, {got + 157, 500}};
	struct cursor cur;

	for (size_t i = 0; i < 2; i++) {
		int flags = i == 0 ? MSG_PEEK : 0;

		memset(got, 0, 400);
		assert_int_equal(cursor_init(&cur, iov, COUNT(iov)), 0);
		assert_stream(0, connection_receive(w->c, KERNEL_FD, &cur, flags), 300);
	}
}

static void test_nothing_asked(void **state)
{
	struct wire *w = open_with(state, 1, 100);

	assert_int_equal(wire_receive(w, got, 0, 0), 0);
	assert_int_equal(wire_receive(w, NULL, 0, MSG_WAITALL), 0);
	assert_int_equal(wire_receive(w, got, 1, MSG_OOB), -EINVAL);
	assert_stream(0, wire_receive(w, got, 200, 0), 100);
	/* TCP's recv waits for the first byte even of none. */
	assert_int_equal(wire_receive(w, got, 0, MSG_DONTWAIT), -EAGAIN);
}

static void test_close_notify_is_the_end(void **state)
{
	struct wire *w = open_with(state, 1, 100);

	engine_close(w->peer.engine);
	wire_arrive_all(w);
	assert_stream(0, wire_receive(w, got, 50, 0), 50);
	wire_check(w);
	assert_stream(50, wire_receive(w, got, 100, 0), 50);
	for (int i = 0; i < 3; i++)
		assert_int_equal(wire_receive(w, got, 100, 0), 0);
	assert_true(kernel.shut_rd);
	assert_false(kernel.shut_wr);
	assert_int_equal(kernel.rx.len, 0);
}

/* What the peer sends behind its close_notify is not data. */
static void test_nothing_comes_after_close_notify(void **state)
{
	struct wire *w = open_with(state, 0, 0);

	engine_close(w->peer.engine);
	wire_arrive_all(w);
	kernel_arrive("\27\3\3\0\5hello", 10);
	for (int i = 0; i < 3; i++)
		assert_int_equal(wire_receive(w, got, 100, 0), 0);
	assert_int_equal(w->c->state, STATE_OPEN);
}

struct cut_row {
	const char *title;
	size_t part; /* of a record that arrives before FIN */
	bool allowed, zephyr;
	int result;
};

static const struct cut_row cuts[] = {
	{"FIN without close_notify", 0, false, false, -ECONNRESET},
	{"FIN in a record's head", 3, false, false, -ECONNRESET},
	{"FIN in a record's body", 20, false, false, -ECONNRESET},
	{"FIN without close_notify, allowed", 0, true, false, 0},
	{"FIN without close_notify, Zephyr's protocol", 0, false, true, 0},
};

static void test_cut(void **state)
{
	const struct cut_row *row = ((const struct versioned *)*state)->row;
	struct wire *w = open_with(state, 1, 100);

	w->c->settings->numbers[SETTING_ALLOW_TRUNCATION] = row->allowed ? 1 : UNSET;
	w->c->settings->zephyr = row->zephyr;
	end_send(&w->peer, sent + 100, 100);
	kernel_arrive(buffer_head(engine_output(w->peer.engine)), row->part);
	kernel.fin = true;
	assert_stream(0, wire_receive(w, got, 400, 0), 100);
	for (int i = 0; i < 3; i++)
		assert_int_equal(wire_receive(w, got, 400, 0), row->result);
	if (row->result)
		assert_non_null(strstr(w->c->error_text, "close_notify"));
}

static void damage(struct wire *w)
{
	uint8_t *tail = buffer_tail(&kernel.rx);

	(void)w;
	tail[-1] ^= 1;
}

static void test_damaged_record(void **state)
{
	struct wire *w = open_with(state, 2, 100);

	damage(w);
	assert_stream(0, wire_receive(w, got, 400, 0), 100);
	for (int i = 0; i < 3; i++)
		assert_int_equal(wire_receive(w, got, 400, 0), -EBADMSG);
	assert_int_equal(w->c->state, STATE_FAILED);
	assert_true(kernel.shut_rd && kernel.shut_wr);
	assert_non_null(strstr(w->c->error_text, "damaged"));
	assert_int_equal(wire_send(w, "x", 1, MSG_NOSIGNAL), -EPIPE);
	/* The peer is told why. */
	wire_fetch(w, SIZE_MAX);
	assert_true(end_receive(&w->peer) < 0);
	assert_non_null(strstr(engine_reason(w->peer.engine), "alert"));
}

static void test_damaged_record_with_zephyrs_protocol(void **state)
{
	struct wire *w = open_with(state, 1, 100);

	w->c->settings->zephyr = true;
	damage(w);
	assert_int_equal(wire_receive(w, got, 400, 0), -ECONNABORTED);
	assert_int_equal(wire_send(w, "x", 1, MSG_NOSIGNAL), -ECONNABORTED);
}

struct fail_row {
	const char *title, *call;
	unsigned int in;
	int error, result;
	size_t size; /* of the read */
	int flags;
};

/* 100 bytes are there, or none. */
static const struct fail_row failing_with_data[] = {
	{"recv is interrupted, data is there", "recv", 1, EINTR, 100, 40000, MSG_DONTWAIT},
	{"a small read is interrupted, data is there", "recv", 1, EINTR, 100, 200, MSG_DONTWAIT},
	{"a look behind the data is interrupted", "recvmsg", 1, EINTR, 100, 200,
	 MSG_PEEK | MSG_WAITALL | MSG_DONTWAIT},
	{"reset, to a big read", "recv", 1, ECONNRESET, -ECONNRESET, 40000, MSG_DONTWAIT},
	{"reset, to a small read", "recv", 1, ECONNRESET, -ECONNRESET, 200, MSG_DONTWAIT},
	{"reset in a wait", "recv", 1, ECONNRESET, -ECONNRESET, 200, 0},
	{"a wait is interrupted", "recv", 1, EINTR, -EINTR, 200, 0},
	{"no route, in a wait", "recv", 1, EHOSTUNREACH, -EHOSTUNREACH, 200, 0},
	{"TCP's keepalive ends a wait", "recv", 1, ETIMEDOUT, -ETIMEDOUT, 200, 0},
};

static void test_failing_receive(void **state)
{
	const struct fail_row *row = ((const struct versioned *)*state)->row;
	struct wire *w = open_with(state, 1, 100);
	bool goes_on = row->error == EINTR;

	kernel_fail(row->call, row->in, row->error);
	assert_int_equal(wire_receive(w, got, row->size, row->flags), row->result);
	wire_check(w);
	if (goes_on && row->result < 0)
		assert_stream(0, wire_receive(w, got, row->size, row->flags), 100);
	if (goes_on)
		return;
	assert_int_equal(w->c->state, STATE_FAILED);
	assert_int_equal(wire_receive(w, got, row->size, row->flags), row->result);
	assert_true(kernel.shut_rd && kernel.shut_wr);
}

static void test_times_out(void **state)
{
	struct wire *w = open_with(state, 0, 0);

	kernel.timeout_ms = 10;
	assert_int_equal(wire_receive(w, got, 100, 0), -EAGAIN);
	end_send(&w->peer, sent, 100);
	kernel_arrive(buffer_head(engine_output(w->peer.engine)), 20);
	buffer_consume(engine_output(w->peer.engine), 20);
	w->stop = true;
	assert_int_equal(wire_receive(w, got, 100, 0), -EAGAIN);
	assert_int_equal(kernel.rx.len, 0);
	w->stop = false;
	assert_stream(0, wire_receive(w, got, 100, 0), 100);
}

static void test_error_after_data_is_kept(void **state)
{
	struct wire *w = open_with(state, 1, 100);

	kernel_fail("recv", 2, ECONNRESET);
	assert_stream(0, wire_receive(w, got, 40000, MSG_WAITALL), 100);
	assert_int_equal(wire_receive(w, got, 100, 0), -ECONNRESET);
}

static const struct {
	const char *name;
	CMUnitTestFunction run;
} each_version[] = {
	{"peek across records", test_peek_across_records},
	{"peek more than a buffer", test_peek_more_than_a_buffer},
	{"MSG_TRUNC drops", test_trunc_drops},
	{"MSG_PEEK and MSG_TRUNC count", test_peek_and_trunc_count},
	{"MSG_WAITALL waits", test_waitall_waits},
	{"MSG_WAITALL times out with a part", test_waitall_times_out_with_a_part},
	{"MSG_WAITALL ends with the stream", test_waitall_ends_with_the_stream},
	{"MSG_WAITALL and MSG_DONTWAIT", test_waitall_and_dontwait},
	{"MSG_PEEK and MSG_WAITALL do not spin", test_peek_waitall_does_not_spin},
	{"MSG_PEEK and MSG_WAITALL time out", test_peek_waitall_ends_with_the_timeout},
	{"MSG_PEEK and MSG_WAITALL end with FIN", test_peek_waitall_ends_with_fin},
	{"into several pieces", test_scattered},
	{"nothing asked for", test_nothing_asked},
	{"close_notify is the end", test_close_notify_is_the_end},
	{"nothing comes after close_notify", test_nothing_comes_after_close_notify},
	{"a damaged record", test_damaged_record},
	{"a damaged record, Zephyr's protocol", test_damaged_record_with_zephyrs_protocol},
	{"SO_RCVTIMEO", test_times_out},
	{"an error after data is kept", test_error_after_data_is_kept},
};

int main(void)
{
	static const int versions[] = {TLS_1_2, TLS_1_3};
	struct CMUnitTest tests[2 * (COUNT(each_version) + COUNT(cuts) + COUNT(failing_with_data))];
	size_t n = 0;

	for (size_t v = 0; v < COUNT(versions); v++) {
		for (size_t i = 0; i < COUNT(each_version); i++)
			tests[n++] = versioned_case(versions[v], each_version[i].name,
						    each_version[i].run, NULL);
		for (size_t i = 0; i < COUNT(cuts); i++)
			tests[n++] = versioned_case(versions[v], cuts[i].title, test_cut, &cuts[i]);
		for (size_t i = 0; i < COUNT(failing_with_data); i++)
			tests[n++] = versioned_case(versions[v], failing_with_data[i].title,
						    test_failing_receive, &failing_with_data[i]);
	}
	for (size_t i = 0; i < n; i++)
		tests[i].teardown_func = wire_teardown;
	return cmocka_run_group_tests_name("receive: flags and ends", tests, NULL, NULL);
}
