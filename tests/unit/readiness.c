/* SPDX-License-Identifier: MIT */
/* poll and select, with the calls and the allocations that they need failing. */
#include "readiness.h"
#include "alloc.h"
#include "handlers.h"
#include "inject.h"
#include "libc.h"
#include "selects.h"
#include "sets.h"
#include "signals.h"
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE_S = 10, UNTOUCHED = 0x77, PLAIN = 0, TLS = 1 };

static const int errors[] = {EFAULT, EINTR, EINVAL, ENOMEM};

/* A plain socket and one of ours. */
static struct member members[2];
static struct pollfd fds[2];

static int setup(void **state)
{
	int r = sets_setup(state);

	for (int i = 0; i < 2; i++)
		member_open(&members[i], STATE_LISTENING);
	fds[PLAIN] = (struct pollfd){members[PLAIN].other, POLLIN, UNTOUCHED};
	fds[TLS] = (struct pollfd){members[TLS].fd, POLLIN, UNTOUCHED};
	return r;
}

static int teardown(void **state)
{
	for (int i = 0; i < 2; i++)
		member_close(&members[i]);
	return sets_teardown(state);
}

static int (*ppoll_before)(struct pollfd *asked, nfds_t n, const struct timespec *timeout,
			   const sigset_t *mask);

static int ppoll_and_signal(struct pollfd *asked, nfds_t n, const struct timespec *timeout,
			    const sigset_t *mask)
{
	int ready = ppoll_before(asked, n, timeout, mask);

	raise(SIGUSR1);
	return ready;
}

static void handle(int number)
{
	(void)number;
}

static int wait_for(time_t seconds)
{
	const struct timespec timeout = {.tv_sec = seconds};
	int n;

	inject_here(true);
	n = readiness_poll(fds, COUNT(fds), &timeout, NULL);
	inject_here(false);
	return n;
}

static void make_readable(void)
{
	assert_int_equal(write(members[TLS].other, "x", 1), 1);
	assert_int_equal(write(members[PLAIN].fd, "x", 1), 1);
}

/* All is there when it is asked again. */
static void check_ready(void)
{
	assert_int_equal(wait_for(0), 2);
	assert_int_equal(fds[PLAIN].revents, POLLIN);
	assert_int_equal(fds[TLS].revents, POLLIN);
	assert_int_equal(fds[TLS].events, POLLIN);
}

/* A handler that runs when a handshake is looked at ends the wait, too. */
static void test_signal_beside_handshake(void **state)
{
	struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};

	(void)state;
	signals_begin();
	assert_ok(handlers_sigaction(SIGUSR1, &action, NULL));
	member_close(&members[TLS]);
	member_open(&members[TLS], STATE_HANDSHAKE);
	fds[TLS].fd = members[TLS].fd;
	ppoll_before = libc.ppoll;
	libc.ppoll = ppoll_and_signal;
	assert_int_equal(wait_for(PATIENCE_S), -EINTR);
	libc.ppoll = ppoll_before;
	assert_int_equal(fds[PLAIN].revents, 0);
	assert_int_equal(fds[TLS].revents, 0);
	member_done(&members[TLS]);
	make_readable();
	check_ready();
	action.sa_handler = SIG_DFL;
	assert_ok(handlers_sigaction(SIGUSR1, &action, NULL));
}

/* As the kernel: an interrupted poll says that nothing is ready. */
static void test_poll_fails(void **state)
{
	(void)state;
	make_readable();
	for (size_t i = 0; i < COUNT(errors); i++) {
		short left = errors[i] == EINTR ? 0 : UNTOUCHED;

		fds[PLAIN].revents = fds[TLS].revents = UNTOUCHED;
		inject("ppoll", 1, errors[i]);
		assert_int_equal(wait_for(PATIENCE_S), -errors[i]);
		assert_int_equal(fds[PLAIN].revents, left);
		assert_int_equal(fds[TLS].revents, left);
		check_ready();
	}
}

/* Nobody is said to drive it any more, but who did before. */
static void test_poll_fails_in_handshake(void **state)
{
	struct connection *c = members[TLS].c;

	(void)state;
	member_fill(&members[TLS]);
	for (size_t i = 0; i < COUNT(errors); i++)
		for (int others = 0; others < 2; others++) {
			c->state = STATE_CONNECTING;
			c->driving = others;
			inject("ppoll", 1, errors[i]);
			assert_int_equal(wait_for(PATIENCE_S), -errors[i]);
			assert_int_equal(c->driving, others);
			assert_int_equal(c->state, STATE_CONNECTING);
		}
	c->driving = 0;
	c->state = STATE_LISTENING;
	make_readable();
	check_ready();
}

static void test_poll_no_memory(void **state)
{
	unsigned long at = 0;
	int r = -ENOMEM;

	(void)state;
	make_readable();
	while (r == -ENOMEM) {
		fds[PLAIN].revents = fds[TLS].revents = UNTOUCHED;
		alloc_start(++at);
		r = wait_for(PATIENCE_S);
		alloc_stop();
		if (r == -ENOMEM)
			assert_int_equal(fds[TLS].revents, UNTOUCHED);
	}
	assert_int_equal(at, 3);
	assert_int_equal(r, 2);
}

/* Another thread closes the number, and another file gets it, during the wait. */
static int (*real_ppoll)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);

static int ppoll_and_reuse(struct pollfd *asked, nfds_t n, const struct timespec *timeout,
			   const sigset_t *mask)
{
	int r;

	member_empty(&members[TLS]);
	r = real_ppoll(asked, n, timeout, mask);
	assert_int_equal(asked[TLS].revents, POLLOUT);
	fdtable_put(fdtable_remove(members[TLS].fd));
	return r;
}

/* What its handshake waited for was not asked for by the program. */
static void test_number_goes(void **state)
{
	struct connection *c = members[TLS].c;

	(void)state;
	c->state = STATE_CONNECTING;
	member_fill(&members[TLS]);
	real_ppoll = libc.ppoll;
	libc.ppoll = ppoll_and_reuse;
	assert_int_equal(wait_for(0), 0);
	libc.ppoll = real_ppoll;
	assert_int_equal(fds[TLS].revents, 0);
	close(members[TLS].fd);
	close(members[TLS].other);
	member_open(&members[TLS], STATE_LISTENING);
}

struct sets {
	fd_set read, write;
	struct timespec left;
};

static void ask(struct sets *s)
{
	FD_ZERO(&s->read);
	FD_ZERO(&s->write);
	for (int i = 0; i < 2; i++)
		FD_SET(fds[i].fd, &s->read);
	FD_SET(fds[TLS].fd, &s->write);
	s->left = (struct timespec){.tv_sec = PATIENCE_S};
}

static int choose(struct sets *s)
{
	const struct selects asked = {FD_SETSIZE, &s->read, &s->write, NULL};
	int n;

	inject_here(true);
	n = selects_select(&asked, &s->left, NULL);
	inject_here(false);
	return n;
}

/* The sets stay as they were, and are right the next time. */
static void check_untouched(const struct sets *s)
{
	struct sets as_asked;

	ask(&as_asked);
	assert_memory_equal(&s->read, &as_asked.read, sizeof(s->read));
	assert_memory_equal(&s->write, &as_asked.write, sizeof(s->write));
}

static void test_select_fails(void **state)
{
	struct sets s;

	(void)state;
	make_readable();
	for (size_t i = 0; i < COUNT(errors); i++) {
		ask(&s);
		inject("ppoll", 1, errors[i]);
		assert_int_equal(choose(&s), -errors[i]);
		check_untouched(&s);
		assert_int_equal(choose(&s), 3);
		check_untouched(&s);
	}
}

/* An end that is not asked for is not shown, and polled no more: the next poll fails. */
static void test_second_poll_fails(void **state)
{
	struct sets s;

	(void)state;
	close(members[TLS].other);
	members[TLS].other = -1;
	for (size_t i = 0; i < COUNT(errors); i++) {
		const struct selects asked = {FD_SETSIZE, NULL, NULL, &s.write};

		ask(&s);
		inject("ppoll", 2, errors[i]);
		inject_here(true);
		assert_int_equal(selects_select(&asked, &s.left, NULL), -errors[i]);
		inject_here(false);
		check_untouched(&s);
	}
}

static void test_select_no_memory(void **state)
{
	unsigned long at = 0;
	int r = -ENOMEM;
	struct sets s;

	(void)state;
	make_readable();
	while (r == -ENOMEM) {
		ask(&s);
		alloc_start(++at);
		r = choose(&s);
		alloc_stop();
		check_untouched(&s);
	}
	assert_int_equal(at, 4);
	assert_int_equal(r, 3);
}

static int setup_group(void **state)
{
	(void)state;
	inject_start();
	return 0;
}

#define READINESS_CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		READINESS_CASE(test_poll_fails),
		READINESS_CASE(test_signal_beside_handshake),
		READINESS_CASE(test_poll_fails_in_handshake),
		READINESS_CASE(test_poll_no_memory),
		READINESS_CASE(test_number_goes),
		READINESS_CASE(test_select_fails),
		READINESS_CASE(test_second_poll_fails),
		READINESS_CASE(test_select_no_memory),
	};

	return cmocka_run_group_tests_name("readiness", tests, setup_group, NULL);
}
