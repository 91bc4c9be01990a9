/* SPDX-License-Identifier: MIT */
/*
 * Signals of this thread that have come and are not handled yet: kept, and sent to it again.
 * They are then what they would have been: the kernel looks to mask, stack and flags.
 * Async-signal-safe.
 */
#ifndef LATE_H
#define LATE_H

#include <signal.h>
#include <stdint.h>

enum { LATE_NUMBERS = 32 };

#define LATE_BIT(number) (1ul << ((number)-1))

/* Not 0: something is kept, in its lower half a bit for each number. */
extern __thread _Atomic uint64_t late_came __attribute__((visibility("hidden")));

/* info: NULL if the number is all that is of interest. */
void late_keep(int number, const siginfo_t *info);

/* Sends what is kept. The caller has it blocked. */
void late_send(void);

void late_send_one(int number, const siginfo_t *info);

#endif /* LATE_H */
