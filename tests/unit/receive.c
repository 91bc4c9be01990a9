/* SPDX-License-Identifier: MIT */
/*
 * The receive side over the fake kernel. Law 2 is checked after every call: what
 * waits shows in the kernel's queue, and a short read means that it was seen empty.
 */
#include "receive.h"
#include "stream.h"
#include "wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 65536 };

struct variant {
	int version;
	bool server;
};

static struct variant variants[] = {
	{TLS_1_2, false}, {TLS_1_2, true}, {TLS_1_3, false}, {TLS_1_3, true}};

static uint8_t sent[MOST], got[MOST];

struct flow {
	struct wire *w;
	uint64_t in, out; /* bytes that the peer has sealed, and that were received */
};

/* The peer seals a few records of any size. */
static void seal_some(struct flow *f)
{
	size_t most = rng_once_in(&f->w->rng, 3) ? ENGINE_MAX_PLAIN : 300;

	for (size_t i = rng_range(&f->w->rng, 0, 12); i > 0; i--) {
		size_t n = rng_range(&f->w->rng, 1, most);

		stream_fill(f->in, sent, n);
		end_send(&f->w->peer, sent, n);
		f->in += n;
	}
	f->w->segment = rng_once_in(&f->w->rng, 2) ? rng_range(&f->w->rng, 1, 40000)
						   : rng_range(&f->w->rng, 1, 100);
}

static void maybe_arrive(void *arg)
{
	struct wire *w = arg;

	if (rng_once_in(&w->rng, 3))
		wire_arrive(w);
}

static size_t read_size(struct rng *rng)
{
	static const size_t most[] = {8, 1000, 20000, MOST};

	return rng_range(rng, 1, most[rng_range(rng, 0, 3)]);
}

/* One read, and all that must hold of it. Returns what it returned. */
static ssize_t read_checked(struct flow *f, int flags)
{
	size_t n = read_size(&f->w->rng), left = (size_t)(f->in - f->out);
	ssize_t r = wire_receive(f->w, got, n, flags);

	wire_check(f->w);
	if (r == -EAGAIN) {
		if (!kernel.seen_empty)
			fail_msg("EAGAIN, and the queue was not seen empty");
		return r;
	}
	assert_true(r > 0 && (size_t)r <= n && (size_t)r <= left);
	assert_int_equal(stream_mismatch(f->out, got, (size_t)r), r);
	if ((size_t)r < n && !kernel.seen_empty)
		fail_msg("%zd of %zu bytes, and the queue was not seen empty", r, n);
	if (!(flags & MSG_PEEK))
		f->out += (uint64_t)r;
	return r;
}

static void read_to_the_end(struct flow *f)
{
	kernel.tick = NULL;
	f->w->segment = 0;
	wire_arrive_all(f->w);
	while (f->out < f->in)
		assert_true(read_checked(f, MSG_DONTWAIT) > 0);
	assert_int_equal(read_checked(f, MSG_DONTWAIT), -EAGAIN);
	assert_int_equal(kernel.rx.len, 0);
}

static void run_reads(const struct variant *v, unsigned int seed, int flags,
		      void (*tick)(void *arg))
{
	struct flow f = {.in = 0};

	f.w = wire_open(v->version, v->server, seed);
	kernel.tick = tick;
	for (int i = 0; i < 150; i++) {
		if (rng_once_in(&f.w->rng, 4))
			seal_some(&f);
		while (rng_once_in(&f.w->rng, 2))
			wire_arrive(f.w);
		/* A call that waits is made only where something will come. */
		if ((flags & MSG_DONTWAIT) || f.out < f.in)
			read_checked(&f, rng_once_in(&f.w->rng, 5) ? flags | MSG_PEEK : flags);
	}
	read_to_the_end(&f);
	wire_close();
}

struct reads_row {
	const char *title;
	int flags;
	void (*tick)(void *arg);
};

static const struct reads_row reads[] = {
	{"reads that do not wait", MSG_DONTWAIT, NULL},
	{"reads that do not wait, bytes come meanwhile", MSG_DONTWAIT, maybe_arrive},
	{"reads that wait", 0, NULL},
	{"reads that wait, bytes come meanwhile", 0, maybe_arrive},
};

static void test_reads(void **state)
{
	const struct reads_row *row = *state;
	unsigned int first, n = chance_seeds(12, &first);

	for (unsigned int seed = first; seed < first + n; seed++)
		for (size_t i = 0; i < COUNT(variants); i++) {
			run_reads(&variants[i], seed, row->flags, row->tick);
		}
}

static int version_of(void **state)
{
	return ((const struct versioned *)*state)->version;
}

/* A record, all cuts in two; what waits for its rest is not left in the queue. */
static void test_record_in_two_segments(void **state)
{
	struct wire *w = wire_open(version_of(state), false, 1);

	end_send(&w->peer, "0123456789", 10);
	w->segment = 1;
	while (end_sealed(&w->peer) > 1) {
		wire_arrive(w);
		assert_int_equal(wire_receive(w, got, 100, MSG_DONTWAIT), -EAGAIN);
		wire_check(w);
		assert_int_equal(kernel.rx.len, 0);
	}
	wire_arrive(w);
	assert_int_equal(wire_receive(w, got, 100, MSG_DONTWAIT), 10);
	assert_int_equal(kernel.rx.len, 0);
	wire_close();
}

static void test_byte_at_a_time(void **state)
{
	struct wire *w = wire_open(version_of(state), false, 2);

	stream_fill(0, sent, 1000);
	end_send(&w->peer, sent, 1000);
	wire_arrive_all(w);
	for (size_t i = 0; i < 1000; i++) {
		assert_true(kernel.rx.len > 0);
		assert_int_equal(wire_receive(w, got, 1, 0), 1);
		assert_int_equal(got[0], sent[i]);
		wire_check(w);
	}
	assert_int_equal(kernel.rx.len, 0);
	wire_close();
}

/* A big read takes the ciphertext straight: few calls, each with much. */
static void test_big_reads_take_few_calls(void **state)
{
	struct flow f = {.in = 0};
	size_t before;

	f.w = wire_open(version_of(state), false, 3);
	for (int i = 0; i < 64; i++) {
		stream_fill(f.in, sent, ENGINE_MAX_PLAIN);
		end_send(&f.w->peer, sent, ENGINE_MAX_PLAIN);
		f.in += ENGINE_MAX_PLAIN;
	}
	wire_arrive_all(f.w);
	before = kernel.looks;
	while (f.out < f.in) {
		ssize_t r = wire_receive(f.w, got, MOST, MSG_DONTWAIT);

		assert_true(r > 0);
		f.out += (uint64_t)r;
	}
	assert_true(kernel.looks - before <= 2 * 64);
	wire_close();
}

/* For kernel.wait: the peer's next record arrives, by itself. */
static bool record_arrives(void *arg)
{
	struct wire *w = arg;
	struct buffer *out = engine_output(w->peer.engine);
	size_t n = out->len ? engine_record_length(buffer_head(out), out->len) : 0;

	if (n == 0)
		return false;
	kernel_arrive(buffer_head(out), n);
	buffer_consume(out, n);
	return true;
}

/* A record without data, and then what a call with a timeout waits for. */
static void test_timeout_and_key_update(void **state)
{
	struct wire *w = wire_open(TLS_1_3, false, 4);

	(void)state;
	kernel.timeout_ms = 10000;
	kernel.wait = record_arrives;
	assert_int_equal(gnutls_session_key_update(w->peer.engine->session, 0), 0);
	end_send(&w->peer, "x", 1);
	assert_int_equal(wire_receive(w, got, 100, 0), 1);
	wire_check(w);
	wire_close();
}

/* More records without data than one call looks at, and then a byte. */
static struct wire *open_with_many_empty(void)
{
	struct wire *w = wire_open(TLS_1_3, false, 5);

	for (int i = 0; i < 20000; i++)
		assert_int_equal(gnutls_record_send2(w->peer.engine->session, "", 0, 1, 0), 0);
	end_send(&w->peer, "x", 1);
	wire_arrive_all(w);
	return w;
}

/* Asked again and again, with more on its way than the kernel is to keep. */
static void test_opened_ahead(void **state)
{
	enum { WHOLE = 8 * MOST };
	struct wire *w = wire_open(((const struct versioned *)*state)->version, true, 1);
	bool ended;

	for (uint64_t at = 0; at < WHOLE; at += MOST) {
		stream_fill(at, sent, MOST);
		end_send(&w->peer, sent, MOST);
	}
	wire_arrive_all(w);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(connection_lock(w->c), 0);
		assert_in_range(connection_available(w->c, KERNEL_FD, &ended), MOST, 2 * MOST);
		connection_unlock(w->c);
		assert_true(kernel.rx.len > WHOLE / 2);
	}
	for (uint64_t at = 0; at < WHOLE; at += MOST) {
		assert_int_equal(wire_receive(w, got, MOST, 0), MOST);
		assert_int_equal(stream_mismatch(at, got, MOST), MOST);
	}
	wire_check(w);
}

static void test_empty_records_hold_up_nobody(void **state)
{
	struct wire *w = open_with_many_empty();
	ssize_t r;
	int calls = 0;

	(void)state;
	while ((r = wire_receive(w, got, 100, MSG_DONTWAIT)) == -EAGAIN) {
		assert_true(kernel.rx.len > 0);
		assert_int_equal(kernel.told, ++calls);
	}
	assert_int_equal(r, 1);
	assert_in_range(calls, 1, 10);
	wire_close();
}

static void test_readiness_gives_way_to_others(void **state)
{
	struct wire *w = open_with_many_empty();
	int calls = 0;

	(void)state;
	while (!connection_readable(w->c, KERNEL_FD)) {
		assert_true(kernel.rx.len > 0);
		assert_int_equal(kernel.told, ++calls);
	}
	assert_in_range(calls, 1, 10);
	wire_check(w);
	wire_close();
}

/* Who waits for this peer alone goes on. */
static void test_waiting_call_takes_empty_records(void **state)
{
	struct wire *w = open_with_many_empty();

	(void)state;
	assert_int_equal(wire_receive(w, got, 100, 0), 1);
	assert_int_equal(kernel.told, 0);
	wire_close();
}

static const struct {
	const char *name;
	CMUnitTestFunction run;
} each_version[] = {
	{"a record in two segments", test_record_in_two_segments},
	{"a byte at a time", test_byte_at_a_time},
	{"big reads take few calls", test_big_reads_take_few_calls},
	{"no more is opened ahead than the kernel would keep", test_opened_ahead},
};

int main(void)
{
	static const int versions[] = {TLS_1_2, TLS_1_3};
	struct CMUnitTest tests[COUNT(reads) + COUNT(each_version) * COUNT(versions) + 4];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(reads); i++)
		tests[n++] = UNIT_ROW(reads[i].title, test_reads, reads[i]);
	for (size_t i = 0; i < COUNT(each_version); i++)
		for (size_t v = 0; v < COUNT(versions); v++)
			tests[n++] = versioned_case(versions[v], each_version[i].name,
						    each_version[i].run, NULL);
	tests[n++] = (struct CMUnitTest)UNIT_CASE(test_timeout_and_key_update);
	tests[n++] = (struct CMUnitTest)UNIT_CASE(test_empty_records_hold_up_nobody);
	tests[n++] = (struct CMUnitTest)UNIT_CASE(test_readiness_gives_way_to_others);
	tests[n++] = (struct CMUnitTest)UNIT_CASE(test_waiting_call_takes_empty_records);
	for (size_t i = 0; i < n; i++)
		tests[i].teardown_func = wire_teardown;
	return cmocka_run_group_tests_name("receive", tests, NULL, NULL);
}
