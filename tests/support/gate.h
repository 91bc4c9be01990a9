/* SPDX-License-Identifier: MIT */
/*
 * gate.h - a TCP connection with the test in its middle, which says what goes on, when
 * and in which segments. Nothing moves by itself.
 */
#ifndef TEST_GATE_H
#define TEST_GATE_H

#include "net.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One direction: what came and has not gone on yet. */
struct lane {
	int from, to;
	bool ended; /* FIN came, or a reset */
	char *bytes;
	size_t length, room;
	uint64_t came, passed;
};

struct gate {
	int listener, near, far; /* near: to the client */
	struct lane up, down;	 /* to the server, to the client */
};

/* Listen, so that a client can connect to the port. */
void gate_listen(struct gate *gate, int family, uint16_t *port);

/* Take that client, and connect on to the server's port. */
void gate_connect(struct gate *gate, int family, uint16_t target);

/* Let all that is there now go on, both ways. */
void gate_move(struct gate *gate);

/* Hold all that the socket at the lane's beginning has sent so far. */
void gate_collect(struct lane *lane, int sender);

/* Returns the length of the first record, once it is there as a whole. */
size_t gate_record(struct lane *lane);

/*
 * Let n bytes go on as one segment; they have arrived at the socket at the lane's end
 * when it returns. -1: that socket is another process's.
 */
void gate_pass(struct lane *lane, size_t n, int receiver);

/* The same for a FIN; and for a reset, in place of the connection to the client. */
void gate_pass_end(struct lane *lane, int receiver);
void gate_reset(struct gate *gate, int client);

void gate_close(struct gate *gate);

/* As link_open(), through a gate; one thread steps both ends. */
void gate_link(struct gate *gate, struct link *link, int protocol, int family);

/*
 * The same until one end is done, and the other's last flight is in the gate: that is
 * the client's in TLS 1.3, the server's in TLS 1.2. Neither end waits in its calls.
 */
void gate_link_half(struct gate *gate, struct link *link, int protocol, int family);

#endif /* TEST_GATE_H */
