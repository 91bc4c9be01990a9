/* SPDX-License-Identifier: MIT */
#include "linger.h"

#include "fdtable.h"
#include "guard.h"
#include "libc.h"
#include "lingeritem.h"
#include "owner.h"
#include "signals.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
	LINGER_MS = 30000,
	TICK_MS = 50,	  /* how often what has nothing to send is looked at */
	IDLE_MS = 250,	  /* how long the thread waits for more */
	SENT_SHARE = 4,	  /* of the numbers: what waits for the peer's end alone */
	UNSENT_SHARE = 2, /* with what has something to send, too */
	CROWD = 64,	  /* more than these, and who adds one looks at them all */
	STACK = 128 * 1024,
};

static struct guard lock = GUARD_INIT;
static pthread_cond_t idle = PTHREAD_COND_INITIALIZER;
static struct linger_item *items;
static atomic_uint count;
static atomic_bool running;
static bool exiting;
static bool paused; /* no thread now, whatever there is */
static pid_t thread_id;
static pthread_cond_t more;   /* of the thread, by the monotonic clock */
static struct pollfd *polled; /* what the thread waits with: a forked child frees it */

void linger_lock(void)
{
	guard_lock(&lock);
}

void linger_unlock(void)
{
	guard_unlock(&lock);
}

static void item_free(struct linger_item *item)
{
	ownfd_close(item->own);
	buffer_fini(&item->rest);
	free(item);
}

/* The same with all; drops what is finished. */
static void step_locked(void)
{
	struct linger_item **p = &items;

	while (*p) {
		struct linger_item *item = *p;

		if (!linger_item_step(item, exiting)) {
			p = &item->next;
			continue;
		}
		*p = item->next;
		count--;
		item_free(item);
	}
}

/*
 * So that the program can open files: beyond a share of the numbers that it may have, the
 * oldest whose rest is with the kernel goes, which sends it. What is lost so is the answer
 * to late bytes, which TCP does not give either.
 */
static void trim_locked(void)
{
	while (count > ownfd_limit() / SENT_SHARE) {
		struct linger_item **oldest = NULL, *item;

		for (struct linger_item **p = &items; *p; p = &(*p)->next)
			if ((*p)->rest.len == 0)
				oldest = p;
		if (!oldest)
			break;
		item = *oldest;
		*oldest = item->next;
		count--;
		item_free(item);
	}
}

/*
 * What has something to send. What comes is in no hurry: it is cheaper to look at all now
 * and then than to be woken by each, and an end that has come stays.
 */
static nfds_t fill_locked(struct pollfd *fds)
{
	nfds_t n = 0;

	for (struct linger_item *item = items; item; item = item->next)
		if (item->rest.len)
			fds[n++] = (struct pollfd){.fd = linger_item_fd(item), .events = POLLOUT};
	return n;
}

/* Nothing has anything to send. Returns false when no more came for a while. */
static bool wait_for_more(int timeout_ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)timeout_ms * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	return pthread_cond_timedwait(&more, &lock.mutex, &until) == 0;
}

/* Returns false when nothing came for a while. */
static bool wait_unlocked(void)
{
	struct pollfd *fds = calloc(count + 1, sizeof(*fds));
	int timeout = !items ? IDLE_MS : exiting ? LINGER_TICK_MS : TICK_MS;
	bool ready;
	nfds_t n;

	if (!fds) {
		/* No memory to wait with: nothing lingers any more. */
		for (struct linger_item *item = items; item; item = item->next)
			item->end_ms = 0;
		return items;
	}
	n = fill_locked(fds);
	polled = fds;
	if (n) {
		linger_unlock();
		ready = libc.poll(fds, n, timeout) > 0;
		linger_lock();
	} else {
		ready = wait_for_more(timeout);
	}
	polled = NULL;
	free(fds);
	return ready || items;
}

static void *run(void *unused)
{
	(void)unused;
	linger_lock();
	thread_id = gettid();
	do {
		step_locked();
		trim_locked();
	} while (!paused && (items || !exiting) && wait_unlocked());
	running = false;
	pthread_cond_broadcast(&idle);
	linger_unlock();
	return NULL;
}

/* The program's signals are for the program's threads. */
static int start_locked(void)
{
	pthread_condattr_t clock;
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, old;
	int r;

	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&more, &clock);
	pthread_condattr_destroy(&clock);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK);
	r = pthread_create(&thread, &attr, run, NULL);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	running = r == 0;
	return -r;
}

static void wake_locked(void)
{
	if (running)
		pthread_cond_signal(&more);
}

/* Without a thread or memory for it. */
static void give_up(struct ownfd *own, struct buffer *rest)
{
	struct linger_item item = linger_item(own, -1, rest, LINGER_UNSENT_MS);

	linger_item_flush(&item);
	ownfd_close(own);
}

void linger_add(struct ownfd *own, struct buffer *rest)
{
	struct linger_item *item = malloc(sizeof(*item));

	linger_lock();
	if (!item || (!running && !paused && start_locked() < 0)) {
		linger_unlock();
		free(item);
		give_up(own, rest);
		return;
	}
	ownfd_mark(own);
	*item = linger_item(own, -1, rest, LINGER_MS);
	item->next = items;
	items = item;
	count++;
	if (item->rest.len)
		wake_locked();
	if (count > CROWD)
		step_locked();
	trim_locked();
	linger_unlock();
}

/* Not for good: a thread may have been killed with the lock, or jumped out of it. */
static bool lock_in_time(struct timespec *until)
{
	clock_gettime(CLOCK_REALTIME, until);
	until->tv_sec++;
	return guard_timedlock(&lock, until) == 0;
}

bool linger_arrived(void)
{
	struct timespec until;
	bool arrived = true;

	if (!running || !lock_in_time(&until))
		return true;
	step_locked();
	for (struct linger_item *item = items; item && arrived; item = item->next)
		arrived = linger_item_arrived(item);
	linger_unlock();
	return arrived;
}

bool linger_full(void)
{
	return count >= ownfd_limit() / UNSENT_SHARE;
}

/* Out of the list, so that nobody else has it. */
static struct linger_item *take_out(int fd)
{
	struct linger_item **p = &items, *item;

	linger_lock();
	while (*p && linger_item_fd(*p) != fd)
		p = &(*p)->next;
	item = *p;
	if (item) {
		*p = item->next;
		count--;
	}
	linger_unlock();
	return item;
}

void linger_make_way(int fd)
{
	struct linger_item *item = ownfd_move(fd) < 0 ? take_out(fd) : NULL;

	if (item) {
		item->end_ms = linger_now_ms() + LINGER_UNSENT_MS;
		linger_item_flush(item);
		item_free(item);
	}
	if (fdtable_is_reserved(fd))
		ownfd_drop(fd);
}

void linger_finish(void)
{
	int64_t end_ms = linger_now_ms() + LINGER_UNSENT_MS;
	struct timespec until;
	struct signals_wait signals;

	if (!running || !lock_in_time(&until))
		return;
	exiting = true;
	for (struct linger_item *item = items; item; item = item->next)
		item->end_ms = item->end_ms < end_ms ? item->end_ms : end_ms;
	wake_locked();
	until.tv_sec += LINGER_UNSENT_MS / 1000;
	/* A handler may end the process, or jump: the lock is of no use to anybody then. */
	(void)signals_open(&signals);
	while (running && pthread_cond_timedwait(&idle, &lock.mutex, &until) == 0)
		;
	signals_close(&signals);
	linger_unlock();
}

void linger_here(int fd, int64_t end_ms)
{
	struct linger_item item = linger_item(NULL, fd, NULL, end_ms - linger_now_ms());

	libc.shutdown(fd, SHUT_WR);
	linger_item_wait(&item);
}

void linger_rest(int fd, struct buffer *rest)
{
	struct linger_item item = linger_item(NULL, fd, rest, LINGER_UNSENT_MS);

	linger_item_flush(&item);
}

static void add_item(void *arg)
{
	struct linger_item *item = arg;

	linger_add(item->own, &item->rest);
}

void linger_for(struct ownfd *own, struct buffer *rest, int seconds)
{
	struct linger_item item = linger_item(own, -1, rest, (int64_t)seconds * 1000);

	ownfd_mark(own);
	CLEANUP_PUSH(add_item, &item);
	linger_item_wait(&item);
	CLEANUP_POP(1);
}

bool linger_pause(void)
{
	pid_t tid;

	if (!running || owner_in_vfork_child() || owner_orphaned())
		return false;
	linger_lock();
	paused = true;
	wake_locked();
	while (running)
		pthread_cond_wait(&idle, &lock.mutex);
	tid = thread_id;
	linger_unlock();
	/* It has still to leave the kernel. */
	while (tid && tgkill(getpid(), tid, 0) == 0)
		sched_yield();
	return true;
}

void linger_resume(void)
{
	int saved = errno;

	linger_lock();
	paused = false;
	if (items && !running)
		start_locked();
	linger_unlock();
	errno = saved;
}

void linger_fork_child(void)
{
	while (items) {
		struct linger_item *item = items;

		items = item->next;
		item_free(item);
	}
	free(polled);
	polled = NULL;
	count = 0;
	running = false;
	exiting = false;
	paused = false;
	pthread_cond_init(&idle, NULL);
	linger_unlock();
}
