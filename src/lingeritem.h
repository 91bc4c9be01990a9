/* SPDX-License-Identifier: MIT */
/* One connection of those that linger: what is still to be done for it. */
#ifndef LINGERITEM_H
#define LINGERITEM_H

#include "buffer.h"
#include "ownfd.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	LINGER_UNSENT_MS = 10000, /* who waits does so as long for the peer's kernel to have all */
	LINGER_SENT_MS = 200,	  /* and then this long for the peer's end of stream */
	LINGER_TICK_MS = 10,	  /* acknowledgements raise no event */
};

struct linger_item {
	struct ownfd *own; /* NULL: fd is the program's, which waits */
	int fd;
	struct buffer rest;
	size_t drained;
	int64_t end_ms;
	bool sent; /* at exit: the peer's kernel has everything */
	struct linger_item *next;
};

int64_t linger_now_ms(void);

/* With so much time. Takes over the rest, if any. */
struct linger_item linger_item(struct ownfd *own, int fd, struct buffer *rest, int64_t ms);

/* The number, for waiting. */
int linger_item_fd(const struct linger_item *item);

/* Does what can be done now. True if it is finished, or not ours any more. */
bool linger_item_step(struct linger_item *item, bool exiting);

/* True if the peer's kernel has all that is to be sent. */
bool linger_item_arrived(const struct linger_item *item);

/* Until the peer's kernel has all, or it is time, or a signal comes. */
void linger_item_wait(struct linger_item *item);

/* Sends the rest, as far as it is taken in time, and drops it. */
void linger_item_flush(struct linger_item *item);

#endif /* LINGERITEM_H */
