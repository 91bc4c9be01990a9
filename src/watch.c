/* SPDX-License-Identifier: MIT */
/* A struct entry of its own is in it. */
#define entry search_entry
#include <search.h>
#undef entry

#include "watch.h"

#include "guard.h"
#include "libc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What EPOLLEXCLUSIVE may be together with (epoll_ctl(2)). */
#define EXCLUSIVE_OK                                                                               \
	((uint32_t)EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET |              \
	 EPOLLEXCLUSIVE)

/*
 * For a handshake: everything that may move it, each change once. The program's own
 * mask would tell of a writable socket again and again, while ours waits to read.
 */
#define HANDSHAKE_EVENTS ((uint32_t)EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)

struct watch {
	struct watch *next; /* of the connection */
	struct watch *same; /* with the same set and data */
	struct connection *c;
	int epfd, fd;
	struct epoll_event event; /* the program's */
	bool used;		  /* EPOLLONESHOT: it was shown, and not asked for again */
	bool inherited;		  /* a fork shares the set with the process that made it */
};

static struct guard lock = GUARD_INIT;
static void *tree; /* tsearch(3): the first watch of each set and data */
static atomic_int count;

void watch_lock(void)
{
	guard_lock(&lock);
}

void watch_unlock(void)
{
	guard_unlock(&lock);
}

bool watch_any(void)
{
	return count > 0;
}

static int compare(const void *left, const void *right)
{
	const struct watch *a = left, *b = right;

	if (a->epfd != b->epfd)
		return a->epfd < b->epfd ? -1 : 1;
	if (a->event.data.u64 != b->event.data.u64)
		return a->event.data.u64 < b->event.data.u64 ? -1 : 1;
	return 0;
}

static int link_watch(struct watch *w)
{
	struct watch **head = tsearch(w, &tree, compare);

	if (!head)
		return -ENOMEM;
	w->same = NULL;
	if (*head != w) {
		w->same = (*head)->same;
		(*head)->same = w;
	}
	count++;
	return 0;
}

static void unlink_watch(struct watch *w)
{
	struct watch **head = tfind(w, &tree, compare), **at;

	if (*head == w && !w->same) {
		tdelete(w, &tree, compare);
	} else {
		for (at = head; *at != w; at = &(*at)->same)
			;
		*at = w->same;
	}
	count--;
}

static struct watch **find(struct connection *c, int epfd, int fd)
{
	struct watch **at = &c->watches;

	while (*at && ((*at)->epfd != epfd || (*at)->fd != fd))
		at = &(*at)->next;
	return at;
}

static void drop(struct watch **at)
{
	struct watch *w = *at;

	*at = w->next;
	unlink_watch(w);
	free(w);
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
	struct epoll_event asked = *event;

	if (busy)
		asked.events = HANDSHAKE_EVENTS | (event->events & EPOLLWAKEUP);
	else if (op == EPOLL_CTL_MOD || c->state == STATE_NEW)
		asked.events &= ~(uint32_t)EPOLLEXCLUSIVE;
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
	struct watch **old = find(c, epfd, fd);
	struct watch *w = malloc(sizeof(*w));
	int r = w ? check_exclusive(*old, op, event) : -ENOMEM;

	if (r < 0) {
		free(w);
		return r;
	}
	*w = (struct watch){.c = c, .epfd = epfd, .fd = fd, .event = *event};
	w->inherited = *old && (*old)->inherited;
	r = link_watch(w);
	if (r == 0) {
		r = kernel_ctl(c, epfd, op, fd, event, connection_busy(c));
		if (r < 0)
			unlink_watch(w);
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
	struct watch **old = find(c, epfd, fd);
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
 * Returns false if the set does not have it any more. A registration that is used up has
 * nothing to be told: the program asks for it anew.
 */
static bool tell(const struct watch *w, bool busy)
{
	return w->used || kernel_ctl(w->c, w->epfd, EPOLL_CTL_MOD, w->fd, &w->event, busy) == 0;
}

static void tell_all(struct connection *c, bool busy)
{
	struct watch **at = &c->watches;

	if (!c->watches)
		return;
	watch_lock();
	while (*at) {
		if (tell(*at, busy))
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

void watch_rearm(struct connection *c, int epfd, int fd)
{
	struct watch **at;

	watch_lock();
	at = find(c, epfd, fd);
	if (*at && !tell(*at, connection_busy(c)))
		drop(at);
	watch_unlock();
}

bool watch_use_up(struct connection *c, int epfd, int fd)
{
	struct watch *w;
	bool armed;

	watch_lock();
	w = *find(c, epfd, fd);
	armed = w && !w->used;
	if (w)
		w->used = true;
	watch_unlock();
	return armed;
}

void watch_number_goes(struct connection *c, int fd, bool last)
{
	struct watch **at = &c->watches;

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

/* The tree is in the order of the sets first. */
static int compare_sets(const void *left, const void *right)
{
	const struct watch *a = left, *b = right;

	return (a->epfd > b->epfd) - (a->epfd < b->epfd);
}

/* One that the set has, or NULL. */
static struct watch *any_of(int epfd)
{
	struct watch key = {.epfd = epfd}, **found = tfind(&key, &tree, compare_sets);

	return found ? *found : NULL;
}

void watch_forget_set(int epfd)
{
	struct watch *w;

	if (!watch_any())
		return;
	watch_lock();
	while ((w = any_of(epfd)))
		drop(find(w->c, epfd, w->fd));
	watch_unlock();
}

/* Room for one more; false: there is no memory. */
static bool grow(struct watch_matches *m)
{
	int room = m->room ? 2 * m->room : WATCH_MATCHES;
	struct watch_match *grown;

	if (m->n < m->room)
		return true;
	grown = m->room ? malloc((size_t)room * sizeof(*grown)) : m->few;
	if (!grown)
		return false;
	if (m->room)
		memcpy(grown, m->all, (size_t)m->n * sizeof(*grown));
	if (m->all != m->few)
		free(m->all);
	m->all = grown;
	m->room = room;
	return true;
}

/* The matches of one event. False: there is no memory for all. */
static bool find_one(int epfd, const struct epoll_event *event, int index, struct watch_matches *m)
{
	struct watch key = {.epfd = epfd, .event.data = event->data};
	struct watch **head = tfind(&key, &tree, compare), *w = head ? *head : NULL;

	for (; w && grow(m); w = w->same)
		m->all[m->n++] = (struct watch_match){
			.c = w->c, .fd = w->fd, .event = w->event, .index = index};
	return !w;
}

static int find_locked(int epfd, const struct epoll_event *events, int n, struct watch_matches *m)
{
	int i = 0, complete = 0;

	for (; i < n && find_one(epfd, &events[i], i, m); i++)
		complete = m->n;
	m->some_only = i == 0;
	if (i > 0)
		m->n = complete;
	return i > 0 ? i : 1;
}

int watch_find(int epfd, const struct epoll_event *events, int n, struct watch_matches *m)
{
	int looked_up;

	m->n = m->room = 0;
	m->all = m->few;
	watch_lock();
	looked_up = find_locked(epfd, events, n, m);
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
