/* SPDX-License-Identifier: MIT */
/* select with TLS sockets in its sets: by way of poll. */
#ifndef SELECTS_H
#define SELECTS_H

#include "fdtable.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/select.h>
#include <time.h>

/* Any of the sets may be NULL, and longer than FD_SETSIZE: n says how many bits there are. */
struct selects {
	int n;
	fd_set *read, *write, *except;
};

static inline unsigned long selects_word(const fd_set *set, size_t i)
{
	return set ? (unsigned long)set->fds_bits[i] : 0;
}

/* True if a bit of one of ours is set; changes none. */
bool selects_concern(const struct selects *s);

/*
 * True if none is, at a glance: with more numbers than a word has, or bits set that n
 * leaves out, it may be false. All that others pay.
 */
static inline bool selects_plain(int n, const fd_set *read, const fd_set *write,
				 const fd_set *except)
{
	unsigned long bits = fdtable_word(0);

	if ((unsigned int)n - 1 >= FDTABLE_WORD)
		return !fdtable_any();
	return !bits || !((bits & selects_word(read, 0)) || (bits & selects_word(write, 0)) ||
			  (bits & selects_word(except, 0)));
}

_Static_assert((int)NFDBITS == (int)FDTABLE_WORD, "numbers are compared by words");

/*
 * pselect(2), but that what is left of the timeout is written back, as Linux's select
 * does; NULL waits for good. Returns its result, or a negative errno.
 */
int selects_select(const struct selects *s, struct timespec *timeout, const sigset_t *mask);

#endif /* SELECTS_H */
