/* SPDX-License-Identifier: MIT */
/*
 * What the library sets out to reach. A goal that is missed is reported, never
 * a failure: the machine has its part in every figure.
 */
#ifndef BENCH_GOALS_H
#define BENCH_GOALS_H

#include <stdbool.h>
#include <stddef.h>

enum goal_kind {
	GOAL_RATIO, /* at least so many times as good as the other */
	GOAL_MORE,  /* at most so much more than the other, in its own unit */
	GOAL_MOST,  /* at most so much */
};

struct goal {
	const char *label; /* the case */
	const char *metric;
	const char *contender; /* whose figure */
	const char *against;   /* the other; NULL: none */
	enum goal_kind kind;
	double bound;
	const char *text;
};

struct verdict {
	double value;
	bool met;
};

extern const struct goal goals[];
extern const size_t goal_count;

/* False: what it needs was not measured. */
bool goal_judge(const struct goal *goal, struct verdict *verdict);

#endif /* BENCH_GOALS_H */
