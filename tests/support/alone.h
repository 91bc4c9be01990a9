/* SPDX-License-Identifier: MIT */
/* alone.h - cases that are compared with TCP, each in a child, which may ruin its own. */
#ifndef TEST_ALONE_H
#define TEST_ALONE_H

#include "trace.h"

/* The link is opened in the child, so that nobody else has its descriptors. */
void alone_run(struct link *link, struct trace *trace,
	       void (*run)(struct link *link, struct trace *trace));

/* For a list of X(title, function): a function for each, and its row. */
#define ALONE_CASE(title, function)                                                                \
	static void function##_alone(struct link *l, struct trace *t)                              \
	{                                                                                          \
		alone_run(l, t, function);                                                         \
	}
#define ALONE_ROW(title, function) {title, function##_alone},

#endif /* TEST_ALONE_H */
