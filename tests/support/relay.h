/* SPDX-License-Identifier: MIT */
/* relay.h - a TCP relay in a thread, that keeps what went over the wire. */
#ifndef TEST_RELAY_H
#define TEST_RELAY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct relay {
	pthread_t thread;
	int listener, family;
	uint16_t port, target;
	char *bytes; /* both directions, as they came */
	size_t length;
};

/* Relay connections, one after another, to a port of loopback. */
void relay_start(struct relay *relay, int family, uint16_t target);

/* Wait for the present connection to end at both ends, and stop. */
void relay_stop(struct relay *relay);

/* After relay_stop: did this text pass? */
bool relay_saw(const struct relay *relay, const char *text);

void relay_free(struct relay *relay);

#endif /* TEST_RELAY_H */
