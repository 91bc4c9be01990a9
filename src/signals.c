/* SPDX-License-Identifier: MIT */
#include "signals.h"

#include "handlers.h"
#include "late.h"
#include "libc.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/syscall.h>

/*
 * What is blocked: not what has a fault of the thread's as its cause, which would kill it
 * without its handler. abort unblocks its own.
 */
static const sigset_t most = {{~(LATE_BIT(SIGBUS) | LATE_BIT(SIGFPE) | LATE_BIT(SIGILL) |
				 LATE_BIT(SIGSEGV) | LATE_BIT(SIGSYS)),
			       ~0ul}};

static atomic_bool begun;  /* the process has, or had, a TLS socket */
static atomic_bool unseen; /* and a handler that is not called by handlers.h */

/* Why signals are held off by the mask. */
enum { BEGINS = 1, HAS_OTHERS = 2 };
static atomic_int blocks;

/* What the handlers were that ran in a wait. */
enum { RESTARTING = 1, ENDING = 2 };

static __thread struct {
	unsigned int depth;
	int cancel_state;    /* of before */
	bool blocked;	     /* with saved as the mask of before */
	unsigned long saved; /* the first word: the kernel has no more numbers */
	atomic_int handled;  /* in this wait */
	int handled_last;    /* in the one before */
} held;

/* The order of what this thread's signal handlers look at. */
static void barrier(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}

/* Until depth says so a handler may come, and leaves everything as it was. */
static void hold_by_mask(void)
{
	sigset_t saved;
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	pthread_sigmask(SIG_BLOCK, &most, &saved);
	held.saved = saved.__val[0];
	held.blocked = true;
	held.cancel_state = state;
	held.depth = 1;
}

void signals_hold(void)
{
	int state;

	if (held.depth) {
		held.depth++;
	} else if (atomic_load_explicit(&blocks, memory_order_relaxed)) {
		hold_by_mask();
	} else {
		held.depth = 1;
		barrier();
		held.blocked = false;
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
		held.cancel_state = state;
	}
}

/*
 * abort's. It cannot wait: abort has found the library's memory spoilt, and ends the process
 * when the handler has returned.
 */
static bool is_abort(int number, const siginfo_t *info)
{
	return number == SIGABRT && info->si_code == SI_TKILL &&
	       info->si_pid == libc.syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

bool signals_put_off(int number, const siginfo_t *info, bool informed)
{
	/* depth is 0 and something late only where that is about to be sent. */
	if ((!held.depth && !atomic_load(&late_came)) || is_abort(number, info))
		return false;
	late_keep(number, informed ? info : NULL);
	return true;
}

void signals_handled(bool restarts)
{
	atomic_fetch_or(&held.handled, restarts ? RESTARTING : ENDING);
}

/* Returns with all blocked, and what was so before. */
static void send_late(sigset_t *saved)
{
	int error = errno;

	held.depth = 1;
	barrier();
	pthread_sigmask(SIG_BLOCK, &most, saved);
	late_send();
	held.depth = 0;
	errno = error;
}

/* Where the thread has just let go. */
static void flush(void)
{
	sigset_t saved;

	barrier();
	if (!atomic_load_explicit(&late_came, memory_order_relaxed))
		return;
	send_late(&saved);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
}

/* Cancelled or jumped out of at the end, the thread must have left nothing to do. */
static void let_go(void)
{
	bool blocked = held.blocked;

	if (blocked)
		held.depth = 0;
	pthread_setcancelstate(held.cancel_state, NULL);
	held.depth = 0;
	if (blocked)
		pthread_sigmask(SIG_SETMASK, &(sigset_t){{held.saved}}, NULL);
	flush();
}

void signals_let(void)
{
	if (held.depth > 1)
		held.depth--;
	else
		let_go();
}

UNSANITIZED bool signals_is_handler(sighandler_t handler)
{
	return handler != SIG_DFL && handler != SIG_IGN && handler != SIG_ERR &&
	       handler != SIG_HOLD;
}

/* Of those in the set, or of all. */
static bool restart_all(const sigset_t *set)
{
	struct sigaction action;

	for (int number = 1; number < NSIG; number++) {
		if (set && sigismember(set, number) != 1)
			continue;
		if (libc.sigaction(number, NULL, &action) == 0 &&
		    signals_is_handler(action.sa_handler) && !(action.sa_flags & SA_RESTART))
			return false;
	}
	return true;
}

bool signals_restart(void)
{
	if (held.handled_last & ENDING)
		return false;
	return (held.handled_last && !atomic_load(&blocks)) || restart_all(NULL);
}

bool signals_came(void)
{
	return held.handled_last;
}

/* A handler may have waits of its own in this one. */
static void begin_wait(struct signals_wait *w)
{
	w->handled = atomic_load_explicit(&held.handled, memory_order_relaxed);
	atomic_store_explicit(&held.handled, 0, memory_order_relaxed);
}

static void end_wait(const struct signals_wait *w)
{
	held.handled_last = atomic_load_explicit(&held.handled, memory_order_relaxed);
	atomic_store_explicit(&held.handled, w->handled, memory_order_relaxed);
}

/* What came while signals waited by the mask, and will now be handled. */
static bool interrupted(void)
{
	const sigset_t saved = {{held.saved}};
	sigset_t came;

	if (!held.depth || !held.blocked || sigpending(&came) != 0)
		return false;
	sigandset(&came, &came, &most);
	if (sigisemptyset(&came))
		return false;
	for (int number = 1; number < NSIG; number++)
		if (sigismember(&saved, number) == 1)
			sigdelset(&came, number);
	return !restart_all(&came);
}

bool signals_open(struct signals_wait *w)
{
	bool over = interrupted();

	w->depth = held.depth;
	begin_wait(w);
	if (w->depth)
		let_go();
	return over || (atomic_load_explicit(&held.handled, memory_order_relaxed) & ENDING);
}

void signals_close(const struct signals_wait *w)
{
	if (w->depth) {
		signals_hold();
		held.depth = w->depth;
	}
	end_wait(w);
}

static bool blocks_one(const sigset_t *mask, uint64_t came)
{
	for (int number = 1; number < LATE_NUMBERS; number++)
		if (came & LATE_BIT(number) && sigismember(mask, number) == 1)
			return true;
	return false;
}

const sigset_t *signals_open_in(struct signals_wait *w, const sigset_t *mask)
{
	uint64_t came;

	w->depth = held.depth;
	w->blocked = false;
	begin_wait(w);
	if (!w->depth)
		return mask;
	w->blocked = held.blocked;
	w->saved = (sigset_t){{held.saved}};
	if (w->blocked)
		held.depth = 0;
	pthread_setcancelstate(held.cancel_state, NULL);
	held.depth = 0;
	barrier();
	came = w->blocked ? 0 : atomic_load_explicit(&late_came, memory_order_relaxed);
	if (came && mask && blocks_one(mask, came)) {
		/* It was not blocked before. */
		flush();
	} else if (came) {
		/* It ends the wait, in the kernel. */
		send_late(&w->saved);
		w->blocked = true;
	}
	return mask || !w->blocked ? mask : &w->saved;
}

void signals_close_in(const struct signals_wait *w)
{
	int state;

	if (!w->depth) {
		end_wait(w);
		return;
	}
	if (!w->blocked)
		held.depth = w->depth;
	barrier();
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	/* A handler may have used all of it for itself. */
	held.blocked = w->blocked;
	if (w->blocked)
		held.saved = w->saved.__val[0];
	held.cancel_state = state;
	held.depth = w->depth;
	end_wait(w);
}

static void nothing(void *unused)
{
	(void)unused;
}

struct undo {
	void (*routine)(void *arg);
	void *arg;
};

/* The handlers that the program has for this run as those of its own calls. */
static void cancelled(void *arg)
{
	const struct undo *undo = arg;

	held.depth = 0;
	if (!held.blocked)
		flush();
	undo->routine(undo->arg);
}

void signals_cancel_point(void (*routine)(void *arg), void *arg)
{
	struct undo undo = {routine ? routine : nothing, arg};

	if (!held.depth || held.cancel_state != PTHREAD_CANCEL_ENABLE)
		return;
	CLEANUP_PUSH(cancelled, &undo);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	pthread_testcancel();
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	CLEANUP_POP(0);
}

void signals_begin(void)
{
	if (atomic_load_explicit(&begun, memory_order_relaxed) || atomic_exchange(&begun, true))
		return;
	/* Other threads may have TLS sockets before all handlers are behind ours. */
	atomic_fetch_or(&blocks, BEGINS);
	handlers_begin();
	atomic_fetch_and(&blocks, ~BEGINS);
}

UNSANITIZED bool signals_waits(int number)
{
	return sigismember(&most, number) == 1;
}

bool signals_unseen(void)
{
	return atomic_load(&unseen);
}

/* With handlers of faults alone, which are not blocked, there is nothing to wait for. */
UNSANITIZED void signals_note(int number, sighandler_t handler)
{
	if (!atomic_load_explicit(&begun, memory_order_relaxed) || !signals_is_handler(handler))
		return;
	atomic_store(&unseen, true);
	if (signals_waits(number))
		atomic_fetch_or_explicit(&blocks, HAS_OTHERS, memory_order_relaxed);
}
