/* SPDX-License-Identifier: MIT */
#include "pending.h"

#include "guard.h"
#include "libc.h"

#include <errno.h>

static struct guard lock = GUARD_INIT;

/* In the order in which they must end, as a rule that of their beginning; and the others. */
enum { ENDING, ENDLESS, LISTS };
static struct list {
	struct connection *first, *last;
} lists[LISTS];
enum { HOLD_BACK_MS = 50 };

static atomic_int count;
static atomic_int asking; /* a hint: how many wait for an answer */

void pending_lock(void)
{
	guard_lock(&lock);
}

void pending_unlock(void)
{
	guard_unlock(&lock);
}

static struct list *list_of(const struct connection *c)
{
	return &lists[c->pending_endless ? ENDLESS : ENDING];
}

static bool listed(const struct connection *c)
{
	return c->prev_pending || c->next_pending || list_of(c)->first == c;
}

static void insert(struct connection *c)
{
	struct connection *before;
	struct list *list;

	c->pending_endless = c->handshake_end_ms < 0;
	list = list_of(c);
	before = list->last;
	while (before && c->handshake_end_ms < before->handshake_end_ms)
		before = before->prev_pending;
	c->prev_pending = before;
	c->next_pending = before ? before->next_pending : list->first;
	*(before ? &before->next_pending : &list->first) = c;
	*(c->next_pending ? &c->next_pending->prev_pending : &list->last) = c;
	count++;
}

static void take_out(struct connection *c)
{
	struct list *list = list_of(c);

	if (!listed(c))
		return;
	*(c->prev_pending ? &c->prev_pending->next_pending : &list->first) = c->next_pending;
	*(c->next_pending ? &c->next_pending->prev_pending : &list->last) = c->prev_pending;
	c->next_pending = c->prev_pending = NULL;
	count--;
}

void pending_add(struct connection *c, int fd, int64_t end_ms)
{
	pending_lock();
	take_out(c);
	c->handshake_end_ms = end_ms;
	c->pending_fd = fd;
	c->pending_events = c->state == STATE_CONNECTING ? POLLOUT : POLLIN;
	insert(c);
	pending_unlock();
}

void pending_begin(struct connection *c, int fd)
{
	c->held_back = false;
	pending_add(c, fd, connection_end_ms(settings_timeout(connection_settings(c))));
}

void pending_hold_back(struct connection *c, int fd)
{
	c->held_back = true;
	pending_add(c, fd, connection_end_ms(HOLD_BACK_MS));
}

bool pending_has(const struct connection *c)
{
	bool has;

	pending_lock();
	has = listed(c);
	pending_unlock();
	return has;
}

void pending_remove(struct connection *c)
{
	pending_lock();
	take_out(c);
	pending_unlock();
}

bool pending_any(void)
{
	return count > 0;
}

static void no_longer(struct pending_wait *w, unsigned int ms)
{
	int64_t end_ms = connection_end_ms(ms);

	if (w->end_ms < 0 || end_ms < w->end_ms)
		w->end_ms = end_ms;
}

/*
 * The first is woken by what the handshake waits for, and it alone: another that took it
 * away meanwhile, and waited for more, would leave the first one asleep. It looks now and
 * then all the same: a call may have stepped the handshake just before it fell asleep.
 */
static short drive(struct pending_wait *w, short events)
{
	if (w->own->driving++ == 0) {
		no_longer(w, PENDING_LOOK_MS);
		return events;
	}
	no_longer(w, PENDING_TICK_MS);
	return 0;
}

static bool is_free(const struct connection *c)
{
	return !c->driving && owner_is_self(&c->owner);
}

/* References are taken without the list's lock: dropping one may come back to it. */
static void reference(struct pending_wait *w, struct connection *const *found, int n)
{
	for (int i = 0; i < n; i++) {
		struct entry *entry = fdtable_get(w->fds[i]);

		/* The connection may be gone by now: only its address is compared. */
		if (!entry || entry->object != found[i]) {
			fdtable_put(entry);
			continue;
		}
		w->entries[w->n] = entry;
		w->fds[w->n++] = w->fds[i];
		w->pfds[w->n] = w->pfds[i + 1];
	}
}

/*
 * What it waits for: the peer, or the answer to a question (ask.h). Who has no handshake of
 * its own waits in accept, maybe for the very client that is held back.
 */
static void note(struct pending_wait *w, int n, const struct connection *c)
{
	int fd = c->asking_fd;
	short events = fd >= 0 ? POLLIN : (short)c->pending_events;

	if (!w->own && c->held_back)
		events = POLLOUT;
	w->fds[n] = c->pending_fd;
	w->pfds[n + 1] = (struct pollfd){.fd = fd >= 0 ? fd : c->pending_fd, .events = events};
}

static int collect_from(const struct list *list, struct pending_wait *w, struct connection **found,
			int n)
{
	for (struct connection *c = list->last; c && n < PENDING_MAX; c = c->prev_pending) {
		if (!is_free(c))
			continue;
		note(w, n, c);
		found[n++] = c;
	}
	return n;
}

/* The youngest: the other end of what this thread began. */
static void collect(struct pending_wait *w)
{
	struct connection *found[PENDING_MAX];
	int n = 0;

	pending_lock();
	for (int i = 0; i < LISTS; i++)
		n = collect_from(&lists[i], w, found, n);
	pending_unlock();
	reference(w, found, n);
}

/* Those that must be looked at now: their time is over, or they may have an answer. */
static int collect_overdue(struct pending_wait *w, struct connection **found, int64_t now_ms,
			   int64_t *next_ms)
{
	int n = 0;

	for (struct connection *c = lists[ENDING].first; c; c = c->next_pending) {
		/* Also what fork has made nobody's: the step claims it. */
		if (c->driving)
			continue;
		*next_ms = c->handshake_end_ms;
		if (*next_ms > now_ms || n == PENDING_MAX)
			break;
		note(w, n, c);
		found[n++] = c;
		*next_ms = -1;
	}
	return n;
}

static int collect_asking(struct pending_wait *w, struct connection **found, int n)
{
	for (int i = 0; asking > 0 && i < LISTS; i++)
		for (struct connection *c = lists[i].first; c && n < PENDING_MAX;
		     c = c->next_pending) {
			if (c->driving || c->asking_fd < 0)
				continue;
			note(w, n, c);
			found[n++] = c;
		}
	return n;
}

int64_t pending_overdue(struct pending_wait *w)
{
	struct connection *found[PENDING_MAX];
	int64_t now_ms = connection_now_ms(), next_ms = -1, again_ms = now_ms + PENDING_TICK_MS;
	int n;

	w->n = 0;
	pending_lock();
	n = collect_overdue(w, found, now_ms, &next_ms);
	n = collect_asking(w, found, n);
	pending_unlock();
	if (n == 0)
		return next_ms;
	for (int i = 0; i < n; i++)
		w->pfds[i + 1].revents = POLLIN;
	reference(w, found, n);
	/* One whose number is just being closed, or whose lock another thread has, stays. */
	return next_ms < 0 || next_ms > again_ms ? again_ms : next_ms;
}

void pending_asks(int more)
{
	asking += more;
}

void pending_wait_init(struct pending_wait *w, struct connection *own, int fd, short events,
		       int64_t end_ms)
{
	w->n = 0;
	w->end_ms = end_ms;
	w->own = own;
	if (own)
		events = drive(w, events);
	if (pending_any())
		collect(w);
	w->pfds[0] = (struct pollfd){.fd = fd, .events = events};
}

void pending_wait_done(struct pending_wait *w)
{
	if (w->own)
		w->own->driving--;
	w->own = NULL;
}

void pending_wait_drop(void *wait)
{
	struct pending_wait *w = wait;

	for (int i = 0; i < w->n; i++)
		fdtable_put(w->entries[i]);
	w->n = 0;
	pending_wait_done(w);
}

int pending_wait_op(void *wait)
{
	struct pending_wait *w = wait;
	int n = libc.poll(w->pfds, (nfds_t)w->n + 1, connection_left_ms(w->end_ms));

	if (n < 0)
		return -errno;
	return n == 0 ? -ETIMEDOUT : 0;
}
