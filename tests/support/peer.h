/* SPDX-License-Identifier: MIT */
/* peer.h - the native peers as children of a test. */
#ifndef TEST_NATIVE_PEER_H
#define TEST_NATIVE_PEER_H

#include "proc.h"

struct native_peer {
	struct proc proc;
	uint16_t port;
};

/*
 * Start "gnutls-peer" or "openssl-peer" as a server on a family's loopback
 * address, with the zoo's identity; more arguments end with NULL. Returns when
 * it listens.
 */
__attribute__((sentinel)) void peer_listen(struct native_peer *peer, const char *program,
					   int family, const char *identity, ...);

/* Start it as a client that trusts the zoo's ca and expects localhost. */
__attribute__((sentinel)) void peer_connect(struct native_peer *peer, const char *program,
					    int family, unsigned int port, ...);

/* Check its line "received ..." against n bytes of the stream and how they must end. */
void peer_received(struct native_peer *peer, uint64_t n, const char *end);

/* Start gnutls-serv, which echoes lines, with the zoo's good identity. Returns its port. */
uint16_t peer_gnutls_serv(struct proc *proc, const char *priority);

#endif /* TEST_NATIVE_PEER_H */
