/* SPDX-License-Identifier: MIT */
/*
 * What the crowd is made of.
 */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include <netinet/in.h>
#include <sys/types.h>

void crowd_unblock(int fd);

/* Begins to connect, without waiting. Returns the descriptor. */
int crowd_connect(int fd, in_port_t port);

/* Clients that give away a ClientHello, each a byte a second. */
struct slow {
	int *fds;
	unsigned int count;
	unsigned long given; /* bytes, of all together */
	double begin;
};

void slow_start(struct slow *slow, unsigned int count, in_port_t port);

/* Gives the bytes that are due. */
void slow_step(struct slow *slow);
void slow_stop(struct slow *slow);

#endif /* BENCH_CROWD_H */
