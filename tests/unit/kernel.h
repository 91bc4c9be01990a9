/* SPDX-License-Identifier: MIT */
/*
 * kernel.h - a connected TCP socket in memory, in place of the real calls that the
 * library makes on it. It notes what the laws of the receive and the send side are
 * about: when the receive queue was seen empty, and what was taken of each send.
 */
#ifndef TEST_KERNEL_H
#define TEST_KERNEL_H

#include "buffer.h"
#include "unit.h"

#include <stdbool.h>
#include <stddef.h>

enum { KERNEL_FD = 900 };

struct kernel {
	/* The receive queue. */
	struct buffer rx;
	bool seen_empty; /* a call was answered with less than it asked for */
	size_t late;	 /* bytes that came after that */
	bool fin;	 /* the peer's end of stream is behind them */

	/* The send queue: what was taken and the peer has not fetched. */
	struct buffer tx;
	size_t sndbuf, queued;
	size_t hidden;	    /* of the room reported so much is not there: memory pressure */
	size_t lowat;	    /* TCP_NOTSENT_LOWAT */
	size_t split_sends; /* non-blocking sends of which a part was taken */
	size_t full_sends;  /* and of which all was */

	bool nonblock, shut_rd, shut_wr;
	int timeout_ms; /* SO_RCVTIMEO and SO_SNDTIMEO */
	int so_error;

	/* Called where a call would wait. False: nothing will come, the call times out. */
	bool (*wait)(void *arg);
	/* Called at each look at the queue: bytes may come at any time. NULL: none do. */
	void (*tick)(void *arg);
	void *arg;

	/* The call of this name fails: the failing_in-th from now, and with failing_on all after
	 * it. */
	const char *failing;
	unsigned int failing_in;
	bool failing_on;
	int failing_error;

	int told;		   /* how often SO_RCVLOWAT was set */
	unsigned int calls, looks; /* all calls, and those that look at the receive queue */
};

extern struct kernel kernel;

/* Put the fake calls in place, with an empty queue; and the real ones back. */
void kernel_start(void);
void kernel_stop(void);

/* A segment arrives. */
void kernel_arrive(const void *data, size_t n);

/* The peer fetches, and acknowledges, up to max bytes. */
size_t kernel_fetch(void *to, size_t max);

/* Make one call fail. */
void kernel_fail(const char *call, unsigned int in, int error);

#endif /* TEST_KERNEL_H */
