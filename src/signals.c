/* SPDX-License-Identifier: MIT */
#include "signals.h"

#include "libc.h"

#include <stdatomic.h>

#define BIT(number) (1ul << ((number)-1))

/*
 * What is blocked: not what has a fault of the thread's as its cause, which would kill it
 * without its handler. abort unblocks its own.
 */
static const sigset_t most = {
	{~(BIT(SIGBUS) | BIT(SIGFPE) | BIT(SIGILL) | BIT(SIGSEGV) | BIT(SIGSYS)), ~0ul}};

static atomic_bool begun;  /* the process has, or had, a TLS socket */
static atomic_bool blocks; /* and a handler */

static __thread struct {
	unsigned int depth;
	int cancel_state; /* of before */
	bool blocked;	  /* with saved as the mask of before */
	sigset_t saved;
} held;

/* Until depth says so a handler may come, and leaves everything as it was. */
void signals_hold(void)
{
	int state;

	if (held.depth) {
		held.depth++;
		return;
	}
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	if (atomic_load_explicit(&blocks, memory_order_relaxed)) {
		pthread_sigmask(SIG_BLOCK, &most, &held.saved);
		held.blocked = true;
	} else {
		held.blocked = false;
	}
	held.cancel_state = state;
	held.depth = 1;
}

/* Cancelled or jumped out of at the end, the thread must have left nothing to do. */
static void let_go(void)
{
	bool blocked = held.blocked;

	held.depth = 0;
	pthread_setcancelstate(held.cancel_state, NULL);
	if (blocked)
		pthread_sigmask(SIG_SETMASK, &held.saved, NULL);
}

void signals_let(void)
{
	if (held.depth > 1)
		held.depth--;
	else
		let_go();
}

static bool is_handler(const struct sigaction *action)
{
	return action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN;
}

/* Of those in the set, or of all. */
static bool restart_all(const sigset_t *set)
{
	struct sigaction action;

	for (int number = 1; number < NSIG; number++) {
		if (set && sigismember(set, number) != 1)
			continue;
		if (libc.sigaction(number, NULL, &action) == 0 && is_handler(&action) &&
		    !(action.sa_flags & SA_RESTART))
			return false;
	}
	return true;
}

bool signals_restart(void)
{
	return restart_all(NULL);
}

/* What came while signals waited, and will now be handled. */
static bool interrupted(void)
{
	sigset_t came;

	if (sigpending(&came) != 0)
		return false;
	sigandset(&came, &came, &most);
	if (sigisemptyset(&came))
		return false;
	for (int number = 1; number < NSIG; number++)
		if (sigismember(&held.saved, number) == 1)
			sigdelset(&came, number);
	return !restart_all(&came);
}

bool signals_open(struct signals_wait *w)
{
	bool over = held.depth && held.blocked && interrupted();

	w->depth = held.depth;
	if (w->depth)
		let_go();
	return over;
}

void signals_close(const struct signals_wait *w)
{
	if (!w->depth)
		return;
	signals_hold();
	held.depth = w->depth;
}

const sigset_t *signals_open_in(struct signals_wait *w, const sigset_t *mask)
{
	w->depth = held.depth;
	w->blocked = held.depth && held.blocked;
	if (w->blocked)
		w->saved = held.saved;
	held.depth = 0;
	if (w->depth)
		pthread_setcancelstate(held.cancel_state, NULL);
	return mask || !w->blocked ? mask : &w->saved;
}

void signals_close_in(const struct signals_wait *w)
{
	int state;

	if (!w->depth)
		return;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	/* A handler may have used all of it for itself. */
	held.blocked = w->blocked;
	if (w->blocked)
		held.saved = w->saved;
	held.cancel_state = state;
	held.depth = w->depth;
}

static void nothing(void *unused)
{
	(void)unused;
}

void signals_cancel_point(void (*undo)(void *arg), void *arg)
{
	unsigned int depth = held.depth;

	if (!depth || held.cancel_state != PTHREAD_CANCEL_ENABLE)
		return;
	CLEANUP_PUSH(undo ? undo : nothing, arg);
	held.depth = 0;
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	pthread_testcancel();
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	held.depth = depth;
	CLEANUP_POP(0);
}

void signals_begin(void)
{
	struct sigaction action;

	if (atomic_load_explicit(&begun, memory_order_relaxed) || atomic_exchange(&begun, true))
		return;
	/* What was installed before, or before us. */
	for (int number = 1; number < NSIG; number++)
		if (libc.sigaction(number, NULL, &action) == 0)
			signals_note(number, action.sa_handler);
}

/* With handlers of faults alone, which are not blocked, there is nothing to wait for. */
UNSANITIZED void signals_note(int number, void (*handler)(int number))
{
	if (atomic_load_explicit(&begun, memory_order_relaxed) && handler != SIG_DFL &&
	    handler != SIG_IGN && sigismember(&most, number) == 1)
		atomic_store_explicit(&blocks, true, memory_order_relaxed);
}
