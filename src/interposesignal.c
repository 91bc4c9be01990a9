/* SPDX-License-Identifier: MIT */
/* The names that install signal handlers: that there is one is all that is of interest. */
#include "interpose.h"

#include "libc.h"
#include "signals.h"

#include <signal.h>

EXPORT int sigaction(int number, const struct sigaction *restrict action,
		     struct sigaction *restrict old)
{
	if (action)
		signals_note(number, action->sa_handler);
	return libc.sigaction(number, action, old);
}

ALIAS(__sigaction, sigaction);

#define SIGNAL(name)                                                                               \
	EXPORT sighandler_t name(int number, sighandler_t handler)                                 \
	{                                                                                          \
		signals_note(number, handler);                                                     \
		return libc.name(number, handler);                                                 \
	}

SIGNAL(signal)
SIGNAL(sigset)
SIGNAL(sysv_signal)

ALIAS(bsd_signal, signal);
ALIAS(ssignal, signal);
ALIAS(__sysv_signal, sysv_signal);
