/* SPDX-License-Identifier: MIT */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <sys/utsname.h>

struct machine {
	struct utsname system;
	char processor[128];
	char congestion[32]; /* TCP's congestion control */
	long processors;
	double load; /* of the last minute */
};

void machine_describe(struct machine *machine);

#endif /* BENCH_MACHINE_H */
