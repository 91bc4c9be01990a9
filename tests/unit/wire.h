/* SPDX-License-Identifier: MIT */
/*
 * wire.h - a connection of the library over the fake kernel, and a session at the
 * other end of its wire. Segments come as a seed has them, or as the test says.
 */
#ifndef TEST_WIRE_H
#define TEST_WIRE_H

#include "connection.h"
#include "kernel.h"
#include "pair.h"

struct wire {
	struct connection *c;
	struct entry *entry;
	struct end peer;
	struct rng rng;
	size_t segment;	 /* bytes that arrive at a time at most; 0: all */
	bool stop;	 /* the peer says nothing more */
	int peer_result; /* of its handshake */
};

/* The one wire, not shaken hands yet. The connection is the server if the options say so. */
struct wire *wire_start(const struct end_options *ours, const struct end_options *peers);

/* The usual two ends, open. */
struct wire *wire_open(int version, bool server, uint64_t seed);
void wire_close(void);

/* Closes it after a failed case too. */
int wire_teardown(void **state);

/* One segment from the peer arrives, if it has anything on the wire. */
bool wire_arrive(struct wire *w);

/* All of it. */
void wire_arrive_all(struct wire *w);

/* The peer fetches what we sent: up to max bytes. Returns how many. */
size_t wire_fetch(struct wire *w, size_t max);

/* For kernel.wait: the peer fetches, goes on with its handshake, and a segment arrives. */
bool wire_wait(void *arg);

/* One call of the library's. */
ssize_t wire_receive(struct wire *w, void *buf, size_t n, int flags);
ssize_t wire_send(struct wire *w, const void *buf, size_t n, int flags);

/* Law 2, after any call: what waits shows in the kernel's queue, and nothing else does. */
void wire_check(const struct wire *w);

#endif /* TEST_WIRE_H */
