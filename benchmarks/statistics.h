/* SPDX-License-Identifier: MIT */
#ifndef BENCH_STATISTICS_H
#define BENCH_STATISTICS_H

#include <stddef.h>

struct summary {
	double median;
	double low;
	double high;
	double spread; /* half of what lies between the quartiles */
};

void sort_values(double *values, size_t count);

/* Of sorted values, at least one; part between 0 and 1, nearest rank. */
double quantile(const double *sorted, size_t count, double part);

/* Of at least one value, in any order. */
struct summary summarize(const double *values, size_t count);

#endif /* BENCH_STATISTICS_H */
