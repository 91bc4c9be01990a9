/* SPDX-License-Identifier: MIT */
/*
 * The program's signal handlers, behind functions of ours that the kernel calls in their
 * place: these call them, unless the thread is at work in the library (signals.h), which then
 * costs no system call. The kernel has all else as the program told it: mask, flags, stack.
 */
#ifndef HANDLERS_H
#define HANDLERS_H

#include <signal.h>
#include <stdbool.h>

/*
 * As sigaction(2), with the program's own handlers in and out. Handlers that cannot be
 * called by ours are told to signals_note().
 */
int handlers_sigaction(int number, const struct sigaction *action, struct sigaction *old);

/* As signal(2) and its kin, by the real one. */
sighandler_t handlers_signal(int number, sighandler_t handler,
			     sighandler_t (*real)(int number, sighandler_t handler));

/* What a system call gave as the action of a number, the handler and no more. */
void handlers_reveal(int number, void (**handler)(int number));

/* The process is about to have a TLS socket: from now on, and what is installed already. */
void handlers_begin(void);

#endif /* HANDLERS_H */
