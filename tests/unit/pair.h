/* SPDX-License-Identifier: MIT */
/*
 * pair.h - sessions over memory, with the zoo's credentials: two of them back to
 * back, or one as the peer of a connection. What comes is fed as engine.h asks for
 * it, whole records only, however it was cut on the way.
 */
#ifndef TEST_PAIR_H
#define TEST_PAIR_H

#include "buffer.h"
#include "engine.h"
#include "enginesession.h"

#include <stdbool.h>

struct end_options {
	bool server;
	int version;	      /* TLS_1_2 or TLS_1_3, and no other */
	const char *identity; /* of the zoo, NULL: none */
	const char *ca;	      /* of the zoo, NULL: the system's */
	const char *name;
	const char *alpn;
	int verify;	    /* TLS_PEER_VERIFY_*, or UNSET */
	const char *crl;    /* of the zoo, NULL: none */
	const char *staple; /* of the zoo, NULL: none */
	bool hard;	    /* TLS_REVOCATION_HARD */
	bool ask;	    /* TLS_OCSP_CHECKS */
	int without;	    /* a setting_number that is 0; 0: none */
	int64_t early;	    /* TLS_EARLY_DATA, 0: not told */
	int64_t ttl;	    /* TLS_SESSION_TTL, 0: not told */
};

struct end {
	struct engine *engine;
	struct buffer in; /* came, and is not fed yet */
};

/* What most tests want: a client that verifies localhost, and a good server. */
struct end_options end_client(int version);
struct end_options end_server(int version);

/* Settings for a connection or an end; the reference is the caller's. */
struct settings *end_settings(const struct end_options *o);

/* Leaves one version in a session that has not begun. */
void end_only_version(struct engine *e, int version);

void end_open(struct end *end, const struct end_options *o);
void end_close(struct end *end);

/* Bytes come over the wire. */
void end_arrive(struct end *end, const void *data, size_t n);

/* Goes on with what came. */
int end_handshake(struct end *end);

/* Opens records until one has plaintext. As engine_open(). */
ssize_t end_receive(struct end *end);

/* Seals all, in as many records as it takes. */
void end_send(struct end *end, const void *data, size_t n);

/* How many sealed bytes wait. */
size_t end_sealed(struct end *end);

struct pair {
	struct end client, server;
	int client_result, server_result; /* of the handshake */
	size_t cut;			  /* so many bytes arrive at a time, 0: all */
};

/* Moves what one has sealed to the other. Returns how many bytes that were. */
size_t pair_move(struct end *from, struct end *to, size_t max);

/* Drives the handshake of two ends that are open to its end or failure. */
void pair_run(struct pair *p);

/* Makes the two ends and drives the handshake to its end or failure. */
void pair_open(struct pair *p, const struct end_options *client, const struct end_options *server,
	       size_t cut);

/* The same in two: what must be done before, or in the middle of it, is done between. */
void pair_new(struct pair *p, const struct end_options *client, const struct end_options *server,
	      size_t cut);
void pair_drive(struct pair *p);

/* The usual two, shaken hands. */
void pair_open_usual(struct pair *p, int version);
void pair_close(struct pair *p);

#endif /* TEST_PAIR_H */
