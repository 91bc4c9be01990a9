/* SPDX-License-Identifier: MIT */
#include "handlers.h"

#include "late.h"
#include "libc.h"
#include "owner.h"
#include "signals.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>

enum { NUMBERS = 32, TURNS = 2, YIELDS = 10000, KERNEL_SET = 8, KERNEL_WORDS = 8 };

/* What of a program's flags the kernel does not have as they are. */
static const unsigned int own_flags = SA_SIGINFO | SA_RESETHAND;

typedef void (*handler)(int number, siginfo_t *info, void *context);

/*
 * Two for each number: which one holds is told by which function of ours the kernel has, so
 * that no signal meets one handler with another one's mask.
 */
static struct slot {
	_Atomic(handler) function; /* NULL: it was for one signal (SA_RESETHAND) that has come */
	atomic_uint flags;
} slots[TURNS][NUMBERS];

static atomic_flag changing[NUMBERS];
static atomic_bool active;
static atomic_uint interrupting; /* the numbers that siginterrupt(3) was told */

/* Left too high by one that jumps out. */
static __thread volatile unsigned int running;

static handler take_once(int number, int turn, const siginfo_t *info);

static void come(int number, siginfo_t *info, void *context, int turn)
{
	const struct slot *slot = &slots[turn][number];
	unsigned int flags = atomic_load(&slot->flags);
	handler function = atomic_load(&slot->function);

	if (signals_put_off(number, info, flags & SA_SIGINFO))
		return;
	if (flags & SA_RESETHAND)
		function = take_once(number, turn, info);
	signals_handled(flags & SA_RESTART);
	if (!function)
		return;
	running++;
	function(number, info, context);
	running--;
}

static void come_0(int number, siginfo_t *info, void *context)
{
	come(number, info, context, 0);
}

static void come_1(int number, siginfo_t *info, void *context)
{
	come(number, info, context, 1);
}

static const handler ours[TURNS] = {come_0, come_1};

/* The kernel calls both kinds alike. */
#define AS(type, function) ((type)(void (*)(void))(function))

/* Returns which turn's it is; -1: it is not ours. */
static UNSANITIZED int turn_of(handler function)
{
	for (int i = 0; i < TURNS; i++)
		if (function == ours[i])
			return i;
	return -1;
}

static UNSANITIZED bool is_number(int number)
{
	return number > 0 && number < NUMBERS;
}

/* Of those of real time several can wait at once, and are not to change their order. */
static UNSANITIZED bool can_be_ours(int number, const struct sigaction *action)
{
	return signals_is_handler(action->sa_handler) && is_number(number) &&
	       signals_waits(number) && turn_of(action->sa_sigaction) < 0;
}

/*
 * One change of a number at a time. It fails where the other one is over in another process
 * only; and in a child of vfork, which has handlers of its own in the kernel but not here.
 */
static bool begin_change(int number)
{
	if (owner_in_vfork_child())
		return false;
	signals_hold();
	for (int i = 0; i < YIELDS; i++) {
		if (!atomic_flag_test_and_set(&changing[number]))
			return true;
		sched_yield();
	}
	signals_let();
	return false;
}

static void end_change(int number)
{
	atomic_flag_clear(&changing[number]);
	signals_let();
}

UNSANITIZED void handlers_reveal(int number, sighandler_t *function, unsigned long *flags)
{
	int turn = is_number(number) ? turn_of(AS(handler, *function)) : -1;

	if (turn < 0)
		return;
	*function = AS(sighandler_t, atomic_load(&slots[turn][number].function));
	*flags &= ~(unsigned long)own_flags;
	*flags |= atomic_load(&slots[turn][number].flags) & own_flags;
}

static UNSANITIZED void reveal(int number, struct sigaction *action)
{
	unsigned long flags = (unsigned int)action->sa_flags;

	handlers_reveal(number, &action->sa_handler, &flags);
	action->sa_flags = (int)flags;
}

/* For the next signal there is none any more, as if the kernel had taken it away. */
static void reset(int number, int turn, bool in_vfork_child)
{
	bool alone = begin_change(number);
	struct sigaction now;

	/* Another thread may have installed one meanwhile. */
	if (libc.sigaction(number, NULL, &now) == 0 && turn_of(now.sa_sigaction) == turn &&
	    (in_vfork_child || !atomic_load(&slots[turn][number].function))) {
		reveal(number, &now);
		now.sa_handler = SIG_DFL;
		libc.sigaction(number, &now, NULL);
	}
	if (alone)
		end_change(number);
}

/* Returns the handler, for the one thread whose signal was the first. */
static handler take_once(int number, int turn, const siginfo_t *info)
{
	_Atomic(handler) *function = &slots[turn][number].function;
	bool in_vfork_child = owner_in_vfork_child();
	int saved = errno;
	handler taken;

	taken = in_vfork_child ? atomic_load(function) : atomic_exchange(function, NULL);
	reset(number, turn, in_vfork_child);
	if (!taken)
		late_send_one(number, info);
	errno = saved;
	return taken;
}

/* Keeps a handler where the kernel does not look now. Returns our function for it. */
static handler keep(int number, const struct sigaction *action)
{
	struct sigaction now;
	int turn = 0;

	if (libc.sigaction(number, NULL, &now) == 0)
		turn = turn_of(now.sa_sigaction) == 0;
	atomic_store(&slots[turn][number].flags, (unsigned int)action->sa_flags);
	atomic_store(&slots[turn][number].function, action->sa_sigaction);
	return ours[turn];
}

static UNSANITIZED int direct(int number, const struct sigaction *action, struct sigaction *old)
{
	int r;

	if (action && turn_of(action->sa_sigaction) < 0)
		signals_note(number, action->sa_handler);
	r = libc.sigaction(number, action, old);
	if (r == 0 && old)
		reveal(number, old);
	return r;
}

/* A sanitizer that stands between has handlers of its own, and calls ours when it likes. */
static bool has_kernel(int number, handler function)
{
	handler found[KERNEL_WORDS] = {NULL};

	return libc.syscall(SYS_rt_sigaction, number, 0, (long)found, KERNEL_SET, 0, 0) == 0 &&
	       found[0] == function;
}

/* With the handler behind ours; *before is as the kernel has it. */
static int install(int number, const struct sigaction *action, struct sigaction *before)
{
	struct sigaction changed = *action;
	int r;

	changed.sa_sigaction = keep(number, action);
	changed.sa_flags = (int)(((unsigned int)action->sa_flags & ~own_flags) | SA_SIGINFO);
	r = libc.sigaction(number, &changed, before);
	if (r == 0 && !has_kernel(number, changed.sa_sigaction)) {
		atomic_store(&active, false);
		signals_note(number, action->sa_handler);
		r = libc.sigaction(number, action, NULL);
	}
	return r;
}

UNSANITIZED int handlers_sigaction(int number, const struct sigaction *action,
				   struct sigaction *old)
{
	struct sigaction before = {0};
	int r;

	if (!atomic_load_explicit(&active, memory_order_relaxed) || !action || !is_number(number) ||
	    !begin_change(number))
		return direct(number, action, old);
	if (can_be_ours(number, action)) {
		r = install(number, action, &before);
		reveal(number, &before);
	} else {
		r = direct(number, action, &before);
	}
	end_change(number);
	if (r == 0 && old)
		*old = before;
	return r;
}

static UNSANITIZED sighandler_t real_signal(int number, sighandler_t function,
					    enum handlers_kind kind)
{
	unsigned long flags = 0;
	sighandler_t before;

	signals_note(number, function);
	before = kind == HANDLERS_BSD	 ? libc.signal(number, function)
		 : kind == HANDLERS_SYSV ? libc.sysv_signal(number, function)
					 : libc.sigset(number, function);
	handlers_reveal(number, &before, &flags);
	return before;
}

UNSANITIZED sighandler_t handlers_signal(int number, sighandler_t function, enum handlers_kind kind)
{
	struct sigaction action = {.sa_handler = function}, before;
	sigset_t set, blocked;

	if (!atomic_load_explicit(&active, memory_order_relaxed) || !is_number(number) ||
	    function == SIG_ERR || function == SIG_HOLD)
		return real_signal(number, function, kind);
	sigemptyset(&set);
	sigaddset(&set, number);
	if (kind == HANDLERS_SYSV)
		action.sa_flags = (int)(SA_RESETHAND | SA_NODEFER | SA_INTERRUPT);
	else if (kind == HANDLERS_BSD)
		action.sa_flags = atomic_load(&interrupting) & 1U << number ? 0 : SA_RESTART;
	if (kind == HANDLERS_BSD)
		action.sa_mask = set;
	if (handlers_sigaction(number, &action, &before) < 0)
		return SIG_ERR;
	if (kind == HANDLERS_SIGSET && pthread_sigmask(SIG_UNBLOCK, &set, &blocked) == 0 &&
	    sigismember(&blocked, number) == 1)
		return SIG_HOLD;
	return before.sa_handler;
}

static void set_bit(atomic_uint *bits, unsigned int bit, bool on)
{
	if (on)
		atomic_fetch_or(bits, bit);
	else
		atomic_fetch_and(bits, ~bit);
}

int handlers_siginterrupt(int number, int interrupt)
{
	bool alone = is_number(number) && begin_change(number);
	int r = libc.siginterrupt(number, interrupt), turn = -1;
	struct sigaction now;

	if (r == 0 && is_number(number))
		set_bit(&interrupting, 1U << number, interrupt);
	if (alone && r == 0 && libc.sigaction(number, NULL, &now) == 0)
		turn = turn_of(now.sa_sigaction);
	if (turn >= 0)
		set_bit(&slots[turn][number].flags, SA_RESTART, !interrupt);
	if (alone)
		end_change(number);
	return r;
}

/* What was installed before, or before us. */
static void adopt(int number)
{
	struct sigaction action, before;

	if (libc.sigaction(number, NULL, &action) != 0 || turn_of(action.sa_sigaction) >= 0)
		return;
	if (!can_be_ours(number, &action) || !atomic_load(&active) || !begin_change(number)) {
		signals_note(number, action.sa_handler);
		return;
	}
	/* Another thread may have been faster, which knew nothing of all this yet. */
	if (install(number, &action, &before) == 0 && before.sa_sigaction != action.sa_sigaction) {
		signals_note(number, before.sa_handler);
		libc.sigaction(number, &before, NULL);
	}
	end_change(number);
}

void handlers_adopt(int number)
{
	adopt(number);
}

void handlers_begin(void)
{
	atomic_store(&active, true);
	for (int number = 1; number < NSIG; number++)
		adopt(number);
}

void handlers_fork_child(void)
{
	for (int number = 1; number < NUMBERS; number++)
		atomic_flag_clear(&changing[number]);
}

bool handlers_may_run(void)
{
	return running || !atomic_load(&active) || signals_unseen();
}
