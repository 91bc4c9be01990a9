/* SPDX-License-Identifier: MIT */
/*
 * The life of a connection over TCP, with every allocation failing in turn, and
 * every real call with each errno that it may have.
 */
#include "alloc.h"
#include "inject.h"
#include "proc.h"
#include "tcp.h"
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

static const bool roles[] = {false, true};

static void count_allocations(bool inside)
{
	alloc_pause(!inside);
}

/* Says what was wrong with a run; all of them are told before the test fails. */
static unsigned int wrong;

__attribute__((format(printf, 1, 2))) static void complain(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vprint_message(format, ap);
	va_end(ap);
	wrong++;
}

static bool is_among(int error, const int *errors)
{
	while (*errors && *errors != error)
		errors++;
	return *errors != 0;
}

/* From one on, every step-th, until a run is over before it. Returns how many there are. */
static unsigned long fail_allocations(bool server, unsigned long first, unsigned long step,
				      const int *errors)
{
	unsigned long at = first, count;
	const char *failed;

	wrong = 0;
	tcp_in_library = count_allocations;
	do {
		int r;

		alloc_pause(true);
		alloc_start(at);
		r = tcp_run(server, &failed);
		count = alloc_stop();
		alloc_pause(false);
		if (r != 0 && !is_among(-r, errors))
			complain("# allocation %lu: %s says %s\n", at, failed, strerrorname_np(-r));
		if (count < at && r != 0)
			complain("# nothing failed, and %s says %s\n", failed, strerrorname_np(-r));
		at += step;
	} while (count >= at - step);
	tcp_check();
	assert_int_equal(wrong, 0);
	return count;
}

/*
 * Twice: credentials that were loaded and the buffers that a thread keeps stay for the
 * runs after, whose allocations have other numbers then, so that some are missed at
 * first. The second time there are 12 of a client, 21 of a server.
 */
static void test_our_allocations(void **state)
{
	static const int errors[] = {ENOMEM, 0};
	bool server = *(const bool *)*state;

	fail_allocations(server, 1, 1, errors);
	assert_in_range(fail_allocations(server, 1, 1, errors), server ? 20 : 12, 40);
}

/*
 * GnuTLS makes thousands: a part of them, another part with each seed. It has
 * other results than that of no memory for some; the rest of a MSG_WAITALL fails unseen,
 * and then the kernel knows the connection as ended.
 */
static void test_gnutls_allocations(void **state)
{
	enum { STEP = 37 };
	static const int errors[] = {ENOMEM, EPROTO, EINVAL, EBADMSG, ECONNRESET, ENOTCONN, 0};
	unsigned int first, n = chance_seeds(1, &first);

	alloc_include_gnutls(true);
	for (unsigned int seed = first; seed < first + n; seed++)
		fail_allocations(*(const bool *)*state, 1 + seed % STEP, STEP, errors);
	alloc_include_gnutls(false);
}

struct plausible {
	const char *call;
	int errors[7];
};

/* What the calls may say on a socket, or on a file of credentials. */
static const struct plausible plausible[] = {
	{"socket", {EMFILE, ENFILE, ENOBUFS, ENOMEM, EACCES}},
	{"bind", {EADDRINUSE, EACCES, ENOMEM}},
	{"listen", {EADDRINUSE, EOPNOTSUPP}},
	{"connect", {ECONNREFUSED, ENETUNREACH, ETIMEDOUT, EINTR, EADDRNOTAVAIL, ECONNRESET}},
	{"accept4", {EMFILE, ENFILE, ENOMEM, ECONNABORTED, EINTR, EAGAIN}},
	{"shutdown", {ENOTCONN}},
	{"close", {EINTR, EIO}},
	{"getsockopt", {ENOPROTOOPT, ENOBUFS}},
	{"setsockopt", {ENOPROTOOPT, ENOMEM, EINVAL}},
	{"recv", {ECONNRESET, EINTR, EAGAIN, ENOMEM, ETIMEDOUT}},
	{"recvmsg", {ECONNRESET, EINTR, EAGAIN, ENOMEM, ETIMEDOUT}},
	{"send", {ECONNRESET, EPIPE, EINTR, EAGAIN, ENOBUFS}},
	{"read", {EIO, EINTR, EISDIR}},
	{"poll", {EINTR, ENOMEM}},
	{"fcntl64", {EMFILE, EBADF}},
	{"ioctl", {ENOTTY}},
};

/* Returns false when a run makes fewer such calls. */
static bool fail_call(bool server, const char *name, unsigned int in, int error)
{
	const char *failed;
	const int meanings[] = {EPROTO, ECONNRESET, EPIPE, ENOMEM, ETIMEDOUT, ENOTCONN, error, 0};
	bool done;
	int r;

	inject(name, in, error);
	r = tcp_run(server, &failed);
	done = inject_done();
	/* The failure itself, or what it means for TLS. */
	if (r != 0 && !is_among(-r, done ? meanings : meanings + COUNT(meanings) - 1))
		complain("# %s number %u fails with %s: %s says %s\n", name, in,
			 strerrorname_np(error), failed, strerrorname_np(-r));
	return done;
}

static void test_calls(void **state)
{
	bool server = *(const bool *)*state;
	unsigned int failures = 0;

	tcp_in_library = inject_here;
	wrong = 0;
	for (size_t row = 0; row < COUNT(plausible); row++)
		for (const int *error = plausible[row].errors; *error; error++)
			for (unsigned int in = 1;
			     fail_call(server, plausible[row].call, in, *error);)
				failures += ++in > 1;
	tcp_check();
	assert_true(failures > 50);
	assert_int_equal(wrong, 0);
}

/* Descriptors: the lingerer lets its own go a second after the last connection. */
static int teardown(void **state)
{
	int64_t deadline = test_now_ms() + 10000;

	while (unit_descriptors_left() && test_now_ms() < deadline)
		poll(NULL, 0, 10);
	return unit_teardown(state);
}

static int setup_group(void **state)
{
	(void)state;
	tcp_setup();
	inject_start();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_ROW("client: every allocation of ours", test_our_allocations, roles[0]),
		UNIT_ROW("server: every allocation of ours", test_our_allocations, roles[1]),
		UNIT_ROW("client: every real call", test_calls, roles[0]),
		UNIT_ROW("server: every real call", test_calls, roles[1]),
		UNIT_ROW("client: allocations of GnuTLS's", test_gnutls_allocations, roles[0]),
		UNIT_ROW("server: allocations of GnuTLS's", test_gnutls_allocations, roles[1]),
	};
	struct CMUnitTest all[COUNT(tests)];

	memcpy(all, tests, sizeof(tests));
	for (size_t i = 0; i < COUNT(all); i++)
		all[i].teardown_func = teardown;
	return cmocka_run_group_tests_name("failing", all, setup_group, NULL);
}
