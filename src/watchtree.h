/* SPDX-License-Identifier: MIT */
/*
 * The registrations that watch.h is about, by set and data: that is all that an event
 * says of itself. For watch.c alone, under its lock.
 */
#ifndef WATCHTREE_H
#define WATCHTREE_H

#include "watch.h"

struct watch {
	_Atomic(struct watch *) next; /* of the connection */
	struct watch *same;	      /* with the same set and data */
	struct connection *c;
	int epfd, fd;
	struct epoll_event event; /* the program's */
	bool used;		  /* EPOLLONESHOT: a thread has its event, or was shown it */
	unsigned int shots;	  /* of it: how many events the kernel may still give */
	bool inherited;		  /* a fork shares the set with the process that made it */
};

/* Returns 0 or -ENOMEM. */
int watchtree_link(struct watch *w);
void watchtree_unlink(struct watch *w);

/* One that the set has, or NULL. */
struct watch *watchtree_any_of(int epfd);

/* As watch_find(), without references. */
int watchtree_find(int epfd, const struct epoll_event *events, int n, struct watch_matches *m);

#endif /* WATCHTREE_H */
