/* SPDX-License-Identifier: MIT */
/*
 * Programs that the driver runs and talks to by pipes. They end with it.
 */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

struct process {
	const char *name;
	pid_t pid;
	FILE *input;  /* what we write it reads */
	FILE *output; /* what it writes we read */
};

/*
 * Starts argv[0], ended by NULL as for execvp. preload: a library for
 * LD_PRELOAD, or NULL.
 */
void process_start(struct process *process, const char *const *argv, const char *preload);

/* The same on the CPU of that number among those there are; -1: any. */
void process_start_on(struct process *process, const char *const *argv, const char *preload,
		      int cpu);

/* Waits for it. Returns its status, as waitpid(2) has it. */
int process_reap(struct process *process);

/* The same; false, with a line on stderr, if it did not exit with 0. */
bool process_finish(struct process *process);

#endif /* BENCH_PROCESS_H */
