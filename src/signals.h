/* SPDX-License-Identifier: MIT */
/*
 * Signals wait while the library is at work, as they wait for a system call to be over or
 * to sleep: a handler finds no lock that its own thread has, no half made change, and can
 * jump out (siglongjmp). In a process that has no handler this costs no system call.
 *
 * A thread cannot be cancelled meanwhile either: the calls made there are libc's
 * cancellation points, but only those that wait are ours.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

/*
 * From here to signals_let(); can be nested. Not SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGSYS:
 * a fault cannot wait, and who sent one cannot be known before. So a program that sends
 * them itself must not use a TLS socket in their handlers, nor leave these by a jump.
 */
void signals_hold(void);
void signals_let(void);

/* What a call returns that is made so. */
#define SIGNALS_HELD(call)                                                                         \
	({                                                                                         \
		__typeof__(call) held_result;                                                      \
		signals_hold();                                                                    \
		held_result = (call);                                                              \
		signals_let();                                                                     \
		held_result;                                                                       \
	})

struct signals_wait {
	unsigned int depth;
	bool blocked;
	sigset_t saved;
	int handled; /* for the wait that a handler of which is in this one */
};

/*
 * Around a wait, whatever is held: handlers run there, and the thread may be cancelled.
 * Returns true if a handler ran on the way in that does not restart calls: the wait is
 * over before it began.
 */
bool signals_open(struct signals_wait *w);
void signals_close(const struct signals_wait *w);

/*
 * The same for a call that takes a mask for as long as it waits: returns the mask for it.
 * mask is the program's own; NULL: it asked for none.
 */
const sigset_t *signals_open_in(struct signals_wait *w, const sigset_t *mask);
void signals_close_in(const struct signals_wait *w);

/* A cancellation point that does not wait. On the way out undo(arg) is called, if not NULL. */
void signals_cancel_point(void (*undo)(void *arg), void *arg);

/*
 * Whether a call goes on whose wait was interrupted: if the handlers that ran have
 * SA_RESTART. Where none is known that did, if all have that are installed.
 */
bool signals_restart(void);

/* A handler ran in the last wait. */
bool signals_came(void);

/* The process is about to have a TLS socket. Not from within a hold, which it would not reach. */
void signals_begin(void);

/* It is about to install this, by whatever call, and handlers.h cannot put it off. */
void signals_note(int number, void (*handler)(int number));

/* True for what waits by the mask. */
bool signals_waits(int number);

/* True for a function, and not one of the constants. */
bool signals_is_handler(void (*handler)(int number));

/* True if there is, or was, a handler that the kernel calls by itself. */
bool signals_unseen(void);

/*
 * A signal has come for which the kernel calls handlers.h. Returns true if it is handled when
 * the thread lets go, then with its info if that is of interest. Async-signal-safe.
 */
bool signals_put_off(int number, const siginfo_t *info, bool informed);

/* It is handled now. */
void signals_handled(bool restarts);

/*
 * pthread_cleanup_push and _pop, but for siglongjmp too: glibc has kept for it the list of
 * an older interface, which it also calls when a thread is cancelled.
 */
void _pthread_cleanup_push(struct _pthread_cleanup_buffer *buffer, void (*routine)(void *arg),
			   void *arg);
void _pthread_cleanup_pop(struct _pthread_cleanup_buffer *buffer, int execute);

#define CLEANUP_PUSH(routine, arg)                                                                 \
	do {                                                                                       \
		struct _pthread_cleanup_buffer cleanup_buffer;                                     \
	_pthread_cleanup_push(&cleanup_buffer, routine, arg)
#define CLEANUP_POP(execute)                                                                       \
	_pthread_cleanup_pop(&cleanup_buffer, execute);                                            \
	}                                                                                          \
	while (0)

#endif /* SIGNALS_H */
