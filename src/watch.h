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

/* A registration that an event may be about. */
struct watch_match {
	struct entry *entry; /* with a reference; NULL: it is gone by now */
	const struct connection *c;
	int fd;
	struct epoll_event event; /* as the program registered it */
	int index;		  /* of the event that was asked about */
};

enum { WATCH_MATCHES = 128 };

struct watch_matches {
	int n, room;
	bool some_only;		 /* of the one event that was looked up there are more */
	struct watch_match *all; /* in the events' order */
	struct watch_match few[WATCH_MATCHES];
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

/*
 * A thread has an event that may be that of a registration with EPOLLONESHOT. It is
 * another one's with the same data if the kernel can have given none since it was asked;
 * and late if another thread has one, or was shown it.
 */
enum watch_shot { WATCH_SHOT_FIRST, WATCH_SHOT_LATE, WATCH_SHOT_OTHERS };

enum watch_shot watch_take(struct connection *c, int epfd, int fd);

/* The first was not shown after all; the kernel is to raise it again if it has told it. */
void watch_put_back(struct connection *c, int epfd, int fd, bool told);

/*
 * Before a number is closed, or becomes another file's. The last one leaves its sets:
 * the kernel would keep it there as long as the lingerer has the socket open. Another
 * stays, as epoll(7) has it, but cannot be reached any more.
 */
void watch_number_goes(struct connection *c, int fd, bool last);

/* In a forked child: the sets are the parent's too, and what it closes stays in them. */
void watch_fork_child(struct connection *c);

/* Forgets all; for connection_free(). */
void watch_free(struct connection *c);

/* A new set has this number: what is known of an older one is wrong. */
void watch_forget_set(int epfd);

/* True if anything is registered anywhere. A hint: no lock is taken. */
bool watch_any(void);

/*
 * Finds out which of a set's events are about connections of ours: all that are
 * registered with an event's data. Returns how many events it looked up: without memory
 * for all of them fewer, but one at least. watch_found() drops the references.
 */
int watch_find(int epfd, const struct epoll_event *events, int n, struct watch_matches *m);
void watch_found(struct watch_matches *m);

/* For fork: nobody is in the middle. */
void watch_lock(void);
void watch_unlock(void);

#endif /* WATCH_H */
