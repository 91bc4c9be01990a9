/* SPDX-License-Identifier: MIT */
/* select with TLS sockets in its sets: by way of poll. */
#ifndef SELECTS_H
#define SELECTS_H

#include <signal.h>
#include <stdbool.h>
#include <sys/select.h>
#include <time.h>

/* Any of the sets may be NULL, and longer than FD_SETSIZE: n says how many bits there are. */
struct selects {
	int n;
	fd_set *read, *write, *except;
};

/* True if a bit of one of ours is set; changes none. */
bool selects_concern(const struct selects *s);

/*
 * pselect(2), but that what is left of the timeout is written back, as Linux's select
 * does; NULL waits for good. Returns its result, or a negative errno.
 */
int selects_select(const struct selects *s, struct timespec *timeout, const sigset_t *mask);

#endif /* SELECTS_H */
