/* SPDX-License-Identifier: MIT */
#include "guard.h"

void guard_lock(struct guard *g)
{
	sigset_t all, saved;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	pthread_mutex_lock(&g->mutex);
	g->saved = saved;
}

int guard_timedlock(struct guard *g, const struct timespec *until)
{
	sigset_t all, saved;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	r = pthread_mutex_timedlock(&g->mutex, until);
	if (r == 0)
		g->saved = saved;
	else
		pthread_sigmask(SIG_SETMASK, &saved, NULL);
	return r;
}

void guard_unlock(struct guard *g)
{
	sigset_t saved = g->saved;

	pthread_mutex_unlock(&g->mutex);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
}
