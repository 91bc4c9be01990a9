/* SPDX-License-Identifier: MIT */
/*
 * What the library sets out to reach. A goal that is missed is reported, never
 * a failure: the machine has its part in every figure.
 */
#ifndef BENCH_GOALS_H
#define BENCH_GOALS_H

#include <stdbool.h>
#include <stddef.h>

struct goal {
	const char *label; /* the case */
	const char *metric;
	const char *contender; /* whose figure */
	const char *against;   /* times as good as this one; NULL: the figure itself */
	double bound;	       /* at least, against another; else at most */
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
