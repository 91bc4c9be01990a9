/* SPDX-License-Identifier: MIT */
/*
 * Records without application data (tickets, key updates) taken out of the kernel's queue
 * where a program only writes. A process that ends with anything unread there, by whatever
 * signal, ends its connections with a reset: what was accepted for sending, and is still
 * in the kernel, is lost then.
 *
 * With the lock. Application data is looked at and stays in the queue, as poll leaves it.
 */
#ifndef DRAIN_H
#define DRAIN_H

#include "connection.h"

/* On an open connection, whose session this process has: opens what waits. */
void drain_records(struct connection *c, int fd);

/* After a send of so many bytes: the same, where it is time to look again. */
void drain_sent(struct connection *c, int fd, size_t n);

/* What the kernel told besides, when it was asked for room: whether its queue is empty. */
void drain_note(struct connection *c, bool empty);

/* Who waits for room is to be woken by what can be drained, too: POLLIN, or 0. */
short drain_events(const struct connection *c);

#endif /* DRAIN_H */
