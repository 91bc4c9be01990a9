/* SPDX-License-Identifier: MIT */
/*
 * What a new program finds where its predecessor had TLS sockets. The session stays
 * behind with the old memory, so each number that would be inherited becomes a dead
 * end: a socket without a peer, which reads the end of file and fails writes with
 * EPIPE, or where descriptors are exhausted fails both with another error. Closed numbers would
 * come back from the program's next open(), as its standard output perhaps.
 */
#ifndef HANDOFF_H
#define HANDOFF_H

#include "fdtable.h"

/*
 * Calls exec(arg), which returns only if it failed: a negative errno. Then all numbers
 * are what they were, and no session has noticed. Returns that, or -EMFILE where there is
 * no room for dead ends, nor a thread with descriptors of its own to be had. The log says what
 * becomes of which number in the program.
 */
int handoff_exec(const char *program, int (*exec)(void *arg), void *arg);

/*
 * For children that have no table of their own (vfork's), or a copy that they must not
 * trust (clone's): they can use no session, only exec, so that their duplicates of a TLS
 * socket are dead ends at once. Return the number, or a negative errno.
 */
bool handoff_child(void);
int handoff_dead_end_at(int to, bool cloexec);
int handoff_dead_end_from(int min, bool cloexec);

/* True if the program would hand the number's TLS socket, entry e, to a new program. */
bool handoff_concerns(int fd, const struct entry *e);

/* Says in the log which descriptors the program will find to be dead ends. */
void handoff_report(const char *program);

/* A dead end with FD_CLOEXEC, or a negative errno. */
int handoff_dead_end(void);

#endif /* HANDOFF_H */
