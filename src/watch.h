/* SPDX-License-Identifier: MIT */
/*
 * In which epoll sets a TLS socket is registered. The kernel keeps the registrations;
 * they are remembered here because three things are to be done with them: while the
 * handshake runs the kernel watches for what the handshake waits for, not for what
 * the program does; an event is to be found its connection; and a descriptor that is
 * closed, but lives on in the lingerer, is to leave the sets.
 *
 * Known by the number of the set that epoll_ctl was called with (epoll_ctl(2)).
 */
#ifndef WATCH_H
#define WATCH_H

#include "connection.h"

#include <sys/epoll.h>

struct watch;

/* What an event is about. */
struct watch_match {
	struct entry *entry;	  /* with a reference, or NULL */
	int fd;			  /* -1: it is not the one that was registered */
	struct epoll_event event; /* as the program registered it */
	int index;		  /* of the event that was asked about */
};

/*
 * epoll_ctl on a connection's number, with its lock held. While a handshake is under
 * way the kernel is told something else. Returns 0 or a negative errno.
 */
int watch_ctl(struct connection *c, int epfd, int op, int fd, const struct epoll_event *event);

/*
 * The handshake begins, TCP's or TLS's, and is over. The end raises again what the
 * program waits for, if it is so.
 */
void watch_begin(struct connection *c);
void watch_end(struct connection *c);

/* Raises again what a registration with EPOLLONESHOT was used up for. */
void watch_rearm(struct connection *c, int epfd, int fd);

/* Takes a connection that is closed out of every set. */
void watch_leave(struct connection *c);

/* Forgets all; for connection_free(). */
void watch_free(struct connection *c);

/* A new set has this number: what is known of an older one is wrong. */
void watch_forget_set(int epfd);

/* True if anything is registered anywhere. A hint: no lock is taken. */
bool watch_any(void);

/*
 * Finds out which of a set's events are about connections of ours. Returns how many
 * were written to matches, in the events' order; at most max. The caller drops the
 * references.
 */
int watch_find(int epfd, const struct epoll_event *events, int n, struct watch_match *matches,
	       int max);

/* For fork: nobody is in the middle. */
void watch_lock(void);
void watch_unlock(void);

#endif /* WATCH_H */
