/* SPDX-License-Identifier: MIT */
#include "watch.h"

#include "guard.h"
#include "handshake.h"
#include "libc.h"
#include "want.h"
#include "watchtree.h"

#include <errno.h>
#include <stdlib.h>

/* What EPOLLEXCLUSIVE may be together with (epoll_ctl(2)). */
#define EXCLUSIVE_OK                                                                               \
	((uint32_t)EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET |              \
	 EPOLLEXCLUSIVE)

/* What a program's registration may have beside EPOLLIN that a handshake does not ask for. */
#define WRITABLE ((uint32_t)EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND)

static struct guard lock = GUARD_INIT;

void watch_lock(void)
{
	guard_lock(&lock);
}

void watch_unlock(void)
{
	guard_unlock(&lock);
}

static _Atomic(struct watch *) *find(struct connection *c, int epfd, int fd)
{
	_Atomic(struct watch *) *at = &c->watches;

	while (*at && ((*at)->epfd != epfd || (*at)->fd != fd))
		at = &(*at)->next;
	return at;
}

static void drop(_Atomic(struct watch *) *at)
{
	struct watch *w = *at;

	*at = w->next;
	watchtree_unlink(w);
	free(w);
}

/*
 * For a handshake: everything that may move it, each change once. The program's own
 * mask would tell of a writable socket again and again, while ours waits to read.
 *
 * With EPOLLONESHOT no more than one thread may have an event at a time, here too: a
 * second one, which is about to look, would find the connection given to another thread,
 * or closed by that. What is asked again after each event is what is waited for alone.
 */
static uint32_t handshake_events(const struct connection *c, uint32_t asked)
{
	uint32_t events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

	if (asked & EPOLLONESHOT)
		events = (uint32_t)handshake_want(c) | EPOLLONESHOT;
	return events | (asked & EPOLLWAKEUP);
}

/*
 * A registration that is exclusive, or is to be, cannot be modified; and one that was
 * deleted may fail to be added again, which nobody would notice but by waiting for good.
 * So exclusive it is only if no handshake will come, or come again: else all sets are
 * woken, where the program asked for "one or more" (epoll_ctl(2)).
 */
static int kernel_ctl(const struct connection *c, int epfd, int op, int fd,
		      const struct epoll_event *event, bool busy)
{
	bool over = !busy && (event->events & (uint32_t)want_over(c));
	struct epoll_event asked = *event;

	if (busy)
		asked.events = handshake_events(c, event->events);
	else if (op == EPOLL_CTL_MOD || c->state == STATE_NEW || over)
		asked.events &= ~(uint32_t)EPOLLEXCLUSIVE;
	/* Nothing can be read, but written as a rule: that raises the event, which is then seen. */
	if (over)
		asked.events |= EPOLLOUT;
	return libc.epoll_ctl(epfd, op, fd, &asked) < 0 ? -errno : 0;
}

/* What the kernel would say, had it been told. */
static int check_exclusive(const struct watch *old, int op, const struct epoll_event *event)
{
	if (op == EPOLL_CTL_MOD &&
	    ((event->events & EPOLLEXCLUSIVE) || (old && (old->event.events & EPOLLEXCLUSIVE))))
		return -EINVAL;
	if ((event->events & EPOLLEXCLUSIVE) && (event->events & ~EXCLUSIVE_OK))
		return -EINVAL;
	return 0;
}

/* What needs memory first: a registration that cannot be made leaves the old one. */
static int set_locked(struct connection *c, int epfd, int op, int fd,
		      const struct epoll_event *event)
{
	_Atomic(struct watch *) *old = find(c, epfd, fd);
	struct watch *w = malloc(sizeof(*w));
	int r = w ? check_exclusive(*old, op, event) : -ENOMEM;

	if (r < 0) {
		free(w);
		return r;
	}
	*w = (struct watch){.c = c, .epfd = epfd, .fd = fd, .event = *event};
	w->shots = 1;
	if (*old) {
		w->inherited = (*old)->inherited;
		w->shots += (*old)->shots;
	}
	r = watchtree_link(w);
	if (r == 0) {
		r = kernel_ctl(c, epfd, op, fd, event, connection_busy(c));
		if (r < 0)
			watchtree_unlink(w);
	}
	if (r < 0) {
		free(w);
		return r;
	}
	if (*old)
		drop(old);
	w->next = c->watches;
	c->watches = w;
	return 0;
}

static int delete_locked(struct connection *c, int epfd, int fd)
{
	_Atomic(struct watch *) *old = find(c, epfd, fd);
	int r = libc.epoll_ctl(epfd, EPOLL_CTL_DEL, fd, NULL) < 0 ? -errno : 0;

	if (*old)
		drop(old);
	return r;
}

int watch_ctl(struct connection *c, int epfd, int op, int fd, const struct epoll_event *event)
{
	int r;

	if (op != EPOLL_CTL_DEL && !event)
		return -EFAULT;
	watch_lock();
	if (op == EPOLL_CTL_DEL)
		r = delete_locked(c, epfd, fd);
	else if (op == EPOLL_CTL_ADD || op == EPOLL_CTL_MOD)
		r = set_locked(c, epfd, op, fd, event);
	else
		r = -EINVAL;
	watch_unlock();
	return r;
}

/*
 * Returns false if the set does not have it any more. A registration that is used up is
 * told nothing: who has its event asks for it anew.
 */
static bool tell(struct watch *w, bool busy)
{
	if (w->used)
		return true;
	w->shots++;
	return kernel_ctl(w->c, w->epfd, EPOLL_CTL_MOD, w->fd, &w->event, busy) == 0;
}

/* The kernel's one shot comes all the same, and who gets it tells the rest. */
static bool comes_by_itself(const struct watch *w, bool busy)
{
	return !busy && !want_over(w->c) &&
	       (w->event.events & (WRITABLE | EPOLLONESHOT)) == EPOLLONESHOT;
}

static void tell_all(struct connection *c, bool busy)
{
	_Atomic(struct watch *) *at = &c->watches;

	if (!c->watches)
		return;
	watch_lock();
	while (*at) {
		if (comes_by_itself(*at, busy) || tell(*at, busy))
			at = &(*at)->next;
		else
			drop(at);
	}
	watch_unlock();
}

void watch_begin(struct connection *c)
{
	tell_all(c, true);
}

void watch_end(struct connection *c)
{
	tell_all(c, false);
}

static enum watch_shot take(struct watch *w)
{
	bool first = !w->used;

	if (w->shots == 0)
		return WATCH_SHOT_OTHERS;
	w->shots--;
	w->used = true;
	return first ? WATCH_SHOT_FIRST : WATCH_SHOT_LATE;
}

enum watch_shot watch_take(struct connection *c, int epfd, int fd)
{
	enum watch_shot shot = WATCH_SHOT_LATE;
	struct watch *w;

	watch_lock();
	w = *find(c, epfd, fd);
	if (w)
		shot = w->event.events & EPOLLONESHOT ? take(w) : WATCH_SHOT_FIRST;
	watch_unlock();
	return shot;
}

void watch_put_back(struct connection *c, int epfd, int fd, bool told)
{
	_Atomic(struct watch *) *at;

	watch_lock();
	at = find(c, epfd, fd);
	if (*at) {
		(*at)->used = false;
		(*at)->shots += !told;
	}
	if (*at && told && !tell(*at, connection_busy(c)))
		drop(at);
	watch_unlock();
}

void watch_number_goes(struct connection *c, int fd, bool last)
{
	_Atomic(struct watch *) *at = &c->watches;

	if (!c->watches)
		return;
	watch_lock();
	while (*at) {
		if ((*at)->fd != fd) {
			at = &(*at)->next;
			continue;
		}
		if (last && !(*at)->inherited)
			libc.epoll_ctl((*at)->epfd, EPOLL_CTL_DEL, fd, NULL);
		else if (!last && !(*at)->inherited && connection_busy(c))
			tell(*at, false);
		drop(at);
	}
	watch_unlock();
}

void watch_fork_child(struct connection *c)
{
	for (struct watch *w = c->watches; w; w = w->next)
		w->inherited = true;
}

void watch_free(struct connection *c)
{
	if (!c->watches)
		return;
	watch_lock();
	while (c->watches)
		drop(&c->watches);
	watch_unlock();
}

void watch_forget_set(int epfd)
{
	struct watch *w;

	if (!watch_any())
		return;
	watch_lock();
	while ((w = watchtree_any_of(epfd)))
		drop(find(w->c, epfd, w->fd));
	watch_unlock();
}

int watch_find(int epfd, const struct epoll_event *events, int n, struct watch_matches *m)
{
	int looked_up;

	watch_lock();
	looked_up = watchtree_find(epfd, events, n, m);
	watch_unlock();
	/* Dropping a reference may come back to the list: without its lock. */
	for (int i = 0; i < m->n; i++) {
		struct entry *entry = fdtable_get(m->all[i].fd);

		/* The connection may be gone by now: only its address is compared. */
		if (entry && entry->object != m->all[i].c) {
			fdtable_put(entry);
			entry = NULL;
		}
		m->all[i].entry = entry;
	}
	return looked_up;
}

void watch_found(struct watch_matches *m)
{
	for (int i = 0; i < m->n; i++)
		fdtable_put(m->all[i].entry);
	if (m->all != m->few)
		free(m->all);
}
