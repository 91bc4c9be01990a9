/* SPDX-License-Identifier: MIT */
#include "signals.h"

#include "handlers.h"
#include "libc.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>

#define BIT(number) (1ul << ((number)-1))

/*
 * What is blocked: not what has a fault of the thread's as its cause, which would kill it
 * without its handler. abort unblocks its own.
 */
static const sigset_t most = {
	{~(BIT(SIGBUS) | BIT(SIGFPE) | BIT(SIGILL) | BIT(SIGSEGV) | BIT(SIGSYS)), ~0ul}};

static atomic_bool begun;  /* the process has, or had, a TLS socket */
static atomic_bool blocks; /* and a handler that cannot be put off, but by the mask */

static __thread struct {
	unsigned int depth;
	int cancel_state; /* of before */
	bool blocked;	  /* with saved as the mask of before */
	sigset_t saved;
} held;

/* What a signal brings beyond its number, as far as the kernel fills it in. */
enum { KEPT = 4, INFO = offsetof(siginfo_t, si_stime) + sizeof(clock_t) };

/* The signals that handlers.h was called for meanwhile. */
static __thread struct {
	atomic_ulong came;
	pid_t thread;
	struct {
		atomic_int number; /* 0: free */
		char info[INFO];
	} kept[KEPT];
} late;

/* The order of what this thread's signal handlers look at. */
static void barrier(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}

/* Until depth says so a handler may come, and leaves everything as it was. */
static void hold_by_mask(void)
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	pthread_sigmask(SIG_BLOCK, &most, &held.saved);
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

bool signals_put_off(int number, const siginfo_t *info)
{
	/* depth is 0 and something late only where that is about to be sent. */
	if (!held.depth && !atomic_load(&late.came))
		return false;
	late.thread = (pid_t)libc.syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);
	for (int i = 0; info && i < KEPT; i++) {
		int none = 0;

		/* As where one is pending already: the first counts. */
		if (atomic_load(&late.came) & BIT(number))
			break;
		if (atomic_compare_exchange_strong(&late.kept[i].number, &none, number)) {
			memcpy(late.kept[i].info, info, INFO);
			break;
		}
	}
	atomic_fetch_or(&late.came, BIT(number));
	return true;
}

static void send_one(int number)
{
	siginfo_t info = {0};
	long process = libc.syscall(SYS_getpid, 0, 0, 0, 0, 0, 0), r = -1;
	int i = 0;

	while (i < KEPT && atomic_load(&late.kept[i].number) != number)
		i++;
	if (i < KEPT) {
		memcpy(&info, late.kept[i].info, INFO);
		atomic_store(&late.kept[i].number, 0);
		r = libc.syscall(SYS_rt_tgsigqueueinfo, process, late.thread, number, (long)&info,
				 0, 0);
	}
	/* As from a kernel that has no memory for it. */
	if (r < 0)
		libc.syscall(SYS_tgkill, process, late.thread, number, 0, 0, 0);
}

/*
 * Sent again, now that they may come, they are what they would have been: the kernel looks
 * to mask, stack and flags. Returns with them blocked, and what was so before. In a child of
 * fork they are the parent's.
 */
static unsigned long send_late(sigset_t *saved)
{
	unsigned long came;
	int error = errno;

	held.depth = 1;
	barrier();
	pthread_sigmask(SIG_BLOCK, &most, saved);
	came = atomic_exchange(&late.came, 0);
	if (late.thread != (pid_t)libc.syscall(SYS_gettid, 0, 0, 0, 0, 0, 0)) {
		memset(late.kept, 0, sizeof(late.kept));
		came = 0;
	}
	for (int number = 1; came >> (number - 1); number++)
		if (came & BIT(number))
			send_one(number);
	held.depth = 0;
	errno = error;
	return came;
}

/* Where the thread has just let go. Returns what came late and is handled by now. */
static unsigned long flush(void)
{
	unsigned long came;
	sigset_t saved;

	barrier();
	if (!atomic_load_explicit(&late.came, memory_order_relaxed))
		return 0;
	came = send_late(&saved);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	return came;
}

/*
 * Cancelled or jumped out of at the end, the thread must have left nothing to do. Returns
 * the signals that came late, if not by the mask.
 */
static unsigned long let_go(void)
{
	bool blocked = held.blocked;

	if (blocked)
		held.depth = 0;
	pthread_setcancelstate(held.cancel_state, NULL);
	held.depth = 0;
	if (!blocked)
		return flush();
	pthread_sigmask(SIG_SETMASK, &held.saved, NULL);
	return 0;
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

/* What came while signals waited by the mask, and will now be handled. */
static bool interrupted(void)
{
	sigset_t came;

	if (!held.depth || !held.blocked || sigpending(&came) != 0)
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
	bool over = interrupted();
	unsigned long came;

	w->depth = held.depth;
	came = w->depth ? let_go() : 0;
	return over || (came && !restart_all(&(sigset_t){{came}}));
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
	w->blocked = false;
	if (!w->depth)
		return mask;
	w->blocked = held.blocked;
	w->saved = held.saved;
	if (w->blocked)
		held.depth = 0;
	pthread_setcancelstate(held.cancel_state, NULL);
	held.depth = 0;
	barrier();
	/* What came late ends the wait, in the kernel. */
	if (!w->blocked && atomic_load_explicit(&late.came, memory_order_relaxed)) {
		send_late(&w->saved);
		w->blocked = true;
	}
	return mask || !w->blocked ? mask : &w->saved;
}

void signals_close_in(const struct signals_wait *w)
{
	int state;

	if (!w->depth)
		return;
	if (!w->blocked)
		held.depth = w->depth;
	barrier();
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

void signals_fork_child(void)
{
	/* Those that came to the parent are handled there. */
	if (late.thread != (pid_t)libc.syscall(SYS_gettid, 0, 0, 0, 0, 0, 0))
		atomic_store(&late.came, 0);
}

void signals_begin(void)
{
	if (atomic_load_explicit(&begun, memory_order_relaxed) || atomic_exchange(&begun, true))
		return;
	handlers_begin();
}

UNSANITIZED bool signals_waits(int number)
{
	return sigismember(&most, number) == 1;
}

/* With handlers of faults alone, which are not blocked, there is nothing to wait for. */
UNSANITIZED void signals_note(int number, void (*handler)(int number))
{
	if (atomic_load_explicit(&begun, memory_order_relaxed) && handler != SIG_DFL &&
	    handler != SIG_IGN && signals_waits(number))
		atomic_store_explicit(&blocks, true, memory_order_relaxed);
}
