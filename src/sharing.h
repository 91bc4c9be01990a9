/* SPDX-License-Identifier: MIT */
/*
 * That all threads of the process have one table of descriptors in the kernel, as there is
 * one fdtable. A thread with its own (unshare) would close a TLS socket's number there, and
 * fdtable forget it for all: what the others then send by that number is plaintext.
 */
#ifndef SHARING_H
#define SHARING_H

#include <stdbool.h>

/* True if the process has one thread. */
bool sharing_alone(void);

/*
 * Before a call that makes a thread with its own table. Returns 0 if it may be made: the
 * process gets no TLS socket any more; or -EINVAL, with a line in the log: it has some.
 */
int sharing_end(const char *call);

/* The same for a call that gives the calling thread its own: alone, it has that. */
int sharing_end_unless_alone(const char *call);

/* True after that; to be asked when the socket is in fdtable. */
bool sharing_ended(void);

/* The child of a fork has one thread. */
void sharing_fork_child(void);

#endif /* SHARING_H */
