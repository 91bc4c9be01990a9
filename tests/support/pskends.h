/* SPDX-License-Identifier: MIT */
/* pskends.h - two ends that may share a key, and what becomes of them. */
#ifndef TEST_PSKENDS_H
#define TEST_PSKENDS_H

#include "net.h"
#include "test.h"
#include <tlssock.h>

/* The good one: sixteen bytes. */
extern const char psk_key[];

/* A socket that was told nothing; one that was told a key. */
int psk_tls(int protocol);
int psk_socket(int protocol, const char *identity, const char *secret);

int psk_set(int fd, int option, const void *value, size_t len);
void psk_tell(int fd, const char *identity, const void *secret, size_t len);

/* A socket that was told all it needs listens, and the client connects: who gets what? */
struct psk_ends {
	int listener, client, server;
	int connected, connect_error; /* of connect() */
};

void psk_ends_open(struct psk_ends *ends, int listener, int client);
void psk_ends_close(struct psk_ends *ends);

/* Both know each other by the key of an identity. */
void psk_agreed(const struct psk_ends *ends, const char *identity);

/* Neither end is served, and TLS_ERROR has these words. */
void psk_refused(const struct psk_ends *ends, int error, const char *client, const char *server);

struct tls_info psk_info(int fd);

/* getsockopt() of a text, which is to fail. */
int psk_no_text(int fd, int option);

#endif /* TEST_PSKENDS_H */
