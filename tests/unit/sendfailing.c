/* SPDX-License-Identifier: MIT */
/* Real calls that fail under a send: its answer, and that nothing is sealed for no one. */
#include "output.h"
#include "stream.h"
#include "wire.h"

#include <errno.h>
#include <string.h>

enum { LENGTH = 40000 };

static uint8_t bytes[200000];

struct fail_row {
	const char *title, *call;
	unsigned int in;
	int error;
	int flags;
	ssize_t result; /* of a send of 40,000 bytes; 40000: it is not noticed */
};

static const struct fail_row rows[] = {
	{"send: interrupted", "send", 1, EINTR, MSG_DONTWAIT, 40000},
	{"send: EAGAIN though there is room", "send", 1, EAGAIN, MSG_DONTWAIT, 39999},
	{"send: reset", "send", 1, ECONNRESET, MSG_DONTWAIT, -ECONNRESET},
	{"send: broken pipe", "send", 1, EPIPE, MSG_DONTWAIT, -EPIPE},
	{"send: no buffers", "send", 1, ENOBUFS, MSG_DONTWAIT, -ENOBUFS},
	{"send: no memory", "send", 1, ENOMEM, MSG_DONTWAIT, -ENOMEM},
	{"waiting send: interrupted at once", "send", 1, EINTR, 0, 40000},
	{"waiting send: reset", "send", 1, ECONNRESET, 0, -ECONNRESET},
	{"waiting send: broken pipe", "send", 1, EPIPE, 0, -EPIPE},
	{"waiting send: no buffers", "send", 1, ENOBUFS, 0, -ENOBUFS},
	{"SO_MEMINFO is not there", "getsockopt", 1, ENOPROTOOPT, MSG_DONTWAIT, 40000},
	{"TCP_NOTSENT_LOWAT is not there", "getsockopt", 2, ENOPROTOOPT, MSG_DONTWAIT, 40000},
	{"F_GETFL fails", "fcntl64", 1, EBADF, 0, 40000},
};

static struct wire *open_wire(void **state)
{
	stream_fill(0, bytes, sizeof(bytes));
	return wire_open(((const struct versioned *)*state)->version, false, 1);
}

/* How many bytes of the stream the peer can open, from its start. */
static size_t arrived(struct wire *w)
{
	static uint8_t got[sizeof(bytes)];
	size_t done = 0;

	wire_fetch(w, SIZE_MAX);
	while (end_receive(&w->peer) > 0)
		done += engine_read(w->peer.engine, got + done, sizeof(got) - done);
	assert_int_equal(stream_mismatch(0, got, done), done);
	return done;
}

static void test_failing_send(void **state)
{
	const struct fail_row *row = ((const struct versioned *)*state)->row;
	struct wire *w = open_wire(state);
	bool lost;
	ssize_t r;

	kernel_fail(row->call, row->in, row->error);
	/* The kernel does not forget these two. */
	kernel.failing_on = row->error == ECONNRESET || row->error == EPIPE;
	r = wire_send(w, bytes, LENGTH, row->flags);
	assert_int_equal(r, row->result);
	lost = r < 0 && r != -EAGAIN;
	if (!lost)
		return;
	/* Sealed records are gone, and with them the session: nothing more may be taken. */
	assert_int_equal(arrived(w), 0);
	r = wire_send(w, bytes, LENGTH, row->flags);
	if (r >= 0)
		fail_msg("after %s a send reports %zd bytes, which the peer cannot open",
			 strerrorname_np(row->error), r);
}

static void test_interrupted_while_full(void **state)
{
	struct wire *w = open_wire(state);
	size_t left;
	ssize_t r;

	kernel.sndbuf = 10000;
	kernel_fail("poll", 2, EINTR);
	r = wire_send(w, bytes, sizeof(bytes), 0);
	assert_true(r > 0 && (size_t)r < sizeof(bytes));
	assert_true(output_pending(w->c));
	left = sizeof(bytes) - (size_t)r;
	assert_int_equal(wire_send(w, bytes + r, left, 0), left);
	assert_int_equal(arrived(w), sizeof(bytes));
}

/* What was accepted before: the reader sends it on while it waits. */
static void test_receive_sends_the_rest(void **state)
{
	struct wire *w = open_wire(state);
	uint8_t answer;

	kernel.hidden = kernel.sndbuf - 10;
	assert_int_equal(wire_send(w, bytes, 1, MSG_DONTWAIT), 1);
	assert_true(output_pending(w->c));
	kernel.hidden = 0;
	end_send(&w->peer, "y", 1);
	assert_int_equal(wire_receive(w, &answer, 1, 0), 1);
	if (output_pending(w->c))
		assert_int_equal(wire_receive(w, &answer, 1, MSG_DONTWAIT), -EAGAIN);
	assert_int_equal(arrived(w), 1);
}

static const struct {
	const char *name;
	CMUnitTestFunction run;
} each_version[] = {
	{"a waiting send is interrupted in the middle", test_interrupted_while_full},
	{"receive sends what is left", test_receive_sends_the_rest},
};

int main(void)
{
	static const int versions[] = {TLS_1_2, TLS_1_3};
	struct CMUnitTest tests[COUNT(versions) * (COUNT(each_version) + COUNT(rows))];
	size_t n = 0;

	for (size_t v = 0; v < COUNT(versions); v++) {
		for (size_t i = 0; i < COUNT(rows); i++)
			tests[n++] = versioned_case(versions[v], rows[i].title, test_failing_send,
						    &rows[i]);
		for (size_t i = 0; i < COUNT(each_version); i++)
			tests[n++] = versioned_case(versions[v], each_version[i].name,
						    each_version[i].run, NULL);
	}
	for (size_t i = 0; i < n; i++)
		tests[i].teardown_func = wire_teardown;
	return cmocka_run_group_tests_name("send: failing calls", tests, NULL, NULL);
}
