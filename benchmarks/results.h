/* SPDX-License-Identifier: MIT */
/*
 * What was measured: for each case, contender and metric a value per round.
 */
#ifndef BENCH_RESULTS_H
#define BENCH_RESULTS_H

#include "statistics.h"

#include <stdbool.h>
#include <stddef.h>

#define MAX_ROUNDS 100

struct metric {
	const char *name;  /* as contenders report it */
	const char *title; /* as people read it */
	const char *unit;
	int decimals;
	bool cost;   /* less is better */
	bool offset; /* compared by subtraction: a spread in its own unit, not a part */
};

struct series {
	char *label; /* the case */
	char *contender;
	const struct metric *metric;
	double values[MAX_ROUNDS]; /* NAN: none in this round */
};

/* A fact about a contender that is text. */
struct fact {
	char *contender;
	char *name;
	char *text;
};

extern const struct metric metrics[];
extern const size_t metric_count;

/* NULL: there is none of that name. */
const struct metric *find_metric(const char *name);

void results_add(const char *label, const char *contender, const struct metric *metric, int round,
		 double value);
void results_add_fact(const char *contender, const char *name, const char *text);

/* In the order in which they first came; NULL after the last. */
const struct series *results_at(size_t index);
const struct fact *facts_at(size_t index);

/* NULL: there is none. */
const struct series *results_find(const char *label, const char *contender,
				  const struct metric *metric);
const char *results_fact(const char *contender, const char *name);

/* Over the rounds that there are. */
struct summary series_summary(const struct series *series);

/*
 * How many times as good one is as the other: the median over the rounds that
 * both have, so that a machine that changes its speed changes both sides.
 * NAN when they have none in common.
 */
double series_advantage(const struct series *one, const struct series *other);

/* How much more one is than the other, likewise. */
double series_difference(const struct series *one, const struct series *other);

#endif /* BENCH_RESULTS_H */
