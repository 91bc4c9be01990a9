/* SPDX-License-Identifier: MIT */
/*
 * forked.h - children that have a part in a session. They say what they found by
 * their exit status; pipes put the steps in order.
 */
#ifndef TEST_FORKED_H
#define TEST_FORKED_H

#include "owner.h"

#include <stdbool.h>
#include <sys/types.h>

/* The children's exit status: what they got. */
enum { NO = 10, YES = 11 };

/* fork() as the library's handlers do it, with some objects. */
pid_t fork_with(struct owner *owners, unsigned int n);

/* A child that runs no handlers. */
pid_t raw_clone(void);

/* The end of a child. */
void answer(bool yes);

/* Two pipes, for a byte in each direction. */
struct gate {
	int go[2], done[2];
};

void gate_open(struct gate *g);
void gate_close(struct gate *g);
void pass(int fd);
void await(int fd);

#endif /* TEST_FORKED_H */
