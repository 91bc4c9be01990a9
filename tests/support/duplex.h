/* SPDX-License-Identifier: MIT */
/*
 * duplex.h - one end of a connection on which both ends send and receive at the
 * same time, the one the stream and the other what it gets: how far it is, and what
 * it may do next. The calls are made elsewhere: one thread may send as another receives.
 */
#ifndef TEST_DUPLEX_H
#define TEST_DUPLEX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DUPLEX_BUFFER_MAX 65536

struct duplex {
	size_t buffer;	/* the most of one send or recv */
	uint64_t total; /* what an end that is no echo sends */
	bool echo;
	_Atomic uint64_t sent, received;
	atomic_bool ended, closed;   /* the other's stream; its own */
	uint64_t made_from, made_to; /* the bytes of the stream in out */
	char out[DUPLEX_BUFFER_MAX];
};

/* Returns how many bytes can be sent now. */
size_t duplex_to_send(const struct duplex *duplex);

/*
 * What to send, *n bytes; what of it was not sent comes again. An echo needs no memory of
 * what it got: that was compared, and is made again.
 */
const void *duplex_data(struct duplex *duplex, size_t *n);

/* Returns how many bytes can be received now; an echo has two buffers' worth under way at most. */
size_t duplex_room(const struct duplex *duplex);

/* Note what was received. False if it is not the stream. */
bool duplex_receive(struct duplex *duplex, const void *buf, size_t n);

/* Its own stream is to be closed now. */
bool duplex_to_close(const struct duplex *duplex);

bool duplex_over(const struct duplex *duplex);

#endif /* TEST_DUPLEX_H */
