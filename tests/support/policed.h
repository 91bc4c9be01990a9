/* SPDX-License-Identifier: MIT */
/*
 * policed.h - programs under an administrator's policy. It holds for a process: each is this
 * program again, which calls acting() where it has arguments.
 */
#ifndef TEST_POLICED_H
#define TEST_POLICED_H

#include "proc.h"
#include "test.h"

/* A policy; what the program is to do; and what it says in the end. $Z: the zoo; $P: itself. */
struct policed {
	const char *policy, *act;
	const char *identity; /* of a server that it connects to, NULL: nobody is there */
	const char *says[3];
	const char *version; /* of the server */
};

/* The cases of a table. Returns how many there are. */
size_t policed_cases(struct CMUnitTest *tests, const struct policed *scenes, size_t count);

/* Runs this program with a policy; what is PORT in what it is to do. */
void policed_start(struct proc *proc, const char *policy, const char *what, uint16_t port);

/* Around the cases. */
int policed_setup(void **state);
int policed_teardown(void **state);

#endif /* TEST_POLICED_H */
