/* SPDX-License-Identifier: MIT */
/* What a ClientHello offers, found in its bytes before GnuTLS has read them. */
#ifndef CLIENTHELLO_H
#define CLIENTHELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a message; what is not there has none. */
struct span {
	const uint8_t *data;
	size_t len;
};

/* The host name that it asks for (RFC 6066, 3), in a message without its header. */
struct span clienthello_name(struct span message);

/* True if it answers where a server asks for its certificate later (RFC 8446, 4.2.6). */
bool clienthello_can_be_asked(struct span message);

/* The i-th ticket that it shows, of TLS 1.3 or, as the first, of TLS 1.2. */
struct span clienthello_ticket(struct span message, unsigned int i);

/* True if it offers the application protocol (ALPN; RFC 7301, 3.1). */
bool clienthello_offers(struct span message, const void *protocol, size_t len);

#endif /* CLIENTHELLO_H */
