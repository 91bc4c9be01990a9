/* SPDX-License-Identifier: MIT */
/* visit.h - short connections one after another, which resume each other's sessions or not. */
#ifndef TEST_VISIT_H
#define TEST_VISIT_H

#include "net.h"

/*
 * Connect a socket to a port of loopback, accept it, and say a byte each way, so that a
 * ticket has come; both are closed. Returns TLS_RESUMED_SESSION, on which both agree.
 */
int visit(int listener, uint16_t port, int fd);

/* The same, but that both stay open: *server is the accepted one. */
int visit_stay(int listener, uint16_t port, int fd, int *server);

/* The same with a new socket that expects localhost. */
int visit_again(int listener, uint16_t port);

/* All sessions of this process are forgotten. */
void visit_purge(void);

/*
 * What the ClientHellos among the bytes show: for each a '+' with a ticket, a '-' without,
 * up to size - 1 of them. Returns the text.
 */
const char *visit_hellos(const void *bytes, size_t length, char *text, size_t size);

#endif /* TEST_VISIT_H */
