/* SPDX-License-Identifier: MIT */
/*
 * A lock of the library's that a signal handler may want too: close is allowed in one.
 * While it is held signals wait, so that no handler finds it taken by its own thread.
 */
#ifndef GUARD_H
#define GUARD_H

#include <pthread.h>

struct guard {
	pthread_mutex_t mutex;
};

#define GUARD_INIT                                                                                 \
	{                                                                                          \
		.mutex = PTHREAD_MUTEX_INITIALIZER                                                 \
	}

void guard_lock(struct guard *g);
/* Returns 0, or EBUSY. */
int guard_trylock(struct guard *g);
void guard_unlock(struct guard *g);

/* Returns 0, or an errno value if it was not to be had until then (CLOCK_REALTIME). */
int guard_timedlock(struct guard *g, const struct timespec *until);

#endif /* GUARD_H */
