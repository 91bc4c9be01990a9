/* SPDX-License-Identifier: MIT */
/*
 * How many system calls another process makes, counted by strace(1). Both do nothing
 * where strace is missing or may not attach.
 */
#ifndef BENCH_CALLS_H
#define BENCH_CALLS_H

#include <stdbool.h>
#include <sys/types.h>

/* Begins to count those of the process and its threads. False: they cannot be. */
bool calls_begin(pid_t process);

/* Ends that. Returns how many there were; 0: it failed. */
unsigned long calls_end(void);

#endif /* BENCH_CALLS_H */
