/* SPDX-License-Identifier: MIT */
#include "digest.h"

#include <string.h>

bool digest_begin(struct digest *d)
{
	d->len = 0;
	return gnutls_hash_init(&d->hash, GNUTLS_DIG_SHA256) >= 0;
}

static void put(struct digest *d, const void *data, size_t len)
{
	while (len) {
		size_t room = sizeof(d->pieces) - d->len, n = len < room ? len : room;

		memcpy(d->pieces + d->len, data, n);
		d->len += n;
		data = (const uint8_t *)data + n;
		len -= n;
		if (d->len == sizeof(d->pieces)) {
			gnutls_hash(d->hash, d->pieces, d->len);
			d->len = 0;
		}
	}
}

void digest_add(struct digest *d, const void *data, size_t len)
{
	put(d, &len, sizeof(len));
	put(d, data, len);
}

void digest_end(struct digest *d, uint8_t out[DIGEST_BYTES])
{
	gnutls_hash(d->hash, d->pieces, d->len);
	gnutls_hash_deinit(d->hash, out);
	explicit_bzero(d->pieces, sizeof(d->pieces));
}
