/* SPDX-License-Identifier: MIT */
/*
 * Who is measured, and how each is run.
 */
#ifndef BENCH_CONTENDERS_H
#define BENCH_CONTENDERS_H

#include "arguments.h"
#include "plan.h"

/* Exits if the arguments name one that there is not. */
void contenders_check(const struct arguments *arguments);

/*
 * Runs the case once with each that is asked for and that has not failed in it, the first
 * another one in each round. False, with lines on stderr, if one failed.
 */
bool contenders_run(const struct arguments *arguments, struct bench_case *bench_case,
		    const char *identity, unsigned int round, bool count_calls);

#endif /* BENCH_CONTENDERS_H */
