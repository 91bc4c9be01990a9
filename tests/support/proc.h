/* SPDX-License-Identifier: MIT */
/*
 * proc.h - child processes of a test: stdin and stdout with stderr are pipes,
 * and none outlives the test program. What goes wrong fails the test with all
 * that the child has said.
 */
#ifndef TEST_PROC_H
#define TEST_PROC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How long anything that must happen may take. */
#define TEST_DEADLINE_MS 30000

struct proc {
	pid_t pid; /* 0: not running */
	int in, out;
	char *text; /* all output so far that is not forgotten, NUL-terminated */
	size_t length;
};

/* Milliseconds of the monotonic clock. */
int64_t test_now_ms(void);

/*
 * Start a program, found by PATH; the arguments end with NULL. It runs without
 * libtlssock even when the test itself was preloaded. The main thread must call
 * this: the child dies with the thread that made it.
 */
__attribute__((sentinel)) void proc_start(struct proc *proc, const char *program, ...);

/*
 * The same, with the libtlssock that the test runs with: preloaded when path is
 * not NULL, and with any environment that the test has.
 */
void proc_start_argv(struct proc *proc, const char *const argv[], const char *preload);

/* Wait for a whole line that contains needle. Returns it, to be freed. */
char *proc_line(struct proc *proc, const char *needle);

/* The same, and forget it and what was before it: the next call waits for the next line. */
char *proc_next_line(struct proc *proc, const char *needle);

void proc_write(struct proc *proc, const char *text);

/* End its stdin, read all, wait. Returns the exit status, 128 + N for signal N. */
int proc_finish(struct proc *proc);

void proc_kill(struct proc *proc);

/* Kill what the test has left running; for teardown. */
void proc_kill_all(void);

/* Wait for a child made by fork itself. Returns as proc_finish does. */
int proc_reap(pid_t pid);

#endif /* TEST_PROC_H */
