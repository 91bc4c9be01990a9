/* SPDX-License-Identifier: MIT */
/* The handshakes under way, with waits that fail and others in the way. */
#include "pending.h"
#include "handshake.h"
#include "inject.h"
#include "sets.h"
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000 };

/* One that a thread waits in, and another that is pending. */
static struct member own, other;

/* Not another thread's, as it is with the other tests. */
static void open_pending(struct member *m)
{
	member_open(m, STATE_HANDSHAKE);
	m->c->driving = 0;
	pending_add(m->c, m->fd, -1);
}

static int setup(void **state)
{
	int r = sets_setup(state);

	open_pending(&own);
	open_pending(&other);
	/* Only what is this process's is stepped from elsewhere. */
	assert_int_equal(connection_claim(other.c), 0);
	return r;
}

/* Without the lingerer, which would come and go beside the next case. */
static void close_both(void)
{
	own.c->state = other.c->state = STATE_NEW;
	member_close(&own);
	member_close(&other);
}

static int teardown(void **state)
{
	close_both();
	assert_false(pending_any());
	return sets_teardown(state);
}

static int wait_once(struct pending_wait *w, int64_t timeout_ms)
{
	int r;

	pending_wait_init(w, own.c, own.fd, POLLIN, connection_now_ms() + timeout_ms);
	assert_int_equal(own.c->driving, 1);
	assert_int_equal(w->n, 1);
	inject_here(true);
	r = pending_wait_op(w);
	inject_here(false);
	pending_wait_done(w);
	assert_int_equal(own.c->driving, 0);
	return r;
}

/* No reference is left, and nobody drives; the next wait has it all again. */
static void test_wait_fails(void **state)
{
	static const int errors[] = {EFAULT, EINTR, EINVAL, ENOMEM};
	struct pending_wait w;

	(void)state;
	for (size_t i = 0; i < COUNT(errors); i++) {
		assert_int_equal(write(other.other, "x", 1), 1);
		inject("poll", 1, errors[i]);
		assert_int_equal(wait_once(&w, PATIENCE_MS), -errors[i]);
		assert_int_equal(w.pfds[1].revents, 0);
		pending_wait_drop(&w);
		assert_int_equal(other.c->entry->refs, 1);
		assert_int_equal(wait_once(&w, PATIENCE_MS), 0);
		assert_int_equal(w.pfds[1].revents, POLLIN);
		assert_ptr_equal(w.entries[0]->object, other.c);
		fdtable_put(w.entries[0]);
	}
}

static void test_timeout(void **state)
{
	struct pending_wait w;

	(void)state;
	assert_int_equal(wait_once(&w, 0), -ETIMEDOUT);
	assert_int_equal(w.pfds[1].revents, 0);
	pending_wait_drop(&w);
	assert_int_equal(other.c->entry->refs, 1);
}

/* A thread has the lock when the time is over: somebody looks again, and soon. */
static void test_overdue_but_locked(void **state)
{
	int64_t look_ms, now_ms;

	(void)state;
	for (int later = 0; later < 2; later++) {
		pending_add(other.c, other.fd, connection_now_ms() - 1);
		pending_add(own.c, own.fd, later ? connection_now_ms() + PATIENCE_MS : -1);
		assert_int_equal(connection_lock(other.c), 0);
		look_ms = handshake_expire();
		now_ms = connection_now_ms();
		connection_unlock(other.c);
		assert_int_equal(other.c->state, STATE_HANDSHAKE);
		assert_true(look_ms >= 0 && look_ms <= now_ms + PENDING_TICK_MS);
	}
	/* Without it the handshake fails in time, and nobody has to look any more. */
	pending_add(own.c, own.fd, -1);
	handshake_expire();
	assert_int_equal(other.c->state, STATE_FAILED);
	assert_int_equal(other.c->error, -ETIMEDOUT);
	assert_int_equal(handshake_expire(), -1);
}

/* Its number is not its own any more: left alone, and looked at again. */
static void test_overdue_but_gone(void **state)
{
	struct entry *entry = fdtable_remove(other.fd);

	(void)state;
	pending_add(other.c, other.fd, connection_now_ms() - 1);
	assert_true(handshake_expire() >= 0);
	assert_int_equal(other.c->state, STATE_HANDSHAKE);
	assert_int_equal(fdtable_install(other.fd, entry, true), 0);
	fdtable_put(entry);
}

/* What a first session loads stays for all. */
static int setup_group(void **state)
{
	inject_start();
	assert_int_equal(setup(state), 0);
	pending_add(other.c, other.fd, 0);
	handshake_expire();
	close_both();
	return 0;
}

#define PENDING_CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PENDING_CASE(test_wait_fails),
		PENDING_CASE(test_timeout),
		PENDING_CASE(test_overdue_but_locked),
		PENDING_CASE(test_overdue_but_gone),
	};

	return cmocka_run_group_tests_name("pending", tests, setup_group, NULL);
}
