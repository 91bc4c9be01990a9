/* SPDX-License-Identifier: MIT */
/* child.h - a part of a test in a forked child, which says by its exit status what it found. */
#ifndef TEST_CHILD_H
#define TEST_CHILD_H

#include <sys/types.h>

#define TEST_CHILD_FAILED 99

/*
 * Fork a child that runs the function and ends with _exit() of what it returns;
 * it dies with the test. assert_ok() and assert_fails(), and what is made of them,
 * end it with TEST_CHILD_FAILED; it may use no other assertion, since those would
 * go on with the rest of the tests. Output that waits is written first, so that it
 * does not appear twice.
 */
pid_t child_start(int (*run)(void *arg), void *arg);

/* Wait for it; the status as proc_reap() gives it. */
int child_finish(pid_t pid);

/* Pipes by which parent and child take turns, and the socket that it is about. */
struct child_turns {
	int to_child[2], to_parent[2];
	int fd;
};

void child_turns_init(struct child_turns *turns, int fd);

/* The same, with a child whose function gets them. */
pid_t child_turns_start(struct child_turns *turns, int fd, int (*run)(void *turns));
void child_turns_fini(struct child_turns *turns);

/* Say, or wait until it was said, that it is the other's turn. */
void child_give(const int pipe[2]);
void child_take(const int pipe[2]);

#endif /* TEST_CHILD_H */
