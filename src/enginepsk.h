/* SPDX-License-Identifier: MIT */
/* A session whose two ends know each other by a key that they share (RFC 4279; RFC 8446, 2.2). */
#ifndef ENGINEPSK_H
#define ENGINEPSK_H

#include "enginesession.h"

/* Gives a session the keys that its settings have. Returns GnuTLS's result. */
int engine_psk_setup(struct engine *e);
void engine_psk_fini(struct engine *e);

/* True if such a key is what the session was made with. */
bool engine_psk_agreed(const struct engine *e);

/* As engine_text(): the identity that was agreed on. -ENOTCONN without one. */
int engine_psk_identity(struct engine *e, char **text);

/* A client that has a key is shown a certificate: false, explained, if it takes none. */
bool engine_psk_takes_certificate(struct engine *e);

/* What the key can have to do with a handshake that failed so, after a sentence; or "". */
const char *engine_psk_doubt(const struct engine *e, int result);

#endif /* ENGINEPSK_H */
