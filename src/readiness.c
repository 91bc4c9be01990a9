/* SPDX-License-Identifier: MIT */
#include "readiness.h"

#include "handshake.h"
#include "libc.h"
#include "output.h"
#include "receive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { READ_EVENTS = POLLIN | POLLRDNORM, ALWAYS = POLLERR | POLLHUP | POLLNVAL };

/* One of the program's entries that is ours, as the kernel is asked about it. */
struct watched {
	struct entry *entry; /* NULL: not ours */
	short extra;	     /* what must be reported whatever the kernel says */
};

struct set {
	struct pollfd *fds; /* the program's */
	nfds_t n;
	struct pollfd *asked; /* what the kernel is asked */
	struct watched *watched;
	int64_t wake_ms; /* when a handshake must end, or be looked at again; -1: none */
};

bool readiness_concerns(struct pollfd *fds, nfds_t n)
{
	for (nfds_t i = 0; i < n; i++)
		if (fdtable_has(fds[i].fd))
			return true;
	return false;
}

static void set_fini(void *arg)
{
	struct set *s = arg;

	for (nfds_t i = 0; s->watched && i < s->n; i++)
		fdtable_put(s->watched[i].entry);
	free(s->watched);
	free(s->asked);
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

/* Gets the handshake on, and asks the kernel for what it waits for. */
static void ask_handshake(struct connection *c, struct pollfd *p, struct set *s)
{
	int64_t end_ms = c->handshake_end_ms;
	int r = 0;

	if (c->state == STATE_CONNECTING)
		r = handshake_tcp_done(c, p->fd, true, -1);
	if (r == 0 && c->state == STATE_HANDSHAKE && !c->driving)
		r = handshake_step(c, p->fd);
	if (c->state == STATE_CONNECTING) {
		p->events = POLLOUT;
	} else if (c->state == STATE_HANDSHAKE) {
		/* Another thread drives it: see what has become of it soon. */
		p->events = c->driving ? 0 : handshake_want(c);
		if (c->driving)
			end_ms = connection_end_ms(PENDING_TICK_MS);
		if (end_ms >= 0 && (s->wake_ms < 0 || end_ms < s->wake_ms))
			s->wake_ms = end_ms;
	}
}

/* What the kernel does not know of: a session that failed, a connect that we asked about. */
static short failure(const struct connection *c)
{
	return c->state == STATE_FAILED || c->so_error ? POLLERR | POLLHUP : 0;
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

	if (connection_lock(c) < 0)
		return;
	if (c->state == STATE_HANDSHAKE || c->state == STATE_CONNECTING)
		ask_handshake(c, p, s);
	if (usable(c) && output_pending(c) && output_flush(c, p->fd) == -EAGAIN)
		p->events |= POLLOUT;
	w->extra = failure(c);
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

/* What the kernel says, less what the program would find not to be so. */
static short answer_one(struct set *s, nfds_t i)
{
	struct connection *c = s->watched[i].entry->object;
	short revents = s->asked[i].revents | s->watched[i].extra;

	if (!revents || connection_lock(c) < 0)
		return revents;
	if (c->state == STATE_HANDSHAKE || c->state == STATE_CONNECTING)
		revents = 0; /* the next round steps it */
	else if (usable(c) && (revents & READ_EVENTS) && !connection_readable(c, s->asked[i].fd))
		revents &= (short)~READ_EVENTS;
	revents |= failure(c);
	connection_unlock(c);
	return revents & (short)(s->fds[i].events | ALWAYS);
}

static int answer(struct set *s)
{
	int ready = 0;

	for (nfds_t i = 0; i < s->n; i++) {
		s->fds[i].revents = s->watched[i].entry ? answer_one(s, i) : s->asked[i].revents;
		ready += s->fds[i].revents != 0;
	}
	return ready;
}

static bool has_extra(const struct set *s)
{
	for (nfds_t i = 0; i < s->n; i++)
		if (s->watched[i].extra)
			return true;
	return false;
}

static int poll_set(struct set *s, int timeout)
{
	int64_t end_ms = timeout > 0 ? connection_now_ms() + timeout : -1;

	for (;;) {
		int left, n, ready;

		ask(s);
		left = timeout > 0 ? connection_left_ms(end_ms) : timeout;
		if (has_extra(s))
			left = 0;
		if (s->wake_ms >= 0) {
			int wake = connection_left_ms(s->wake_ms);

			if (left < 0 || wake < left)
				left = wake;
		}
		n = libc.poll(s->asked, s->n, left);
		if (n < 0)
			return -errno;
		ready = answer(s);
		if (ready || timeout == 0 || (timeout > 0 && connection_left_ms(end_ms) == 0))
			return ready;
	}
}

int readiness_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	struct set s;
	int r = set_init(&s, fds, n);

	if (r < 0)
		return r;
	pthread_cleanup_push(set_fini, &s);
	r = poll_set(&s, timeout);
	pthread_cleanup_pop(1);
	return r;
}
