/* SPDX-License-Identifier: MIT */
/* duplexend.h - an end of a full-duplex connection, as a test's own threads make it. */
#ifndef TEST_DUPLEX_END_H
#define TEST_DUPLEX_END_H

#include "duplex.h"
#include <pthread.h>

/* How an end does both: one thread and poll(), or two threads and calls that block. */
enum style { BY_POLL, BY_KERNEL_POLL, BY_THREADS, STYLES };

struct end {
	struct duplex duplex;
	int fd;
	enum style style;
	pthread_t threads[2]; /* the second one sends */
	pthread_mutex_t lock; /* for what both change, and the first thing that went wrong */
	pthread_cond_t changed;
	const char *wrong;
	int error;
	uint64_t calls, vain; /* of recv and send; those that poll had promised too much for */
	char in[DUPLEX_BUFFER_MAX];
};

/* An end's duplex is the caller's to fill in before it starts. */
void end_init(struct end *end, int fd, enum style style);
void end_fini(struct end *end);

/* Start its threads, two if BY_THREADS. They end by themselves, also when something is wrong. */
void end_start(struct end *end);

#endif /* TEST_DUPLEX_END_H */
