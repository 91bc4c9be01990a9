/* SPDX-License-Identifier: MIT */
/*
 * What is to be measured: a case for each measure with its sizes and numbers.
 */
#ifndef BENCH_PLAN_H
#define BENCH_PLAN_H

#include "arguments.h"
#include "results.h"

#include <stdbool.h>
#include <stddef.h>

#define MAX_CONTENDERS 16

struct bench_case {
	const char *measure; /* as the user chooses it */
	const char *worker;  /* the contenders' name for it */
	char label[96];
	const char *cipher;
	const char *key; /* IDENTITY_ECDSA or IDENTITY_RSA */
	unsigned int write_bytes;
	unsigned int read_bytes;
	unsigned int connections;
	unsigned int slow;
	unsigned int rounds;
	bool resume;	  /* handshakes that resume a session */
	bool sockets;	  /* for contenders that speak by socket calls alone */
	bool no_proxies;  /* not for those that have any */
	bool count_calls; /* in a run of its own, after the others */
	bool failed[MAX_CONTENDERS];
};

/* Exits if the arguments name a measure that there is not. */
void plan_make(const struct arguments *arguments);

/* NULL after the last. */
struct bench_case *plan_at(size_t index);

#endif /* BENCH_PLAN_H */
