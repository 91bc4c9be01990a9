/* SPDX-License-Identifier: MIT */
#include "epolls.h"

#include "handshake.h"
#include "libc.h"
#include "readiness.h"
#include "watch.h"

#include <errno.h>
#include <limits.h>

enum {
	LOOKED_UP = 128, /* events looked up at a time */
	ROUNDS = 4,	 /* that a wait without time takes for events that were not shown */
};

int epolls_ctl(struct entry *e, int epfd, int op, int fd, const struct epoll_event *event)
{
	struct connection *c = e->object;
	int r = c ? connection_enter(c, fd) : -EBADF;

	if (r == 0) {
		r = watch_ctl(c, epfd, op, fd, event);
		connection_unlock(c);
	}
	fdtable_put(e);
	return r;
}

bool epolls_concern(void)
{
	return watch_any() || pending_any();
}

/* Returns what is to be shown of an event; 0: nothing. */
static uint32_t look_at(const struct watch_match *m, int epfd, uint32_t events)
{
	struct connection *c = m->entry->object;
	uint32_t shown = 0;

	/* In a signal handler: the kernel's answer has to do. */
	if (connection_lock(c) < 0)
		return events;
	if (c->state == STATE_CONNECTING || c->state == STATE_HANDSHAKE) {
		/* Its end raises again what the program waits for. */
		handshake_progress(c, m->fd);
	} else {
		shown = readiness_true(c, m->fd, events) & (m->event.events | EPOLLERR | EPOLLHUP);
		if (!shown && (m->event.events & EPOLLONESHOT))
			watch_rearm(c, epfd, m->fd);
	}
	connection_unlock(c);
	return shown;
}

/* One event may be about several of ours, registered with the same data. */
static int show(struct epoll_event *events, int n, const struct watch_match *matches, int m,
		int epfd)
{
	int kept = 0, at = 0;

	for (int i = 0; i < n; i++) {
		uint32_t shown = 0;
		bool known = false;

		for (; at < m && matches[at].index == i; at++) {
			if (!matches[at].entry || matches[at].fd < 0)
				continue;
			known = true;
			shown |= look_at(&matches[at], epfd, events[i].events);
		}
		if (known && !shown)
			continue;
		events[kept] = events[i];
		if (known)
			events[kept].events = shown;
		kept++;
	}
	return kept;
}

static int digest_some(int epfd, struct epoll_event *events, int n)
{
	struct watch_match matches[2 * LOOKED_UP];
	int m = watch_find(epfd, events, n, matches, 2 * LOOKED_UP);
	int kept = m > 0 ? show(events, n, matches, m, epfd) : n;

	for (int i = 0; i < m; i++)
		fdtable_put(matches[i].entry);
	return kept;
}

/* Takes out what is not to be shown. Returns how many are left. */
static int digest(int epfd, struct epoll_event *events, int n)
{
	int kept = 0;

	for (int done = 0; done < n; done += LOOKED_UP) {
		int some = n - done < LOOKED_UP ? n - done : LOOKED_UP, left;

		left = digest_some(epfd, events + done, some);
		for (int i = 0; i < left; i++)
			events[kept + i] = events[done + i];
		kept += left;
	}
	return kept;
}

static int wait_once(int epfd, struct epoll_event *events, int max, const struct timespec *left,
		     const sigset_t *mask, enum epolls_clock clock)
{
	int64_t ms = -1;

	if (clock == EPOLLS_NANOSECONDS)
		return libc.epoll_pwait2(epfd, events, max, left, mask);
	/* Rounded up: not to look a little too early, again and again. */
	if (left)
		ms = (int64_t)left->tv_sec * 1000 + (left->tv_nsec + 999999) / 1000000;
	return libc.epoll_pwait(epfd, events, max, ms > INT_MAX ? INT_MAX : (int)ms, mask);
}

int epolls_wait(int epfd, struct epoll_event *events, int max, const struct timespec *timeout,
		const sigset_t *mask, enum epolls_clock clock)
{
	int64_t end_ns = readiness_end_ns(timeout);

	for (int round = 0;; round++) {
		struct timespec space;
		int64_t look_ms = handshake_expire();
		int n = wait_once(epfd, events, max, readiness_left(end_ns, look_ms, &space), mask,
				  clock);
		int kept;

		if (n < 0)
			return -errno;
		kept = digest(epfd, events, n);
		if (kept > 0)
			return kept;
		if (readiness_over(end_ns) && (n == 0 || round >= ROUNDS))
			return 0;
	}
}
