/* SPDX-License-Identifier: MIT */
#include "guard.h"

#include "signals.h"

void guard_lock(struct guard *g)
{
	signals_hold();
	pthread_mutex_lock(&g->mutex);
}

int guard_trylock(struct guard *g)
{
	int r;

	signals_hold();
	r = pthread_mutex_trylock(&g->mutex);
	if (r != 0)
		signals_let();
	return r;
}

int guard_timedlock(struct guard *g, const struct timespec *until)
{
	int r;

	signals_hold();
	r = pthread_mutex_timedlock(&g->mutex, until);
	if (r != 0)
		signals_let();
	return r;
}

void guard_unlock(struct guard *g)
{
	pthread_mutex_unlock(&g->mutex);
	signals_let();
}
