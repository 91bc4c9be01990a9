/* SPDX-License-Identifier: MIT */
/* SHA-256 of many pieces, each with its length, so that none runs into the next. */
#ifndef DIGEST_H
#define DIGEST_H

#include "libgnutls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DIGEST_BYTES = 32 };

/* A call of GnuTLS costs more than what it hashes of a small piece: they are collected. */
struct digest {
	gnutls_hash_hd_t hash;
	size_t len;
	uint8_t pieces[1024];
};

/* False without memory. */
bool digest_begin(struct digest *d);
void digest_add(struct digest *d, const void *data, size_t len);

/* Writes it. Nothing is left of the pieces, of which some may be secret. */
void digest_end(struct digest *d, uint8_t out[DIGEST_BYTES]);

#endif /* DIGEST_H */
