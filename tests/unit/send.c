/* SPDX-License-Identifier: MIT */
/*
 * The send side over the fake kernel. Law 3: what send() reports is sealed and on
 * its way, every byte once, and no record is split while the kernel tells its room.
 */
#include "send.h"
#include "cursor.h"
#include "libc.h"
#include "output.h"
#include "stream.h"
#include "wire.h"

#include <errno.h>
#include <string.h>

enum { MOST = 200000, KERNEL_MARGIN = 1024 };

static uint8_t bytes[MOST], got[1 << 20];

struct flow {
	struct wire *w;
	uint64_t out, in; /* bytes that send() reported, and that the peer opened */
};

static struct flow open_flow(void **state, uint64_t seed)
{
	struct flow f = {
		.w = wire_open(((const struct versioned *)*state)->version, seed % 2, seed)};

	kernel.split_sends = kernel.full_sends = 0;
	return f;
}

/* The peer opens what it has; it must be the stream. */
static void open_all(struct flow *f)
{
	while (end_receive(&f->w->peer) > 0) {
		size_t n = engine_read(f->w->peer.engine, got, sizeof(got));

		assert_int_equal(stream_mismatch(f->in, got, n), n);
		f->in += n;
	}
}

static void fetch(struct flow *f, size_t max)
{
	wire_fetch(f->w, max);
	open_all(f);
}

static ssize_t send_some(struct flow *f, size_t n, int flags)
{
	ssize_t r;

	stream_fill(f->out, bytes, n);
	r = wire_send(f->w, bytes, n, flags);
	if (r > 0)
		f->out += (uint64_t)r;
	return r;
}

static uint64_t records_sealed(const struct flow *f)
{
	return f->w->c->engine->records_out;
}

/* What was reported arrives: at once, or with the next flush. */
static void assert_all_arrives(struct flow *f)
{
	for (int i = 0; i < 100 && (f->in < f->out || output_pending(f->w->c)); i++) {
		assert_int_equal(connection_lock(f->w->c), 0);
		output_flush(f->w->c, KERNEL_FD);
		connection_unlock(f->w->c);
		fetch(f, SIZE_MAX);
	}
	/* A byte that was split off is sealed, and not reported yet. */
	assert_int_equal(f->in, f->out + (f->w->c->owed >= 0));
}

static size_t send_size(struct rng *rng)
{
	static const size_t most[] = {4, 600, 20000, MOST};

	return rng_range(rng, 1, most[rng_range(rng, 0, 3)]);
}

/* Returns whether anything was sent. */
static bool send_checked(struct flow *f)
{
	uint64_t before = records_sealed(f);
	size_t n = send_size(&f->w->rng);
	ssize_t r = send_some(f, n, MSG_DONTWAIT);

	if (r == -EAGAIN)
		assert_int_equal(records_sealed(f), before);
	else
		assert_true(r > 0 && (size_t)r <= n);
	return r > 0;
}

struct room_row {
	const char *title;
	size_t hidden; /* at most */
	size_t lowat;
	bool splits;
};

static const struct room_row rooms[] = {
	{"does not wait: the room is as told", 0, 0, false},
	{"does not wait: the room is a margin less than told", KERNEL_MARGIN, 0, false},
	{"does not wait: TCP_NOTSENT_LOWAT", 0, 16384, false},
	{"does not wait: memory pressure", 60000, 0, true},
};

static void run_sends(void **state, const struct room_row *row, unsigned int seed)
{
	static const size_t sizes[] = {4608, 16384, 87040, 1 << 20};
	struct flow f = open_flow(state, seed);

	kernel.sndbuf = sizes[rng_range(&f.w->rng, 0, COUNT(sizes) - 1)];
	kernel.lowat = row->lowat;
	for (int i = 0; i < 60; i++) {
		kernel.hidden = rng_range(&f.w->rng, 0, row->hidden);
		while (send_checked(&f) && !rng_once_in(&f.w->rng, 8))
			;
		if (rng_once_in(&f.w->rng, 2))
			fetch(&f, rng_range(&f.w->rng, 1, 30000));
		else
			fetch(&f, SIZE_MAX);
	}
	if (!row->splits && kernel.split_sends)
		fail_msg("seed %u: %zu of %zu sends were split, send buffer %zu", seed,
			 kernel.split_sends, kernel.split_sends + kernel.full_sends, kernel.sndbuf);
	kernel.hidden = 0;
	assert_all_arrives(&f);
	assert_true(send_checked(&f));
	wire_close();
}

static void test_nonblocking(void **state)
{
	const struct room_row *row = ((const struct versioned *)*state)->row;
	unsigned int first, n = chance_seeds(6, &first);

	for (unsigned int seed = first; seed < first + n; seed++)
		run_sends(state, row, seed);
}

/* As long as the peer does not fetch, a full socket stays full, and nothing is sealed. */
static void test_full_socket_stays_full(void **state)
{
	struct flow f = open_flow(state, 2);
	uint64_t sealed;

	while (send_some(&f, 10000, MSG_DONTWAIT) > 0)
		;
	sealed = records_sealed(&f);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(send_some(&f, 1, MSG_DONTWAIT), -EAGAIN);
		assert_int_equal(records_sealed(&f), sealed);
	}
	fetch(&f, SIZE_MAX);
	assert_int_equal(send_some(&f, 1, MSG_DONTWAIT), 1);
	assert_all_arrives(&f);
}

static int polls;

static int (*real_poll)(struct pollfd *fds, nfds_t n, int timeout);

static int count_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	if (fds[0].events & POLLOUT)
		polls++;
	return real_poll(fds, n, timeout);
}

/* The kernel raises the next edge only for who has asked and was refused. */
static void test_eagain_has_asked_the_kernel(void **state)
{
	struct flow f = open_flow(state, 2);
	ssize_t r;

	real_poll = libc.poll;
	libc.poll = count_poll;
	do {
		polls = 0;
		r = send_some(&f, 3000, MSG_DONTWAIT);
		if (r < 3000)
			assert_true(polls > 0);
	} while (r > 0);
	assert_int_equal(r, -EAGAIN);
}

/* A record is split: all but its last byte are reported, and that one is not sent twice. */
static void test_split_record_owes_a_byte(void **state)
{
	struct flow f = open_flow(state, 2);
	uint64_t sealed;

	kernel.hidden = kernel.sndbuf - 500;
	assert_int_equal(send_some(&f, 1000, MSG_DONTWAIT), 999);
	sealed = records_sealed(&f);
	assert_int_equal(send_some(&f, 1000, MSG_DONTWAIT), -EAGAIN);
	assert_int_equal(records_sealed(&f), sealed);
	kernel.hidden = 0;
	fetch(&f, SIZE_MAX);
	assert_int_equal(send_some(&f, 1, MSG_DONTWAIT), 1);
	assert_int_equal(records_sealed(&f), sealed);
	assert_all_arrives(&f);
	assert_int_equal(f.in, 1000);
	assert_int_equal(send_some(&f, 10, MSG_DONTWAIT), 10);
	assert_all_arrives(&f);
}

static void test_owed_byte_and_more(void **state)
{
	struct flow f = open_flow(state, 2);

	for (int i = 0; i < 2; i++) {
		kernel.hidden = kernel.sndbuf - 500;
		assert_int_equal(send_some(&f, 1000, MSG_DONTWAIT), 999);
		kernel.hidden = 0;
		fetch(&f, SIZE_MAX);
		/* The byte that is owed, then new ones; waiting or not. */
		assert_int_equal(send_some(&f, 500, i ? 0 : MSG_DONTWAIT), 500);
		assert_all_arrives(&f);
	}
}

static void test_split_of_one_byte_is_reported(void **state)
{
	struct flow f = open_flow(state, 2);

	kernel.hidden = kernel.sndbuf - 10;
	assert_int_equal(send_some(&f, 1, MSG_DONTWAIT), 1);
	assert_true(output_pending(f.w->c));
	kernel.hidden = 0;
	assert_all_arrives(&f);
	assert_int_equal(f.in, 1);
}

/* A program that does not come back with the byte would lose it: say so. */
static void test_another_byte_than_the_owed_one(void **state)
{
	struct flow f = open_flow(state, 2);

	kernel.hidden = kernel.sndbuf - 500;
	assert_int_equal(send_some(&f, 1000, MSG_DONTWAIT), 999);
	kernel.hidden = 0;
	fetch(&f, SIZE_MAX);
	stream_fill(f.out, bytes, 1);
	bytes[0] ^= 1;
	assert_int_equal(wire_send(f.w, bytes, 1, MSG_DONTWAIT), -EPROTO);
	assert_non_null(strstr(f.w->c->error_text, "short send"));
}

static void test_blocking_sends_all(void **state)
{
	static const size_t sizes[] = {1, 16384, 16385, MOST};
	struct flow f = open_flow(state, 2);

	kernel.sndbuf = 10000;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		assert_int_equal(send_some(&f, sizes[i], 0), sizes[i]);
		assert_false(output_pending(f.w->c));
		open_all(&f);
	}
	assert_all_arrives(&f);
}

static bool never(void *arg)
{
	(void)arg;
	return false;
}

/* SO_SNDTIMEO: what was sealed is reported and sent later; then nothing is sealed. */
static void test_blocking_send_times_out(void **state)
{
	struct flow f = open_flow(state, 2);
	uint64_t sealed;
	ssize_t r;

	kernel.sndbuf = 10000;
	kernel.timeout_ms = 10;
	kernel.wait = never;
	r = send_some(&f, MOST, 0);
	assert_true(r > 0 && r < MOST);
	sealed = records_sealed(&f);
	assert_int_equal(send_some(&f, 100, 0), -EAGAIN);
	assert_int_equal(records_sealed(&f), sealed);
	kernel.wait = wire_wait;
	fetch(&f, SIZE_MAX);
	assert_int_equal(send_some(&f, MOST, 0), MOST);
	assert_all_arrives(&f);
}

/* A header and its body are one record. */
static void test_gathers_pieces_into_one_record(void **state)
{
	struct flow f = open_flow(state, 2);
	struct iovec iov[] = {{bytes, 5}, {NULL, 0}, {bytes + 5, 1000}, {bytes + 1005, 3}};
	uint64_t before = records_sealed(&f);
	struct cursor cur;

	stream_fill(0, bytes, 1008);
	assert_int_equal(cursor_init(&cur, iov, COUNT(iov)), 0);
	assert_int_equal(connection_send(f.w->c, KERNEL_FD, &cur, 0), 1008);
	assert_int_equal(records_sealed(&f), before + 1);
	f.out = 1008;
	assert_all_arrives(&f);
}

static void test_nothing_and_urgent(void **state)
{
	struct flow f = open_flow(state, 2);
	uint64_t before = records_sealed(&f);

	assert_int_equal(wire_send(f.w, NULL, 0, 0), 0);
	assert_int_equal(wire_send(f.w, "x", 1, MSG_OOB), -EOPNOTSUPP);
	assert_int_equal(records_sealed(&f), before);
}

static void test_wrong_states(void **state)
{
	struct flow f = open_flow(state, 2);

	f.w->c->write_closed = true;
	assert_int_equal(wire_send(f.w, "x", 1, 0), -EPIPE);
	f.w->c->write_closed = false;
	f.w->c->state = STATE_NEW;
	assert_int_equal(wire_send(f.w, "x", 1, 0), -EPIPE);
	f.w->c->state = STATE_LISTENING;
	assert_int_equal(wire_send(f.w, "x", 1, 0), -EPIPE);
	f.w->c->state = STATE_OPEN;
}

static const struct {
	const char *name;
	CMUnitTestFunction run;
} each_version[] = {
	{"a full socket stays full", test_full_socket_stays_full},
	{"EAGAIN has asked the kernel", test_eagain_has_asked_the_kernel},
	{"a split record owes a byte", test_split_record_owes_a_byte},
	{"the owed byte and more", test_owed_byte_and_more},
	{"a split record of one byte is reported", test_split_of_one_byte_is_reported},
	{"another byte than the owed one", test_another_byte_than_the_owed_one},
	{"waiting sends all", test_blocking_sends_all},
	{"SO_SNDTIMEO", test_blocking_send_times_out},
	{"pieces are gathered into one record", test_gathers_pieces_into_one_record},
	{"nothing, and urgent data", test_nothing_and_urgent},
	{"wrong states", test_wrong_states},
};

int main(void)
{
	static const int versions[] = {TLS_1_2, TLS_1_3};
	struct CMUnitTest tests[COUNT(versions) * (COUNT(each_version) + COUNT(rooms))];
	size_t n = 0;

	for (size_t v = 0; v < COUNT(versions); v++) {
		for (size_t i = 0; i < COUNT(rooms); i++)
			tests[n++] = versioned_case(versions[v], rooms[i].title, test_nonblocking,
						    &rooms[i]);
		for (size_t i = 0; i < COUNT(each_version); i++)
			tests[n++] = versioned_case(versions[v], each_version[i].name,
						    each_version[i].run, NULL);
	}
	for (size_t i = 0; i < n; i++)
		tests[i].teardown_func = wire_teardown;
	return cmocka_run_group_tests_name("send", tests, NULL, NULL);
}
