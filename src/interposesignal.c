/* SPDX-License-Identifier: MIT */
/* The names that install signal handlers. */
#include "interpose.h"

#include "handlers.h"
#include "libc.h"

#include <signal.h>

/* No header declares these. */
int __sigaction(int number, const struct sigaction *restrict action,
		struct sigaction *restrict old);
sighandler_t bsd_signal(int number, sighandler_t handler);

/* Each a function of its own: gcc 12 does not survive ALIAS() of one that is UNSANITIZED. */
#define SIGACTION(name)                                                                            \
	EXPORT UNSANITIZED int name(int number, const struct sigaction *restrict action,           \
				    struct sigaction *restrict old)                                \
	{                                                                                          \
		return handlers_sigaction(number, action, old);                                    \
	}

#define SIGNAL(name, kind)                                                                         \
	EXPORT UNSANITIZED sighandler_t name(int number, sighandler_t handler)                     \
	{                                                                                          \
		return handlers_signal(number, handler, kind);                                     \
	}

SIGACTION(sigaction)
SIGACTION(__sigaction)
SIGNAL(signal, HANDLERS_BSD)
SIGNAL(bsd_signal, HANDLERS_BSD)
SIGNAL(ssignal, HANDLERS_BSD)
SIGNAL(sigset, HANDLERS_SIGSET)
SIGNAL(sysv_signal, HANDLERS_SYSV)
SIGNAL(__sysv_signal, HANDLERS_SYSV)

EXPORT int siginterrupt(int number, int interrupt)
{
	return handlers_siginterrupt(number, interrupt);
}
