/* SPDX-License-Identifier: MIT */
/*
 * What the driver and the contenders' programs both need.
 */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <stddef.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Prints "program: text" to stderr and exits with 1. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* As die, and adds what errno says. */
_Noreturn void die_errno(const char *what);

/* Seconds since some fixed point, from the monotonic clock. */
double now_seconds(void);

/* The non-negative number that text is, or exits with a message that names it. */
double parse_number(const char *name, const char *text);

/* Copies text, or exits when there is no memory. */
char *copy_text(const char *text);

/* Keeps this process to the which-th CPU that it may use; nothing if there are too few. */
void pin_to_cpu(int which);

#endif /* BENCH_COMMON_H */
