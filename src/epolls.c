/* SPDX-License-Identifier: MIT */
#include "epolls.h"

#include "handshake.h"
#include "libc.h"
#include "pending.h"
#include "readiness.h"
#include "signals.h"
#include "watch.h"

#include <errno.h>
#include <limits.h>

enum {
	EVERY = POLLIN | POLLRDNORM | POLLRDBAND | POLLPRI | POLLOUT | POLLWRNORM | POLLWRBAND |
		POLLRDHUP,
	LOOKED_UP = 64, /* events looked up at a time */
	ROUNDS = 4,	/* that a wait without time takes for events that were not shown */
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

/* What the kernel would report of the socket now. */
static uint32_t kernel_events(int fd)
{
	struct pollfd p = {.fd = fd, .events = EVERY};

	return libc.poll(&p, 1, 0) == 1 ? (uint32_t)p.revents : 0;
}

/* What is to be shown of it; *it as below. */
static uint32_t digest_one(struct connection *c, const struct watch_match *m, uint32_t events,
			   bool alone, bool *it)
{
	unsigned int fills = c->in_fills;
	uint32_t shown = 0;

	if (connection_busy(c)) {
		/* Its end raises again what the program waits for. */
		*it = kernel_events(m->fd) & events;
		handshake_progress(c, m->fd);
		return 0;
	}
	/* Another's event must not use it up. */
	if (!alone)
		events &= kernel_events(m->fd);
	shown = readiness_true(c, m->fd, events) & (m->event.events | EPOLLERR | EPOLLHUP);
	*it = shown || c->in_fills != fills || (kernel_events(m->fd) & events);
	return shown;
}

/*
 * Looks at one that an event may be about, alone or as one of several. Returns what is to
 * be shown; *it tells whether the event was this one's: another file may be registered
 * with its data. With EPOLLONESHOT a thread that comes late, when another was shown the
 * event or has closed the socket since, shows nothing.
 */
static uint32_t look_at(const struct watch_match *m, int epfd, uint32_t events, bool alone,
			bool *it)
{
	struct connection *c = m->entry ? m->entry->object : NULL;
	bool one_shot = m->event.events & EPOLLONESHOT;
	enum watch_shot shot = WATCH_SHOT_FIRST;
	int r = c ? connection_enter(c, m->fd) : -EBADF;
	uint32_t shown = 0;

	/* In a signal handler, or closed by now: the kernel's answer has to do. */
	*it = one_shot && r == -EBADF;
	if (r < 0)
		return 0;
	if (one_shot)
		shot = watch_take(c, epfd, m->fd);
	*it = shot == WATCH_SHOT_LATE;
	if (shot == WATCH_SHOT_FIRST)
		shown = digest_one(c, m, events, alone, it);
	if (shot == WATCH_SHOT_FIRST && one_shot && !shown)
		watch_put_back(c, epfd, m->fd, *it || !alone);
	connection_unlock(c);
	return shown;
}

static bool is_alone(const struct watch_matches *m, int at)
{
	int index = m->all[at].index;

	return (at == 0 || m->all[at - 1].index != index) &&
	       (at + 1 == m->n || m->all[at + 1].index != index);
}

static int show(struct epoll_event *events, int n, const struct watch_matches *m, int epfd)
{
	int kept = 0, at = 0;

	for (int i = 0; i < n; i++) {
		uint32_t shown = 0;
		bool ours = false;

		for (; at < m->n && m->all[at].index == i; at++) {
			bool it;

			shown |= look_at(&m->all[at], epfd, events[i].events, is_alone(m, at), &it);
			ours |= it;
		}
		/* It may be another one's, too. */
		ours = ours && !m->some_only;
		if (ours && !shown)
			continue;
		events[kept] = events[i];
		if (ours)
			events[kept].events = shown;
		kept++;
	}
	return kept;
}

/* Of the first *n, or fewer: *n says then of how many. */
static int digest_some(int epfd, struct epoll_event *events, int *n)
{
	struct watch_matches m;
	int kept;

	*n = watch_find(epfd, events, *n, &m);
	kept = m.n > 0 ? show(events, *n, &m, epfd) : *n;
	watch_found(&m);
	return kept;
}

/* Takes out what is not to be shown. Returns how many are left. */
static int digest(int epfd, struct epoll_event *events, int n)
{
	int kept = 0;

	for (int done = 0, some; done < n; done += some) {
		int left;

		some = n - done < LOOKED_UP ? n - done : LOOKED_UP;
		left = digest_some(epfd, events + done, &some);
		for (int i = 0; i < left; i++)
			events[kept + i] = events[done + i];
		kept += left;
	}
	return kept;
}

bool epolls_any(void)
{
	return watch_any() || pending_any();
}

static int shown(int epfd, struct epoll_event *events, int n)
{
	return watch_any() ? digest(epfd, events, n) : n;
}

static int wait_once(int epfd, struct epoll_event *events, int max, const struct timespec *left,
		     const sigset_t *mask, enum epolls_clock clock)
{
	struct signals_wait signals;
	int64_t ms = -1;
	int n;

	mask = signals_open_in(&signals, mask);
	/* Rounded up: not to look a little too early, again and again. */
	if (left)
		ms = (int64_t)left->tv_sec * 1000 + (left->tv_nsec + 999999) / 1000000;
	if (clock == EPOLLS_NANOSECONDS)
		n = libc.epoll_pwait2(epfd, events, max, left, mask);
	else
		n = libc.epoll_pwait(epfd, events, max, ms > INT_MAX ? INT_MAX : (int)ms, mask);
	signals_close_in(&signals);
	return n;
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
		bool came = signals_came();
		int kept;

		if (n < 0)
			return -errno;
		kept = shown(epfd, events, n);
		if (kept > 0)
			return kept;
		if (readiness_over(end_ns) && (n == 0 || round >= ROUNDS))
			return 0;
		/* The kernel's, which knows no other reason to wait on, ends. */
		if (came)
			return -EINTR;
	}
}

int epolls_go_on(int epfd, struct epoll_event *events, int max, int woken,
		 const struct timespec *timeout, const sigset_t *mask, enum epolls_clock clock)
{
	int kept = woken ? shown(epfd, events, woken) : 0;

	return kept > 0 ? kept : epolls_wait(epfd, events, max, timeout, mask, clock);
}
