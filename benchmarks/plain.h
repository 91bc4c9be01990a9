/* SPDX-License-Identifier: MIT */
/*
 * The cost of the library to calls on descriptors that are not its own.
 */
#ifndef BENCH_PLAIN_H
#define BENCH_PLAIN_H

#include <stdbool.h>

/* False: a program failed, which it has said. */
bool plain_measure(const char *program, const char *library, double seconds, int round);

/* The same counted in instructions, which do not vary: once is enough. */
bool plain_count_instructions(const char *program, const char *library);

#endif /* BENCH_PLAIN_H */
