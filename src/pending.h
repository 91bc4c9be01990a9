/* SPDX-License-Identifier: MIT */
/*
 * The handshakes that are not finished, TCP's that nobody waits in included. A thread that waits
 * for one steps the others too, so that both ends of a connection in one thread get through. It
 * leaves alone what fork has made nobody's: the process that serves shall claim it.
 */
#ifndef PENDING_H
#define PENDING_H

#include "connection.h"

#include <poll.h>

enum { PENDING_MAX = 64 }; /* how many one wait looks at */

struct pending_wait {
	struct connection *own; /* NULL: none */
	int n;			/* others, with a reference each */
	struct entry *entries[PENDING_MAX];
	int fds[PENDING_MAX];		     /* their numbers */
	struct pollfd pfds[PENDING_MAX + 1]; /* the caller's own, then what an entry waits for */
	int64_t end_ms;
};

/*
 * Both with the connection's lock. One that is there already gets its place anew, by
 * its end, handshake_end_ms from now on; removing one that is not does no harm.
 */
void pending_add(struct connection *c, int fd, int64_t end_ms);
void pending_remove(struct connection *c);
/*
 * The same for a handshake that begins now: it has the time that the settings say. And for one
 * that does not yet, so that the program's first send may go with it: if none comes for a
 * moment, a wait begins it.
 */
void pending_begin(struct connection *c, int fd);
void pending_hold_back(struct connection *c, int fd);

bool pending_has(const struct connection *c);

/* True if this process has any. A hint: no lock is taken. */
bool pending_any(void);

/* One more, or less, waits for the answer to a question. */
void pending_asks(int more);

/*
 * Prepares to wait for a descriptor and for the others. own, with its lock, is the
 * connection whose handshake the thread drives, or NULL. Nobody else steps what is
 * driven: its thread would sleep on, waiting for bytes that were taken. Where two
 * threads wait for one handshake, the second looks every few milliseconds.
 */
void pending_wait_init(struct pending_wait *w, struct connection *own, int fd, short events,
		       int64_t end_ms);

/* How long at most to wait for a handshake that another thread drives. */
enum { PENDING_TICK_MS = 20, PENDING_LOOK_MS = 500 };

/*
 * For handshakes that nobody waits in: gives those whose time is over, as the ready
 * ones of a wait. Returns when the next has to end, -1: none has to.
 */
int64_t pending_overdue(struct pending_wait *w);

/* For connection_wait(): waits. 0: something is ready; -ETIMEDOUT; -EINTR. */
int pending_wait_op(void *wait);

/* After it, however it went: the thread drives its own no more. */
void pending_wait_done(struct pending_wait *w);

/* The same, and drops the references: for a thread that goes on with none of them. */
void pending_wait_drop(void *wait);

/* For fork: nobody is in the middle of the list. */
void pending_lock(void);
void pending_unlock(void);

#endif /* PENDING_H */
