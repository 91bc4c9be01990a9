/* SPDX-License-Identifier: MIT */
/* A struct entry of its own is in it. */
#define entry search_entry
#include <search.h>
#undef entry

#include "watchtree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void *tree; /* tsearch(3): the first watch of each set and data */
static atomic_int count;

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

int watchtree_link(struct watch *w)
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

void watchtree_unlink(struct watch *w)
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

/* The tree is in the order of the sets first. */
static int compare_sets(const void *left, const void *right)
{
	const struct watch *a = left, *b = right;

	return (a->epfd > b->epfd) - (a->epfd < b->epfd);
}

struct watch *watchtree_any_of(int epfd)
{
	struct watch key = {.epfd = epfd}, **found = tfind(&key, &tree, compare_sets);

	return found ? *found : NULL;
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

int watchtree_find(int epfd, const struct epoll_event *events, int n, struct watch_matches *m)
{
	int i = 0, complete = 0;

	m->n = m->room = 0;
	m->all = m->few;
	for (; i < n && find_one(epfd, &events[i], i, m); i++)
		complete = m->n;
	m->some_only = i == 0;
	if (i > 0)
		m->n = complete;
	return i > 0 ? i : 1;
}
