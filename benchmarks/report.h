/* SPDX-License-Identifier: MIT */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

struct run {
	const char *cipher;
	int rounds;
	double seconds;
	double load; /* of the machine before it */
};

/* What ran where, and sets its load: before the figures. */
void report_machine(struct run *run);

/* A table for each case, with ratios and goals. */
void report_results(void);

/* All of it, each round's values too, as JSON. */
void report_json(const char *path, const struct run *run);

#endif /* BENCH_REPORT_H */
