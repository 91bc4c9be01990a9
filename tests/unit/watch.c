/* SPDX-License-Identifier: MIT */
/* Registrations in epoll sets, with the calls and the allocations that they need failing. */
#include "watch.h"
#include "alloc.h"
#include "inject.h"
#include "sets.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { OLD = 7, NEW = 8 };

#define HANDSHAKE ((uint32_t)EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)
#define ONE_SHOT  ((uint32_t)EPOLLONESHOT)

static const int ctl_errors[] = {EBADF, EEXIST, EINVAL, ELOOP, ENOENT, ENOMEM, ENOSPC, EPERM};

static const enum connection_state kinds[] = {STATE_NEW, STATE_LISTENING, STATE_HANDSHAKE};

static int epfd;

static void open_set(struct member *m, enum connection_state state)
{
	epfd = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));
	member_open(m, state);
}

static void close_set(struct member *m)
{
	member_close(m);
	close(epfd);
}

/* What the kernel is to have of a registration that asks for EPOLLIN. */
static uint32_t in_kernel(const struct member *m)
{
	return connection_busy(m->c) ? HANDSHAKE : EPOLLIN;
}

/* The kernel says no: its errno, and all is as before. */
static void test_refused(void **state)
{
	enum connection_state kind = *(const enum connection_state *)*state;
	struct epoll_event event;
	struct member m;

	open_set(&m, kind);
	for (size_t i = 0; i < COUNT(ctl_errors); i++) {
		inject("epoll_ctl", 1, ctl_errors[i]);
		assert_int_equal(member_ctl(&m, epfd, EPOLL_CTL_ADD, EPOLLIN, NEW), -ctl_errors[i]);
		assert_false(set_has(epfd, m.fd, &event));
		assert_false(watch_any());
	}
	assert_int_equal(member_ctl(&m, epfd, EPOLL_CTL_ADD, EPOLLIN, OLD), 0);
	for (size_t i = 0; i < COUNT(ctl_errors); i++) {
		inject("epoll_ctl", 1, ctl_errors[i]);
		assert_int_equal(member_ctl(&m, epfd, EPOLL_CTL_MOD, EPOLLOUT, NEW),
				 -ctl_errors[i]);
		set_check(epfd, m.fd, in_kernel(&m), OLD);
		assert_int_equal(set_known(epfd, OLD), 1);
		assert_int_equal(set_known(epfd, NEW), 0);
	}
	member_done(&m);
	set_check(epfd, m.fd, EPOLLIN, OLD);
	close_set(&m);
}

/* Without memory nothing is asked of the kernel. */
static void test_no_memory(void **state)
{
	enum connection_state kind = *(const enum connection_state *)*state;
	struct epoll_event event;
	struct member m;
	unsigned long at = 0;
	int r = -ENOMEM;

	open_set(&m, kind);
	while (r != 0) {
		alloc_start(++at);
		r = member_ctl(&m, epfd, EPOLL_CTL_ADD, EPOLLIN, OLD);
		alloc_stop();
		assert_true(r == 0 || r == -ENOMEM);
		assert_int_equal(set_has(epfd, m.fd, &event), r == 0);
	}
	assert_true(at > 2);
	for (at = 0, r = -ENOMEM; r != 0;) {
		set_check(epfd, m.fd, in_kernel(&m), OLD);
		assert_int_equal(set_known(epfd, OLD), 1);
		assert_int_equal(set_known(epfd, NEW), 0);
		alloc_start(++at);
		r = member_ctl(&m, epfd, EPOLL_CTL_MOD, EPOLLIN, NEW);
		alloc_stop();
		assert_true(r == 0 || r == -ENOMEM);
	}
	assert_true(at > 2);
	assert_int_equal(set_known(epfd, OLD), 0);
	set_check(epfd, m.fd, in_kernel(&m), NEW);
	close_set(&m);
}

/* A registration that the kernel has not, for any of the reasons that it gives. */
static void test_deleted(void **state)
{
	static const int errors[] = {0, EBADF, EINVAL, ENOENT, EPERM};
	struct member m;

	(void)state;
	for (size_t i = 0; i < COUNT(errors); i++) {
		open_set(&m, STATE_HANDSHAKE);
		assert_int_equal(member_ctl(&m, epfd, EPOLL_CTL_ADD, EPOLLIN, OLD), 0);
		inject("epoll_ctl", 1, errors[i]);
		assert_int_equal(member_ctl(&m, epfd, EPOLL_CTL_DEL, 0, 0), -errors[i]);
		assert_false(watch_any());
		member_done(&m);
		close_set(&m);
	}
}

/* The end of a handshake finds the set closed, another file's, or without the socket. */
static void test_end_in_vain(void **state)
{
	static const int errors[] = {EBADF, EINVAL, ENOENT, EPERM};
	struct epoll_event event;
	struct member m;
	int other;

	(void)state;
	for (size_t i = 0; i < COUNT(errors); i++) {
		open_set(&m, STATE_HANDSHAKE);
		other = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));
		assert_int_equal(member_ctl(&m, epfd, EPOLL_CTL_ADD, EPOLLIN, OLD), 0);
		assert_int_equal(member_ctl(&m, other, EPOLL_CTL_ADD, EPOLLOUT, NEW), 0);
		/* The last one is told first. */
		inject("epoll_ctl", 1, errors[i]);
		inject_here(true);
		member_done(&m);
		inject_here(false);
		assert_true(inject_done());
		set_check(epfd, m.fd, EPOLLIN, OLD);
		assert_int_equal(set_known(epfd, OLD), 1);
		assert_int_equal(set_known(other, NEW), 0);
		assert_true(set_has(other, m.fd, &event));
		close(other);
		close_set(&m);
	}
}

static void begin(struct member *m)
{
	assert_int_equal(connection_lock(m->c), 0);
	m->c->state = STATE_HANDSHAKE;
	m->c->driving = 1;
	inject_here(true);
	watch_begin(m->c);
	inject_here(false);
	connection_unlock(m->c);
}

/* Each kind of registration goes into the handshake and comes out of it as it was. */
static void test_there_and_back(void **state)
{
	static const uint32_t masks[] = {
		EPOLLIN,
		EPOLLOUT | EPOLLET,
		EPOLLIN | ONE_SHOT,
		EPOLLIN | EPOLLOUT | ONE_SHOT,
		0,
		EPOLLIN | EPOLLOUT | EPOLLET | EPOLLEXCLUSIVE,
	};
	struct member m;

	(void)state;
	for (size_t i = 0; i < COUNT(masks); i++) {
		uint32_t during = masks[i] & ONE_SHOT ? EPOLLIN | ONE_SHOT : HANDSHAKE;

		open_set(&m, STATE_NEW);
		assert_int_equal(member_ctl(&m, epfd, EPOLL_CTL_ADD, masks[i], OLD), 0);
		for (int again = 0; again < 2; again++) {
			begin(&m);
			set_check(epfd, m.fd, during, OLD);
			member_done(&m);
			set_check(epfd, m.fd, masks[i] & ~(uint32_t)EPOLLEXCLUSIVE, OLD);
		}
		assert_int_equal(member_ctl(&m, epfd, EPOLL_CTL_ADD, EPOLLIN, NEW), -EEXIST);
		close_set(&m);
	}
}

/* It is never deleted to be added again: between the two it could be lost. */
static void test_exclusive(void **state)
{
	const uint32_t mask = EPOLLIN | EPOLLEXCLUSIVE;
	struct member m;

	(void)state;
	open_set(&m, STATE_NEW);
	assert_int_equal(member_ctl(&m, epfd, EPOLL_CTL_ADD, mask, OLD), 0);
	inject("epoll_ctl", 2, ENOSPC);
	begin(&m);
	assert_false(inject_done());
	inject("epoll_ctl", 2, ENOSPC);
	inject_here(true);
	member_done(&m);
	inject_here(false);
	assert_false(inject_done());
	inject("epoll_ctl", 1, 0);
	set_check(epfd, m.fd, EPOLLIN, OLD);
	close_set(&m);
	/* Where no handshake comes the kernel knows that it is exclusive. */
	open_set(&m, STATE_LISTENING);
	assert_int_equal(member_ctl(&m, epfd, EPOLL_CTL_ADD, mask, OLD), 0);
	set_check(epfd, m.fd, mask, OLD);
	assert_int_equal(member_ctl(&m, epfd, EPOLL_CTL_MOD, EPOLLIN, OLD), -EINVAL);
	assert_int_equal(member_ctl(&m, epfd, EPOLL_CTL_MOD, mask, OLD), -EINVAL);
	set_check(epfd, m.fd, mask, OLD);
	close_set(&m);
}

/* What EPOLLONESHOT was used up for stays so until the program asks again. */
static void test_one_shot(void **state)
{
	const uint32_t mask = EPOLLOUT | ONE_SHOT;
	struct epoll_event event;
	struct member m;

	(void)state;
	open_set(&m, STATE_NEW);
	assert_int_equal(member_ctl(&m, epfd, EPOLL_CTL_ADD, mask, OLD), 0);
	for (int again = 0; again < 2; again++) {
		/* The first event is not shown: the same as before. */
		assert_int_equal(epoll_wait(epfd, &event, 1, 0), 1);
		assert_int_equal(watch_take(m.c, epfd, m.fd), WATCH_SHOT_FIRST);
		watch_put_back(m.c, epfd, m.fd, true);
		assert_int_equal(epoll_wait(epfd, &event, 1, 0), 1);
		/* It is shown. No further one is its own, and nothing is asked of the kernel. */
		assert_int_equal(watch_take(m.c, epfd, m.fd), WATCH_SHOT_FIRST);
		assert_int_equal(watch_take(m.c, epfd, m.fd), WATCH_SHOT_OTHERS);
		begin(&m);
		member_done(&m);
		assert_int_equal(epoll_wait(epfd, &event, 1, 0), 0);
		assert_int_equal(member_ctl(&m, epfd, EPOLL_CTL_MOD, mask, OLD), 0);
		set_check(epfd, m.fd, mask, OLD);
	}
	/* A thread has one when the end of a handshake asks for another. */
	begin(&m);
	member_done(&m);
	assert_int_equal(watch_take(m.c, epfd, m.fd), WATCH_SHOT_FIRST);
	assert_int_equal(watch_take(m.c, epfd, m.fd), WATCH_SHOT_LATE);
	close_set(&m);
}

static void number_goes(const struct member *m, int fd, bool last)
{
	assert_int_equal(connection_lock(m->c), 0);
	inject_here(true);
	watch_number_goes(m->c, fd, last);
	inject_here(false);
	connection_unlock(m->c);
}

/* A row: what a number that goes leaves of its registration in the kernel. */
struct going {
	const char *title;
	bool last, forked, modified;
	int error; /* of the call that is made for it */
	uint32_t left;
};

static const struct going goings[] = {
	{"the last number", .last = true},
	{"the last number, in vain", .last = true, .error = ENOENT, .left = HANDSHAKE},
	{"the last number, of a closed set", .last = true, .error = EBADF, .left = HANDSHAKE},
	{"one of several", .left = EPOLLOUT},
	{"one of several, in vain", .error = ENOENT, .left = HANDSHAKE},
	{"the last number, after a fork", .last = true, .forked = true, .left = HANDSHAKE},
	{"one of several, after a fork", .forked = true, .left = HANDSHAKE},
	{"the last one, modified after a fork", .last = true, .forked = true, .modified = true,
	 .left = HANDSHAKE},
};

static void test_number_goes(void **state)
{
	const struct going *row = *state;
	struct epoll_event event;
	struct member m;

	open_set(&m, STATE_HANDSHAKE);
	assert_int_equal(member_ctl(&m, epfd, EPOLL_CTL_ADD, EPOLLOUT, OLD), 0);
	if (row->forked)
		watch_fork_child(m.c);
	if (row->modified)
		assert_int_equal(member_ctl(&m, epfd, EPOLL_CTL_MOD, EPOLLOUT, OLD), 0);
	inject("epoll_ctl", 1, row->error);
	number_goes(&m, m.fd, row->last);
	if (row->left)
		set_check(epfd, m.fd, row->left, OLD);
	else
		assert_false(set_has(epfd, m.fd, &event));
	assert_false(watch_any());
	close_set(&m);
}

/* All that a set has, of several sockets and with shared data, and nothing of another. */
static void test_forget_set(void **state)
{
	struct member m[3];
	int other = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));

	(void)state;
	epfd = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));
	for (size_t i = 0; i < COUNT(m); i++) {
		member_open(&m[i], STATE_LISTENING);
		assert_int_equal(member_ctl(&m[i], epfd, EPOLL_CTL_ADD, EPOLLIN, OLD + i / 2), 0);
		assert_int_equal(member_ctl(&m[i], other, EPOLL_CTL_ADD, EPOLLIN, OLD), 0);
	}
	assert_int_equal(set_known(epfd, OLD), 2);
	watch_forget_set(epfd);
	assert_int_equal(set_known(epfd, OLD) + set_known(epfd, OLD + 1), 0);
	assert_int_equal(set_known(other, OLD), 3);
	watch_forget_set(epfd);
	close(epfd);
	close(other);
	/* The sets are closed: their numbers mean nothing any more. */
	for (size_t i = 0; i < COUNT(m); i++)
		member_close(&m[i]);
}

/* Registrations with the same data go and come in every order. */
static void test_same_data(void **state)
{
	static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
					{1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	struct member m[3];

	(void)state;
	epfd = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));
	for (size_t i = 0; i < COUNT(m); i++)
		member_open(&m[i], STATE_LISTENING);
	for (size_t i = 0; i < COUNT(orders); i++) {
		for (size_t j = 0; j < COUNT(m); j++)
			assert_int_equal(member_ctl(&m[j], epfd, EPOLL_CTL_ADD, EPOLLIN, OLD), 0);
		for (size_t j = 0; j < COUNT(m); j++) {
			const struct member *goes = &m[orders[i][j]];

			/* To other data and back: it is another's successor then. */
			assert_int_equal(member_ctl(goes, epfd, EPOLL_CTL_MOD, 0, NEW), 0);
			assert_int_equal(set_known(epfd, OLD), 2 - (int)j);
			assert_int_equal(member_ctl(goes, epfd, EPOLL_CTL_MOD, 0, OLD), 0);
			assert_int_equal(set_known(epfd, OLD), 3 - (int)j);
			assert_int_equal(member_ctl(goes, epfd, EPOLL_CTL_DEL, 0, 0), 0);
			assert_int_equal(set_known(epfd, OLD), 2 - (int)j);
		}
		assert_false(watch_any());
	}
	for (size_t i = 0; i < COUNT(m); i++)
		member_close(&m[i]);
	close(epfd);
}

static int setup_group(void **state)
{
	(void)state;
	inject_start();
	return 0;
}

int main(void)
{
	static const char *const names[] = {"new", "listening", "in a handshake"};
	static char titles[2 * COUNT(kinds)][64];
	struct CMUnitTest tests[2 * COUNT(kinds) + COUNT(goings) + 7] = {
		SETS_CASE(test_deleted),   SETS_CASE(test_end_in_vain),
		SETS_CASE(test_exclusive), SETS_CASE(test_there_and_back),
		SETS_CASE(test_one_shot),  SETS_CASE(test_forget_set),
		SETS_CASE(test_same_data),
	};
	size_t n = 7;

	for (size_t i = 0; i < COUNT(goings); i++)
		tests[n++] = SETS_ROW(goings[i].title, test_number_goes, goings[i]);
	for (size_t i = 0; i < COUNT(kinds); i++) {
		snprintf(titles[2 * i], sizeof(titles[0]), "%s: the kernel refuses", names[i]);
		snprintf(titles[2 * i + 1], sizeof(titles[0]), "%s: no memory", names[i]);
		tests[n++] = SETS_ROW(titles[2 * i], test_refused, kinds[i]);
		tests[n++] = SETS_ROW(titles[2 * i + 1], test_no_memory, kinds[i]);
	}
	return cmocka_run_group_tests_name("watch", tests, setup_group, NULL);
}
