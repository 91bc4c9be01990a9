/* SPDX-License-Identifier: MIT */
/*
 * Sending and receiving by the socket calls alone: all that plain TCP and
 * libtlssock need.
 */
#ifndef BENCH_PLAIN_IO_H
#define BENCH_PLAIN_IO_H

#include "contender.h"

int plain_socket(int protocol);
void plain_send(struct link *link, const void *data, size_t size);
size_t plain_receive(struct link *link, void *data, size_t size);
void plain_stop(struct link *link);

#endif /* BENCH_PLAIN_IO_H */
