/* SPDX-License-Identifier: MIT */
/* The end of a connection: shutdown, close, exit. */
#ifndef CLOSING_H
#define CLOSING_H

#include "connection.h"

/* shutdown(2): SHUT_WR sends close_notify before FIN. */
int closing_shutdown(struct connection *c, int fd, int how);

/* With the lock: close_notify is sealed, if it was not yet. 0 or a negative errno. */
int closing_notify(struct connection *c);

/*
 * What outlives the connection. It is handed over when the lock is free again: the
 * lingerer takes the table's lock, and fork takes the two the other way round.
 */
struct closing_rest {
	struct ownfd *own; /* NULL: nothing */
	int seconds;	   /* SO_LINGER's; -1: it is off */
	struct buffer sealed;
};

/*
 * Before the last descriptor is closed: says goodbye, puts aside what is still on its
 * way, and sees to it that threads which wait on it return. Waits for the peer only where
 * it takes nothing, and no descriptor is left to put that aside with. The caller closes fd
 * afterwards, and then calls closing_end().
 */
void closing_last(struct connection *c, int fd, struct closing_rest *rest);

/*
 * Hands the rest to the lingerer; waits before where SO_LINGER says so. The number is
 * free then: a thread may be cancelled in that wait.
 */
void closing_end(struct closing_rest *rest);

/* At exit, for a connection that the program left open. */
void closing_at_exit(struct connection *c, int fd);

/*
 * At _exit: nothing that takes a lock or memory, so no close_notify. What was sent
 * arrives, if the peer takes it until it is time, and the peer sees the stream cut. Early
 * data arrives where the thread is known to be in no signal handler.
 */
void closing_at_abrupt_exit(struct connection *c, int fd, int64_t end_ms);

/*
 * Before exec, which closes all connections: waits until the peers' kernels have what was
 * sent, 10 seconds at most. If exec fails nothing has happened: so no close_notify.
 */
void closing_before_exec(void);

/* For fdtable_new(). */
void closing_release(void *connection);

#endif /* CLOSING_H */
