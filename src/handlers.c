/* SPDX-License-Identifier: MIT */
#include "handlers.h"

#include "libc.h"
#include "owner.h"
#include "signals.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>

enum { NUMBERS = 32, TURNS = 2, YIELDS = 10000, KERNEL_SET = 8, KERNEL_WORDS = 8 };

typedef void (*handler)(int number, siginfo_t *info, void *context);

/*
 * Two for each number: which one holds is told by which function of ours the kernel has, so
 * that no signal meets one handler with another one's mask.
 */
static _Atomic(handler) handlers[TURNS][NUMBERS];
static atomic_flag changing[NUMBERS];
static atomic_bool active;

static void come(int number, siginfo_t *info, void *context, int turn, bool informed)
{
	if (!signals_put_off(number, informed ? info : NULL))
		atomic_load (&handlers[turn][number])(number, info, context);
}

#define OURS(turn, informed)                                                                       \
	static void come_##turn##informed(int number, siginfo_t *info, void *context)              \
	{                                                                                          \
		come(number, info, context, turn, informed);                                       \
	}

OURS(0, 0)
OURS(0, 1)
OURS(1, 0)
OURS(1, 1)

static const handler ours[TURNS][2] = {{come_00, come_01}, {come_10, come_11}};

/* The kernel calls both kinds alike. */
#define AS(type, function) ((type)(void (*)(void))(function))

/* Returns which turn's it is; -1: it is not ours. */
static UNSANITIZED int turn_of(handler function)
{
	for (int i = 0; i < 2 * TURNS; i++)
		if (function == ours[i / 2][i % 2])
			return i / 2;
	return -1;
}

static UNSANITIZED bool is_handler(sighandler_t function)
{
	return function != SIG_DFL && function != SIG_IGN && function != SIG_ERR &&
	       function != SIG_HOLD;
}

/*
 * Sent again it is to be what it was: not with a handler that is gone after the first, nor
 * in another order than others of its number.
 */
static bool can_wait(int number, int flags)
{
	return number > 0 && number < NUMBERS && signals_waits(number) && !(flags & SA_RESETHAND);
}

/*
 * One change of a number at a time. It fails where the other one is over in another process
 * only, or interrupted by this one; and in a child of vfork, which has handlers of its own in
 * the kernel but not here.
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

/* Keeps a handler where the kernel does not look now. Returns our function for it. */
static handler keep(int number, handler theirs, bool informed)
{
	struct sigaction now;
	int turn = 0;

	if (libc.sigaction(number, NULL, &now) == 0)
		turn = turn_of(now.sa_sigaction) == 0;
	atomic_store(&handlers[turn][number], theirs);
	return ours[turn][informed];
}

UNSANITIZED void handlers_reveal(int number, sighandler_t *function)
{
	int turn = turn_of(AS(handler, *function));

	if (turn >= 0 && number > 0 && number < NUMBERS)
		*function = AS(sighandler_t, atomic_load(&handlers[turn][number]));
}

static UNSANITIZED int direct(int number, const struct sigaction *action, struct sigaction *old)
{
	int r;

	if (action)
		signals_note(number, action->sa_handler);
	r = libc.sigaction(number, action, old);
	if (r == 0 && old)
		handlers_reveal(number, &old->sa_handler);
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

	changed.sa_sigaction = keep(number, action->sa_sigaction, action->sa_flags & SA_SIGINFO);
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
	struct sigaction before;
	int r;

	if (!atomic_load_explicit(&active, memory_order_relaxed) || !action ||
	    !is_handler(action->sa_handler) || !can_wait(number, action->sa_flags) ||
	    turn_of(action->sa_sigaction) >= 0 || !begin_change(number))
		return direct(number, action, old);
	r = install(number, action, &before);
	handlers_reveal(number, &before.sa_handler);
	end_change(number);
	if (r == 0 && old)
		*old = before;
	return r;
}

UNSANITIZED sighandler_t handlers_signal(int number, sighandler_t function,
					 sighandler_t (*real)(int number, sighandler_t handler))
{
	int flags = real == libc.sysv_signal ? SA_RESETHAND : 0;
	sighandler_t before;

	if (!atomic_load_explicit(&active, memory_order_relaxed) || !is_handler(function) ||
	    !can_wait(number, flags) || turn_of(AS(handler, function)) >= 0 ||
	    !begin_change(number)) {
		signals_note(number, function);
		before = real(number, function);
		handlers_reveal(number, &before);
		return before;
	}
	before = real(number, AS(sighandler_t, keep(number, AS(handler, function), false)));
	handlers_reveal(number, &before);
	end_change(number);
	return before;
}

/* What was installed before, or before us. */
static void adopt(int number)
{
	struct sigaction action, before;

	if (libc.sigaction(number, NULL, &action) != 0 || !is_handler(action.sa_handler) ||
	    turn_of(action.sa_sigaction) >= 0)
		return;
	if (!can_wait(number, action.sa_flags) || !atomic_load(&active) || !begin_change(number)) {
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

void handlers_begin(void)
{
	atomic_store(&active, true);
	for (int number = 1; number < NSIG; number++)
		adopt(number);
}
