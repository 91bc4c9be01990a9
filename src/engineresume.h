/* SPDX-License-Identifier: MIT */
/*
 * How a session is resumed. A server's tickets are sealed with keys that were derived for
 * what it verifies, trusts and is asked for by name, so that a ticket got under other
 * conditions opens nothing. A client shows a ticket only under those that it got it under.
 */
#ifndef ENGINERESUME_H
#define ENGINERESUME_H

#include "enginesession.h"

/* gnutls_init()'s flags for resumption. */
unsigned int engineresume_flags(const struct settings *settings, bool server);

/* A ticket of TLS 1.3 comes, of which this is the message; and has come. */
void engineresume_see_ticket(struct engine *e, const gnutls_datum_t *message);
void engineresume_ticket(struct engine *e);

/* Before the handshake. */
void engineresume_setup(struct engine *e);

/* The handshake is done. Returns 0, or a negative errno where the peer is refused. */
int engineresume_done(struct engine *e);

/* Looks whether what came was a ticket. Never waits for one. */
void engineresume_note(struct engine *e);

/* Seals what tickets are due. Returns 0 or GnuTLS's result. */
int engineresume_send(struct engine *e);

/* Before the session is freed. */
void engineresume_fini(struct engine *e);

/* How much room the tickets that are due want. */
size_t engineresume_room(const struct engine *e);

#endif /* ENGINERESUME_H */
