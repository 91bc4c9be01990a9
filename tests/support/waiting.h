/* SPDX-License-Identifier: MIT */
/* waiting.h - a thread that is in a blocking call, known to sleep there. */
#ifndef TEST_WAITING_H
#define TEST_WAITING_H

#include <pthread.h>
#include <sys/types.h>

struct waiting;
typedef ssize_t waiting_call(struct waiting *waiting);

struct waiting {
	waiting_call *call;
	pthread_t thread;
	pid_t tid;
	int fd;
	ssize_t result;
	int error;
	char buf[16];
};

/* Start it, in recv() to buf. Returns once it sleeps, which it only does in the wait. */
void waiting_start(struct waiting *waiting, int fd);

/* The same with another call. */
void waiting_start_in(struct waiting *waiting, int fd, waiting_call *call);

/* After a signal to it: returns once that was delivered and the wait went on, or ended. */
void waiting_settle(struct waiting *waiting);

/* How many threads the process has. */
unsigned int waiting_threads(void);

/* Wait for its end: result, error and buf are then what the call left. */
void waiting_finish(struct waiting *waiting);

#endif /* TEST_WAITING_H */
