/* SPDX-License-Identifier: MIT */
/*
 * Early data (RFC 8446, 2.3). A server gives it out when the handshake is done, which who
 * plays a ClientHello again cannot do: GnuTLS cannot answer before that anyway. A client
 * keeps a copy until then, to send it again where it was not accepted.
 */
#ifndef ENGINEEARLY_H
#define ENGINEEARLY_H

#include "clienthello.h"
#include "enginesession.h"

/* gnutls_init()'s flags, and what follows. 0 or GnuTLS's error. */
unsigned int engineearly_flags(const struct engine *e);
int engineearly_setup(struct engine *e);

/*
 * The protocol that a server will agree on with this ClientHello, where its tickets may be
 * used with no other (RFC 8446, 4.2.10).
 */
struct span engineearly_protocol(const struct engine *e, struct span hello);

/* Whether the first ticket that the client shows will be opened: else there is none. */
void engineearly_expect(struct engine *e, bool opened);

/* How much the tickets allow that are made next. 0 or GnuTLS's error. */
int engineearly_tell(const struct engine *e);

/* A client keeps this session, for one that may send early data. */
void engineearly_note(const struct engine *e, struct session *s);

/* A client shows this session, which is taken over if early data may go with it. */
void engineearly_offer(struct engine *e, struct session *s);

/* True, with a reason, if the server will never answer what GnuTLS has answered it. */
bool engineearly_unanswered(struct engine *e);

/* The handshake is done. Returns 0 or a negative errno. */
int engineearly_done(struct engine *e);

void engineearly_fini(struct engine *e);

#endif /* ENGINEEARLY_H */
