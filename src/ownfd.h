/* SPDX-License-Identifier: MIT */
/*
 * Descriptors that are the library's own. The program knows nothing of them, and may close
 * their numbers past us, or want them for something else: so each is found by what its
 * holder keeps, not by a number, and its number can change.
 */
#ifndef OWNFD_H
#define OWNFD_H

#include <stdbool.h>

struct ownfd;

/*
 * A duplicate of a socket, or a socket or pipe itself, which is taken over in any case and
 * moved. NULL: without a descriptor or memory. Under a connection's lock, too.
 */
struct ownfd *ownfd_dup(int fd);
struct ownfd *ownfd_take(int fd);

/* Tells the table of the number: under no lock that fork takes after the table's. */
void ownfd_mark(const struct ownfd *own);

/* Closes it, unless the number is another file's by now. Takes NULL. */
void ownfd_close(struct ownfd *own);

/*
 * Returns the number, which remains what it is until ownfd_leave(), or -1 if it is another
 * file's by now. Not to be held in a wait.
 */
int ownfd_enter(const struct ownfd *own);
void ownfd_leave(void);

/* For a wait that does no harm if it is about another file. */
int ownfd_number(const struct ownfd *own);

/*
 * The program is about to put a file on a number of ours. move frees it by taking another,
 * and returns 0 or a negative errno; drop closes what is there, for its holder, too.
 */
int ownfd_move(int fd);
void ownfd_drop(int fd);

/* True if the table takes the number for one of ours, and it is another file's: no longer. */
bool ownfd_stale(int fd);

/*
 * Returns a duplicate with FD_CLOEXEC among the numbers that programs do not expect
 * to be taken, or a negative errno.
 */
int ownfd_high_dup(int fd);

/* How many descriptors may be open: RLIMIT_NOFILE. */
unsigned long ownfd_limit(void);

/* For fork, after the locks of connections. */
void ownfd_lock(void);
void ownfd_unlock(void);

#endif /* OWNFD_H */
