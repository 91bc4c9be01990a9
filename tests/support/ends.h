/* SPDX-License-Identifier: MIT */
/* ends.h - a client and a server within the process that are told things before they meet. */
#ifndef TEST_ENDS_H
#define TEST_ENDS_H

#include "net.h"

#include <stdbool.h>

struct ends {
	int client, listener, server; /* server: -1 before they meet */
	uint16_t port;
	int error;  /* 0, or the errno that the client got, at the latest by its first recv */
	int served; /* 0, or the errno of the server's handshake */
};

/* A listener with the zoo's identity, and a socket that trusts its ca and expects name. */
void ends_open(struct ends *e, const char *identity, const char *name);

/* Connect, accept and shake hands, or fail to. */
void ends_meet(struct ends *e);
void ends_close(struct ends *e);

/* Give a socket a chain and key of the zoo. */
void ends_show(int fd, const char *identity);

#endif /* TEST_ENDS_H */
