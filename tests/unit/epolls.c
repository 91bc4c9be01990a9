/* SPDX-License-Identifier: MIT */
/* Waits on epoll sets: calls and allocations that fail, and whose an event is. */
#include "epolls.h"
#include "alloc.h"
#include "handlers.h"
#include "inject.h"
#include "libc.h"
#include "sets.h"
#include "signals.h"
#include "unit.h"
#include "watch.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { DATA = 7, PATIENCE_S = 10, MANY = 150 };

#define ONE_SHOT ((uint32_t)EPOLLONESHOT)

static int epfd;
static struct epoll_event events[2 * MANY];

static int setup(void **state)
{
	int r = sets_setup(state);

	epfd = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));
	return r;
}

static int teardown(void **state)
{
	close(epfd);
	return sets_teardown(state);
}

static void add(const struct member *m, uint32_t mask, uint64_t data)
{
	assert_int_equal(member_ctl(m, epfd, EPOLL_CTL_ADD, mask, data), 0);
}

/* A wait that may make failing calls; time 0 if it is not to wait. */
static int wait_for(time_t seconds, enum epolls_clock clock)
{
	const struct timespec timeout = {.tv_sec = seconds};
	int n;

	memset(events, 0, sizeof(events));
	inject_here(true);
	n = epolls_wait(epfd, events, COUNT(events), &timeout, NULL, clock);
	inject_here(false);
	return n;
}

static int look(void)
{
	return wait_for(0, EPOLLS_MILLISECONDS);
}

static void make_readable(const struct member *m)
{
	assert_int_equal(write(m->other, "x", 1), 1);
}

/* The kernel's errno, in the first wait and in one after an event that was not shown. */
static void test_wait_fails(void **state)
{
	static const int errors[] = {EBADF, EFAULT, EINTR, EINVAL, ENOSYS};
	static const char *const calls[] = {"epoll_pwait", "epoll_pwait2"};
	struct member m;

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(errors); i++)
		for (unsigned int in = 1; in <= 2; in++) {
			member_open(&m, STATE_HANDSHAKE);
			add(&m, EPOLLIN, DATA);
			make_readable(&m);
			inject(calls[i % 2], in, errors[i / 2]);
			assert_int_equal(wait_for(PATIENCE_S,
						  i % 2 ? EPOLLS_NANOSECONDS : EPOLLS_MILLISECONDS),
					 -errors[i / 2]);
			assert_true(inject_done());
			/* Nothing was lost. */
			member_done(&m);
			assert_int_equal(look(), 1);
			assert_int_equal(events[0].events, EPOLLIN);
			member_close(&m);
		}
}

static int (*epoll_pwait_before)(int set, struct epoll_event *found, int max, int timeout,
				 const sigset_t *mask);

static int epoll_pwait_and_signal(int set, struct epoll_event *found, int max, int timeout,
				  const sigset_t *mask)
{
	int n = epoll_pwait_before(set, found, max, timeout, mask);

	raise(SIGUSR1);
	return n;
}

static void handle(int number)
{
	(void)number;
}

/* A handler that runs beside an event that is not shown ends the wait, as it would alone. */
static void test_signal_beside_event(void **state)
{
	struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
	struct member m;

	(void)state;
	signals_begin();
	assert_ok(handlers_sigaction(SIGUSR1, &action, NULL));
	member_open(&m, STATE_HANDSHAKE);
	add(&m, EPOLLIN, DATA);
	make_readable(&m);
	epoll_pwait_before = libc.epoll_pwait;
	libc.epoll_pwait = epoll_pwait_and_signal;
	assert_int_equal(wait_for(PATIENCE_S, EPOLLS_MILLISECONDS), -EINTR);
	libc.epoll_pwait = epoll_pwait_before;
	member_done(&m);
	assert_int_equal(look(), 1);
	member_close(&m);
	action.sa_handler = SIG_DFL;
	assert_ok(handlers_sigaction(SIGUSR1, &action, NULL));
}

/* One socket by many numbers, of which some share their data. */
static void open_many(struct member *m, int *numbers, uint64_t (*data)(int i))
{
	member_open(m, STATE_HANDSHAKE);
	for (int i = 0; i < MANY; i++) {
		struct member copy = *m;

		numbers[i] = copy.fd = member_dup(m);
		add(&copy, EPOLLIN, data(i));
	}
	make_readable(m);
}

static void close_many(struct member *m, const int *numbers)
{
	struct member copy = *m;

	copy.other = -1;
	m->c->driving = 0;
	for (int i = 0; i < MANY; i++) {
		copy.fd = numbers[i];
		member_close(&copy);
	}
	member_close(m);
}

static uint64_t by_fours(int i)
{
	return (uint64_t)i / 4;
}

static uint64_t all_one(int i)
{
	(void)i;
	return DATA;
}

/* Without memory for all matches at once none of them is shown nevertheless. */
static void test_many_matches(void **state)
{
	unsigned long at = 0, count;
	int numbers[MANY];
	struct member m;

	(void)state;
	open_many(&m, numbers, by_fours);
	do {
		alloc_start(++at);
		assert_int_equal(look(), 0);
		count = alloc_stop();
		/* Edge-triggered meanwhile: each is to come again. */
		assert_int_equal(write(m.other, "x", 1), 1);
	} while (count >= at);
	assert_true(at > 1);
	member_done(&m);
	assert_int_equal(look(), MANY);
	close_many(&m, numbers);
}

/* More of one data than there is memory for: those that were not looked up may be meant. */
static void test_one_data(void **state)
{
	int numbers[MANY];
	struct member m, plain;

	(void)state;
	open_many(&m, numbers, all_one);
	assert_int_equal(look(), 0);
	make_readable(&m);
	alloc_start(1);
	assert_int_not_equal(look(), 0);
	assert_true(alloc_stop() > 0);
	close_many(&m, numbers);
	member_open(&plain, STATE_LISTENING);
	add(&plain, EPOLLIN, DATA);
	assert_int_equal(look(), 0);
	member_close(&plain);
}

/* Both have the data; the event of one must not use up the other's registration. */
static void test_shared_one_shot(void **state)
{
	struct member m[2];

	(void)state;
	for (int full = 0; full < 2; full++) {
		for (size_t i = 0; i < COUNT(m); i++)
			member_open(&m[i], STATE_LISTENING);
		member_fill(&m[full]);
		for (size_t i = 0; i < COUNT(m); i++)
			add(&m[i], EPOLLOUT | ONE_SHOT, DATA);
		assert_int_equal(look(), 1);
		assert_int_equal(look(), 0);
		member_empty(&m[full]);
		assert_int_equal(look(), 1);
		assert_int_equal(events[0].events, EPOLLOUT);
		assert_int_equal(look(), 0);
		for (size_t i = 0; i < COUNT(m); i++)
			member_close(&m[i]);
	}
}

/* The other one is in a handshake, or hung up: that is its own. */
static void test_shared_kinds(void **state)
{
	struct member busy, plain;

	(void)state;
	member_open(&busy, STATE_HANDSHAKE);
	member_open(&plain, STATE_LISTENING);
	add(&busy, EPOLLIN, DATA);
	add(&plain, EPOLLIN | ONE_SHOT, DATA);
	make_readable(&busy);
	assert_int_equal(look(), 0);
	make_readable(&plain);
	assert_int_equal(look(), 1);
	assert_int_equal(events[0].events, EPOLLIN);
	member_done(&busy);
	assert_int_equal(look(), 1);
	close(busy.other);
	busy.other = -1;
	assert_int_equal(member_ctl(&plain, epfd, EPOLL_CTL_MOD, EPOLLOUT | ONE_SHOT, DATA), 0);
	assert_true(look() > 0);
	assert_true(look() > 0);
	assert_int_equal(events[0].events, EPOLLIN | EPOLLHUP);
	assert_int_equal(member_ctl(&plain, epfd, EPOLL_CTL_MOD, EPOLLRDNORM | ONE_SHOT, DATA), 0);
	assert_int_equal(look(), 2);
	assert_int_equal(events[0].events | events[1].events, EPOLLIN | EPOLLRDNORM | EPOLLHUP);
	member_close(&busy);
	member_close(&plain);
}

static struct epoll_event late;

/* A thread that got an event long ago comes back with it; then there is nothing. */
static int come_late(int set, struct epoll_event *shown, int max, int timeout, const sigset_t *mask)
{
	int n = late.events != 0;

	(void)set;
	(void)max;
	(void)timeout;
	(void)mask;
	*shown = late;
	late.events = 0;
	return n;
}

static int look_late(uint32_t mask)
{
	int (*real)(int, struct epoll_event *, int, int, const sigset_t *) = libc.epoll_pwait;
	int n;

	late = (struct epoll_event){.events = mask, .data.u64 = DATA};
	libc.epoll_pwait = come_late;
	n = look();
	libc.epoll_pwait = real;
	return n;
}

/*
 * A thread has the event of a handshake while another ends it. What it finds then is its
 * own, or that of a thread which was shown the end; never both are shown it.
 */
static void test_late(void **state)
{
	struct member m;

	(void)state;
	member_open(&m, STATE_HANDSHAKE);
	add(&m, EPOLLOUT | ONE_SHOT, DATA);
	make_readable(&m);
	/* Nobody is shown it, and it comes again. */
	assert_int_equal(look(), 0);
	set_check(epfd, m.fd, EPOLLIN | ONE_SHOT, DATA);
	assert_int_equal(epoll_wait(epfd, &late, 1, 0), 1);
	member_done(&m);
	assert_int_equal(look(), 1);
	assert_int_equal(events[0].events, EPOLLOUT);
	assert_int_equal(look_late(EPOLLIN), 0);
	/* Another file's event with the same data is no longer kept back. */
	assert_int_equal(look_late(EPOLLIN), 1);
	member_close(&m);
}

/* Given up in the middle of a handshake: the kernel's registration goes with the number. */
static void test_closed_in_handshake(void **state)
{
	static const int errors[] = {0, EBADF, ENOENT, EINVAL};
	struct member m;

	(void)state;
	for (size_t i = 0; i < COUNT(errors); i++) {
		member_open(&m, STATE_HANDSHAKE);
		add(&m, EPOLLIN, DATA);
		make_readable(&m);
		inject("epoll_ctl", 1, errors[i]);
		inject_here(true);
		member_close(&m);
		inject_here(false);
		assert_false(watch_any());
		assert_int_equal(look(), 0);
	}
}

static int setup_group(void **state)
{
	(void)state;
	inject_start();
	return 0;
}

#define EPOLLS_CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EPOLLS_CASE(test_wait_fails),	EPOLLS_CASE(test_many_matches),
		EPOLLS_CASE(test_one_data),	EPOLLS_CASE(test_shared_one_shot),
		EPOLLS_CASE(test_shared_kinds), EPOLLS_CASE(test_closed_in_handshake),
		EPOLLS_CASE(test_late),		EPOLLS_CASE(test_signal_beside_event),
	};

	return cmocka_run_group_tests_name("epolls", tests, setup_group, NULL);
}
