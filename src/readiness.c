/* SPDX-License-Identifier: MIT */
#include "readiness.h"

#include "ask.h"
#include "handshake.h"
#include "libc.h"
#include "output.h"
#include "receive.h"
#include "signals.h"
#include "sockets.h"
#include "want.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_AGAIN_MS = 1000 };
enum { READ_EVENTS = POLLIN | POLLRDNORM, ALWAYS = POLLERR | POLLHUP | POLLNVAL };

#define NS_A_SECOND 1000000000LL
#define LONGEST_S   (1LL << 31) /* as good as for good */

/* One of the program's entries that is ours, as the kernel is asked about it. */
struct watched {
	struct entry *entry; /* NULL: not ours */
	short extra;	     /* what must be reported whatever the kernel says */
	bool drives;	     /* nobody else steps its handshake while we wait */
};

struct set {
	struct pollfd *fds; /* the program's */
	nfds_t n;
	struct pollfd *asked; /* what the kernel is asked */
	struct watched *watched;
	int64_t wake_ms; /* when a handshake must end, or be looked at again; -1: none */
	bool waited;	 /* a number that is not the connection's any more was at first */
};

/* After the wait; a thread that is cancelled in it leaves others to go on, too. */
static void stop_driving(struct set *s)
{
	for (nfds_t i = 0; i < s->n; i++) {
		if (s->watched[i].drives)
			((struct connection *)s->watched[i].entry->object)->driving--;
		s->watched[i].drives = false;
	}
}

static void set_fini(void *arg)
{
	struct set *s = arg;

	signals_hold();
	if (s->watched)
		stop_driving(s);
	for (nfds_t i = 0; s->watched && i < s->n; i++)
		fdtable_put(s->watched[i].entry);
	free(s->watched);
	free(s->asked);
	signals_let();
}

static int set_init(struct set *s, struct pollfd *fds, nfds_t n)
{
	*s = (struct set){.fds = fds, .n = n};
	s->asked = calloc(n, sizeof(*s->asked));
	s->watched = calloc(n, sizeof(*s->watched));
	if (!s->asked || !s->watched) {
		set_fini(s);
		return -ENOMEM;
	}
	for (nfds_t i = 0; i < n; i++) {
		struct entry *e = fdtable_get(fds[i].fd);

		s->watched[i].entry = e && e->object ? e : NULL;
	}
	return 0;
}

/*
 * Gets the handshake on, and asks the kernel for what it waits for. Others leave it
 * alone then: what they read this thread would wait for in vain.
 */
static void ask_handshake(struct connection *c, struct pollfd *p, struct watched *w, struct set *s)
{
	/* A thread in a call of its own may finish it under a poll that sleeps. */
	int64_t look_ms = connection_end_ms(LOOK_AGAIN_MS), end_ms = c->handshake_end_ms;

	handshake_progress(c, p->fd);
	if (!connection_busy(c))
		return;
	if (end_ms < 0 || look_ms < end_ms)
		end_ms = look_ms;
	p->events = handshake_want(c);
	if (ask_pending(c)) {
		p->fd = ask_fd(c);
		p->events = POLLIN;
		if (ask_end_ms(c) < end_ms)
			end_ms = ask_end_ms(c);
	}
	w->drives = c->driving++ == 0;
	if (!w->drives) {
		/* Another thread drives it: see what has become of it soon. */
		c->driving--;
		p->events = 0;
		end_ms = connection_end_ms(PENDING_TICK_MS);
	}
	if (end_ms >= 0 && (s->wake_ms < 0 || end_ms < s->wake_ms))
		s->wake_ms = end_ms;
}

/*
 * What the kernel does not know, or not any more: a session that failed, and an error
 * that no call has returned yet.
 */
static short failure(const struct connection *c)
{
	if (c->state == STATE_CONNECTING || c->state == STATE_HANDSHAKE)
		return 0;
	if (c->so_error)
		return POLLERR | POLLHUP;
	return c->state == STATE_FAILED ? POLLHUP : 0;
}

/*
 * Open, and this process's. Of another's the kernel's answer has to do: what it
 * would read here was not for it. poll is no reason to claim a session.
 */
static bool usable(const struct connection *c)
{
	return c->state == STATE_OPEN && owner_is_self(&c->owner);
}

static void ask_one(struct set *s, nfds_t i)
{
	struct watched *w = &s->watched[i];
	struct connection *c = w->entry->object;
	struct pollfd *p = &s->asked[i];

	w->extra = 0;
	if (c->plain) {
		fdtable_put(w->entry);
		*w = (struct watched){0};
		return;
	}
	if (connection_enter(c, p->fd) < 0) {
		/* poll(2) sleeps on, whatever becomes of a number. */
		if (s->waited)
			p->fd = -1;
		return;
	}
	if (connection_busy(c))
		ask_handshake(c, p, w, s);
	if (usable(c) && output_pending(c) && output_flush(c, p->fd) == -EAGAIN)
		p->events |= POLLOUT;
	w->extra = (short)(failure(c) | (want_over(c) & p->events));
	connection_unlock(c);
}

static void ask(struct set *s)
{
	memcpy(s->asked, s->fds, s->n * sizeof(*s->asked));
	s->wake_ms = -1;
	for (nfds_t i = 0; i < s->n; i++)
		if (s->watched[i].entry)
			ask_one(s, i);
}

uint32_t readiness_true(struct connection *c, int fd, uint32_t events)
{
	if (usable(c) && (events & READ_EVENTS) && !connection_readable(c, fd))
		events &= ~(uint32_t)READ_EVENTS;
	return events | (uint32_t)(failure(c) | want_over(c));
}

static short answer_one(struct set *s, nfds_t i)
{
	struct connection *c = s->watched[i].entry->object;
	short revents = s->asked[i].revents | s->watched[i].extra;

	/* What was asked of another file says nothing of this one. */
	if (s->asked[i].fd != s->fds[i].fd)
		revents = s->watched[i].extra;
	if (revents && connection_enter(c, s->fds[i].fd) < 0)
		return 0;
	if (revents) {
		if (connection_busy(c))
			revents = 0; /* the next round steps it */
		else
			revents = (short)readiness_true(c, s->fds[i].fd, (uint32_t)revents);
		connection_unlock(c);
	}
	/* It may have been asked for what a handshake needs. */
	return revents & (short)(s->fds[i].events | ALWAYS);
}

/* When poll(2) is woken it looks at all numbers, and says what has become of this one. */
static int answer_gone(struct set *s, nfds_t i)
{
	struct connection *c = s->watched[i].entry->object;
	struct pollfd p = {.fd = s->fds[i].fd, .events = s->fds[i].events};

	if (s->fds[i].revents || fdtable_names(p.fd, c->entry))
		return 0;
	libc.poll(&p, 1, 0);
	s->fds[i].revents = p.revents;
	return p.revents != 0;
}

static int answer(struct set *s)
{
	int ready = 0;

	for (nfds_t i = 0; i < s->n; i++) {
		s->fds[i].revents = s->watched[i].entry ? answer_one(s, i) : s->asked[i].revents;
		ready += s->fds[i].revents != 0;
	}
	for (nfds_t i = 0; ready && i < s->n; i++)
		if (s->watched[i].entry)
			ready += answer_gone(s, i);
	return ready;
}

/*
 * What failed may have done so since the number was closed past us, and is another file's:
 * then that one is asked. True if there are such.
 */
static bool drop_stale(struct set *s)
{
	bool found = false;

	for (nfds_t i = 0; i < s->n; i++) {
		struct watched *w = &s->watched[i];

		if (!w->entry || !(s->fds[i].revents & ALWAYS) || !sockets_stale(s->fds[i].fd))
			continue;
		fdtable_put(w->entry);
		*w = (struct watched){0};
		found = true;
	}
	return found;
}

/* Interrupted, the kernel says that nothing is ready, for those who do not look at errno. */
static void answer_nothing(struct set *s)
{
	for (nfds_t i = 0; i < s->n; i++)
		s->fds[i].revents = 0;
}

static bool has_extra(const struct set *s)
{
	for (nfds_t i = 0; i < s->n; i++)
		if (s->watched[i].extra)
			return true;
	return false;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * NS_A_SECOND + now.tv_nsec;
}

bool readiness_among_many(struct pollfd *fds, nfds_t n)
{
	return n <= INT_MAX && fdtable_below_limit((int)n - 1) &&
	       readiness_among(fds, n, fdtable_end());
}

bool readiness_valid(const struct timespec *timeout)
{
	return !timeout ||
	       (timeout->tv_sec >= 0 && timeout->tv_nsec >= 0 && timeout->tv_nsec < NS_A_SECOND);
}

int64_t readiness_end_ns(const struct timespec *timeout)
{
	if (!timeout || timeout->tv_sec > LONGEST_S)
		return -1;
	if (timeout->tv_sec == 0 && timeout->tv_nsec == 0)
		return 0;
	return now_ns() + (int64_t)timeout->tv_sec * NS_A_SECOND + timeout->tv_nsec;
}

bool readiness_over(int64_t end_ns)
{
	return end_ns == 0 || (end_ns > 0 && now_ns() >= end_ns);
}

const struct timespec *readiness_left(int64_t end_ns, int64_t look_ms, struct timespec *space)
{
	int64_t look_ns = look_ms * (NS_A_SECOND / 1000), left;

	if (look_ms >= 0 && (end_ns < 0 || look_ns < end_ns))
		end_ns = look_ns;
	if (end_ns < 0)
		return NULL;
	left = end_ns > 0 ? end_ns - now_ns() : 0;
	left = left < 0 ? 0 : left;
	*space = (struct timespec){.tv_sec = left / NS_A_SECOND, .tv_nsec = left % NS_A_SECOND};
	return space;
}

const struct timespec *readiness_timeout(int timeout_ms, struct timespec *space)
{
	if (timeout_ms < 0)
		return NULL;
	*space = (struct timespec){.tv_sec = timeout_ms / 1000,
				   .tv_nsec = timeout_ms % 1000 * (NS_A_SECOND / 1000)};
	return space;
}

static int poll_set(struct set *s, int64_t end_ns, const sigset_t *mask)
{
	for (;;) {
		struct signals_wait signals;
		struct timespec space;
		const struct timespec *left;
		bool came;
		int ready;

		ask(s);
		left = readiness_left(has_extra(s) ? 0 : end_ns, s->wake_ms, &space);
		ready = libc.ppoll(s->asked, s->n, left, signals_open_in(&signals, mask)) < 0
				? -errno
				: 0;
		signals_close_in(&signals);
		came = signals_came();
		stop_driving(s);
		s->waited = true;
		if (ready == -EINTR)
			answer_nothing(s);
		if (ready < 0)
			return ready;
		ready = answer(s);
		if (ready && drop_stale(s))
			continue;
		if (ready || readiness_over(end_ns))
			return ready;
		/* The kernel's, which knows no other reason to wait on, ends. */
		if (came)
			return -EINTR;
	}
}

int readiness_poll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		   const sigset_t *mask)
{
	struct set s;
	int r = set_init(&s, fds, n);

	if (r < 0)
		return r;
	CLEANUP_PUSH(set_fini, &s);
	r = poll_set(&s, readiness_end_ns(timeout), mask);
	CLEANUP_POP(1);
	return r;
}
