/* SPDX-License-Identifier: MIT */
#include "statistics.h"

#include "common.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

void sort_values(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
}

double quantile(const double *sorted, size_t count, double part)
{
	size_t rank = (size_t)ceil(part * (double)count);

	return sorted[rank > 0 ? rank - 1 : 0];
}

/* The mean of the two in the middle when their number is even. */
static double median(const double *sorted, size_t count)
{
	return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

struct summary summarize(const double *values, size_t count)
{
	double *sorted = malloc(count * sizeof(*sorted));
	struct summary summary;

	if (!sorted)
		die_errno("malloc");
	memcpy(sorted, values, count * sizeof(*sorted));
	sort_values(sorted, count);
	summary.median = median(sorted, count);
	summary.low = sorted[0];
	summary.high = sorted[count - 1];
	summary.spread = (quantile(sorted, count, 0.75) - quantile(sorted, count, 0.25)) / 2;
	free(sorted);
	return summary;
}
