/* SPDX-License-Identifier: MIT */
/*
 * The program's signal handlers, behind functions of ours that the kernel calls in their
 * place: these call them, unless the thread is at work in the library (signals.h), which then
 * costs no system call. The kernel has the mask, the stack and the flags as the program told
 * them, but for SA_SIGINFO, which it always has, and SA_RESETHAND, which is done here.
 */
#ifndef HANDLERS_H
#define HANDLERS_H

#include <signal.h>
#include <stdbool.h>

/* signal(2)'s kin: which flags and which mask a handler gets. */
enum handlers_kind { HANDLERS_BSD, HANDLERS_SYSV, HANDLERS_SIGSET };

/*
 * As sigaction(2), with the program's own handlers in and out. Handlers that cannot be
 * called by ours are told to signals_note().
 */
int handlers_sigaction(int number, const struct sigaction *action, struct sigaction *old);

/* As signal(2), sysv_signal(3) and sigset(3). */
sighandler_t handlers_signal(int number, sighandler_t function, enum handlers_kind kind);

/* As siginterrupt(3). */
int handlers_siginterrupt(int number, int interrupt);

/* What a system call gave as the action of a number: all that differs from the program's. */
void handlers_reveal(int number, void (**function)(int number), unsigned long *flags);

/* What a system call has installed past us. */
void handlers_adopt(int number);

/* The process is about to have a TLS socket: from now on, and what is installed already. */
void handlers_begin(void);

/* In a forked child: no other thread is in the middle of a change. */
void handlers_fork_child(void);

/* False if the thread is in no signal handler; true as well where that is not known. */
bool handlers_may_run(void);

#endif /* HANDLERS_H */
