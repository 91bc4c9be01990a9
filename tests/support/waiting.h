/* SPDX-License-Identifier: MIT */
/* waiting.h - a thread that is in recv(), known to sleep there. */
#ifndef TEST_WAITING_H
#define TEST_WAITING_H

#include <pthread.h>
#include <sys/types.h>

struct waiting {
	pthread_t thread;
	pid_t tid;
	int fd;
	ssize_t result;
	int error;
	char buf[16];
};

/* Start it. Returns once it sleeps, which it only does in the wait. */
void waiting_start(struct waiting *waiting, int fd);

/* After a signal to it: returns once that was delivered and the wait went on, or ended. */
void waiting_settle(struct waiting *waiting);

/* Wait for its end: result, error and buf are then what recv() left. */
void waiting_finish(struct waiting *waiting);

#endif /* TEST_WAITING_H */
