/* SPDX-License-Identifier: MIT */
#include "linger.h"

#include "fdtable.h"
#include "guard.h"
#include "libc.h"
#include "signals.h"

#include <errno.h>
#include <limits.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>

enum {
	LINGER_MS = 30000,
	EXIT_UNSENT_MS = 10000,	  /* exit waits this long for the peer's kernel to have it all */
	EXIT_SENT_MS = 200,	  /* and then this long for the peer's end of stream */
	EXIT_TICK_MS = 10,	  /* acknowledgements raise no event */
	TICK_MS = 50,		  /* how often what has nothing to send is looked at */
	IDLE_MS = 250,		  /* how long the thread waits for more */
	MOST_DRAINED = 16 * 1024, /* tickets and key updates are less */
	CROWD = 64,		  /* more than these, and who adds one looks at them all */
	STACK = 128 * 1024,
};

struct item {
	int fd;
	uint64_t identity;
	struct buffer rest;
	size_t drained;
	int64_t end_ms;
	bool sent; /* at exit: the peer's kernel has everything */
	struct item *next;
};

static struct guard lock = GUARD_INIT;
static pthread_cond_t idle = PTHREAD_COND_INITIALIZER;
static struct item *items;
static unsigned int count;
static atomic_bool running;
static bool exiting;
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

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Takes over the rest, if any. */
static struct item item_of(int fd, struct buffer *rest, int64_t ms)
{
	struct item item = {.fd = fd, .identity = fdtable_identity(fd), .end_ms = now_ms() + ms};

	if (rest) {
		item.rest = *rest;
		*rest = (struct buffer){0};
	}
	return item;
}

static void item_free(struct item *item)
{
	fdtable_close_own(item->fd, item->identity);
	buffer_fini(&item->rest);
	free(item);
}

static void send_rest(struct item *item)
{
	ssize_t n;

	if (item->rest.len == 0)
		return;
	n = libc.send(item->fd, buffer_head(&item->rest), item->rest.len,
		      MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0)
		buffer_consume(&item->rest, (size_t)n);
	else if (errno != EAGAIN && errno != EINTR)
		buffer_fini(&item->rest);
	if (item->rest.len == 0)
		libc.shutdown(item->fd, SHUT_WR);
}

static bool all_arrived(const struct item *item)
{
	int unsent = 0;

	if (item->rest.len)
		return false;
	return libc.ioctl(item->fd, SIOCOUTQ, &unsent) < 0 || unsent == 0;
}

/*
 * True when the peer has ended its stream, or the connection is broken. Or if it goes on
 * sending data that nobody reads: a reset then tells it so, as it would over TCP.
 */
static bool drained_to_end(struct item *item)
{
	for (int i = 0; i < 64; i++) {
		ssize_t n = libc.recv(item->fd, NULL, 1 << 20, MSG_TRUNC | MSG_DONTWAIT);

		if (n == 0)
			return item->rest.len == 0;
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n < 0)
			return true;
		item->drained += (size_t)n;
	}
	return item->drained > MOST_DRAINED && all_arrived(item);
}

/* Exit is waited for: how long depends on what the peer's kernel has. */
static void check_sent(struct item *item)
{
	if (exiting && !item->sent && all_arrived(item)) {
		item->sent = true;
		item->end_ms = now_ms() + EXIT_SENT_MS;
	}
}

/* Does what can be done now. True if it is finished, or not ours any more. */
static bool step(struct item *item)
{
	if (!fdtable_is_own(item->fd, item->identity))
		return true;
	send_rest(item);
	check_sent(item);
	return drained_to_end(item) || now_ms() >= item->end_ms;
}

/* The same with all; drops what is finished. */
static void step_locked(void)
{
	struct item **p = &items;

	while (*p) {
		struct item *item = *p;

		if (!step(item)) {
			p = &item->next;
			continue;
		}
		*p = item->next;
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

	for (struct item *item = items; item; item = item->next)
		if (item->rest.len)
			fds[n++] = (struct pollfd){.fd = item->fd, .events = POLLOUT};
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
	int timeout = !items ? IDLE_MS : exiting ? EXIT_TICK_MS : TICK_MS;
	bool ready;
	nfds_t n;

	if (!fds) {
		/* No memory to wait with: nothing lingers any more. */
		for (struct item *item = items; item; item = item->next)
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
	do
		step_locked();
	while ((items || !exiting) && wait_unlocked());
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

void linger_add(int fd, struct buffer *rest)
{
	struct item *item = malloc(sizeof(*item));

	linger_lock();
	if (!item || (!running && start_locked() < 0)) {
		linger_unlock();
		free(item);
		buffer_fini(rest);
		libc.close(fd);
		return;
	}
	(void)!fdtable_reserve(fd);
	*item = item_of(fd, rest, LINGER_MS);
	item->next = items;
	items = item;
	count++;
	if (item->rest.len)
		pthread_cond_signal(&more);
	if (count > CROWD)
		step_locked();
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
	for (const struct item *item = items; item && arrived; item = item->next)
		arrived = all_arrived(item);
	linger_unlock();
	return arrived;
}

void linger_finish(void)
{
	int64_t end_ms = now_ms() + EXIT_UNSENT_MS;
	struct timespec until;
	struct signals_wait signals;

	if (!running || !lock_in_time(&until))
		return;
	exiting = true;
	for (struct item *item = items; item; item = item->next)
		item->end_ms = item->end_ms < end_ms ? item->end_ms : end_ms;
	if (running)
		pthread_cond_signal(&more);
	until.tv_sec += EXIT_UNSENT_MS / 1000;
	/* A handler may end the process, or jump: the lock is of no use to anybody then. */
	(void)signals_open(&signals);
	while (running && pthread_cond_timedwait(&idle, &lock.mutex, &until) == 0)
		;
	signals_close(&signals);
	linger_unlock();
}

/* False: a signal came. */
static bool tick(const struct item *item)
{
	struct pollfd p = {.fd = item->fd, .events = item->rest.len ? POLLOUT : 0};
	struct signals_wait signals;
	int r;

	r = signals_open(&signals) ? -1 : libc.poll(&p, 1, EXIT_TICK_MS);
	signals_close(&signals);
	return r >= 0;
}

/* Until the peer's kernel has all, or it is time, or a signal comes. */
static void until_sent(struct item *item)
{
	while (!step(item) && !all_arrived(item) && tick(item))
		;
}

void linger_here(int fd)
{
	struct item item = item_of(fd, NULL, EXIT_UNSENT_MS);

	libc.shutdown(fd, SHUT_WR);
	until_sent(&item);
}

void linger_rest(int fd, struct buffer *rest)
{
	struct item item = item_of(fd, rest, EXIT_UNSENT_MS);
	struct pollfd room = {.fd = fd, .events = POLLOUT};

	for (send_rest(&item); item.rest.len && now_ms() < item.end_ms; send_rest(&item))
		libc.poll(&room, 1, EXIT_TICK_MS);
	buffer_fini(&item.rest);
}

static void add_item(void *arg)
{
	struct item *item = arg;

	linger_add(item->fd, &item->rest);
}

void linger_for(int fd, struct buffer *rest, int seconds)
{
	struct item item = item_of(fd, rest, (int64_t)seconds * 1000);

	CLEANUP_PUSH(add_item, &item);
	until_sent(&item);
	CLEANUP_POP(1);
}

void linger_fork_child(void)
{
	while (items) {
		struct item *item = items;

		items = item->next;
		item_free(item);
	}
	free(polled);
	polled = NULL;
	count = 0;
	running = false;
	exiting = false;
	pthread_cond_init(&idle, NULL);
	linger_unlock();
}
