/* SPDX-License-Identifier: MIT */
/* starttls.h - a connection by TCP whose ends become TLS sockets, and TCP sockets again. */
#ifndef TEST_STARTTLS_H
#define TEST_STARTTLS_H

#include "net.h"
#include <stdbool.h>
#include <stddef.h>

/* TCP, by which a few words have gone. */
void starttls_open(struct link *link, int family);

/* Set SO_PROTOCOL. Returns as setsockopt(). */
int starttls_protocol(int fd, int protocol);

/* After an upgrade: the zoo's identity; its ca, and a name unless that is NULL. */
void starttls_identify(int fd);
void starttls_expect(int fd, const char *name);

/* Both ends of a link, in this process. */
void starttls_both(const struct link *link);

/* A few words each way. */
void starttls_exchange(int a, int b);

/* The two before, and the handshake. */
void starttls_open_tls(struct link *link);

/* SO_PROTOCOL back to TCP, which returns as setsockopt(); of both ends, which must work. */
int starttls_end(int fd);
void starttls_end_both(int first, int second);

/* Check that both ends are TCP sockets, and what they say is on the wire as it is. */
void starttls_check_plain(int a, int b);

/* Receive n bytes of the stream from an offset on, piece by piece. */
void starttls_check_stream(int fd, size_t from, size_t n, size_t piece);

void starttls_nonblocking(int fd, bool on);
void starttls_cork(int fd, int on);

#endif /* TEST_STARTTLS_H */
