/* SPDX-License-Identifier: MIT */
/*
 * peer.h - what a native peer is made of: peer.c has the command line and the
 * modes, one file a TLS library has the sessions. Neither uses libtlssock.
 */
#ifndef TEST_PEER_H
#define TEST_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum peer_version { PEER_ANY, PEER_TLS_1_1, PEER_TLS_1_2, PEER_TLS_1_3 };

enum peer_tickets { PEER_TICKETS_EARLY, PEER_TICKETS_LATE, PEER_TICKETS_NEVER };

struct peer_options {
	const char *listen, *connect;
	const char *cert, *key, *ca;
	const char *name;    /* SNI and the name to verify; a client without one checks no name */
	const char *alpn;    /* comma list */
	const char *ciphers; /* OpenSSL's cipher list or GnuTLS's priority string, as it stands */
	enum peer_version version;
	enum peer_tickets tickets;
	const char *mode;
	bool server, verify_client, no_close_notify, threads;
	bool small_dh; /* OpenSSL's server only */
	size_t bytes, record_size, key_update_every, empty_every, connections;
	size_t buffer; /* of one send or recv, where both go on at the same time */
};

struct peer_session {
	const struct peer_options *options;
	int fd;
	void *tls;
	int pull_errno;	 /* of the last failed read below the TLS library */
	char text[1024]; /* what was agreed, or why it failed */
	bool ticketed;	 /* the late tickets were sent */
	bool plain;	 /* TLS is over, close_notify sent */
};

/* How a stream ended, as tls_recv returns it. */
enum peer_end {
	PEER_CLOSE_NOTIFY = 0,
	PEER_EOF = -1,
	PEER_RESET = -2,
	PEER_ERROR = -3,
	PEER_AGAIN = -4 /* none: a non-blocking socket would block */
};

/* Returns 0, or -1 after a message about the arguments. */
int peer_parse(int argc, char *argv[], struct peer_options *options);

/* Read the credentials once; exits with a message when they cannot be used. */
void tls_setup(const struct peer_options *options);

/* Handshake on session->fd. Returns 0 or -1, session->text says what or why. */
int tls_open(struct peer_session *session);

/* Returns the bytes received, or a peer_end. */
ssize_t tls_recv(struct peer_session *session, void *buf, size_t n);

/* Send all n bytes, as one record where they fit one. Returns 0 or -1. */
int tls_send(struct peer_session *session, const void *buf, size_t n);

/*
 * Send on a non-blocking socket. Returns how many of the n bytes, or PEER_AGAIN: the next
 * call must have the same bytes, and at least as many; or PEER_ERROR.
 */
ssize_t tls_send_some(struct peer_session *session, const void *buf, size_t n);

/* Each returns 0, or -1 where the library or the version has no such thing. */
int tls_send_tickets(struct peer_session *session);
int tls_update_key(struct peer_session *session);
int tls_send_empty(struct peer_session *session);

/*
 * Send close_notify, without waiting for the other end's. Returns 0, or PEER_AGAIN on a
 * non-blocking socket that takes nothing now.
 */
int tls_notify(struct peer_session *session);

void tls_free(struct peer_session *session);

/*
 * Send and receive at the same time, until both streams are closed. Returns how the
 * other's ended, or what is wrong.
 */
struct duplex;
const char *duplex_converse(struct peer_session *session, struct duplex *duplex);

#endif /* TEST_PEER_H */
