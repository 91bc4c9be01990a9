/* SPDX-License-Identifier: MIT */
/*
 * What a socket was told before its handshake. The sockets that a listener
 * accepts share its settings until one is told something else.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include "credentials.h"

#include <stdbool.h>
#include <stddef.h>

/* Of the int options: not told, so the default of the role or protocol holds. */
enum { UNSET = -1 };

struct settings {
	unsigned int refs; /* atomic */
	int protocol;	   /* the third argument of socket() */
	bool zephyr;	   /* a Zephyr protocol number: its errors and defaults */
	char *hostname;	   /* NULL with hostname_set: no name is checked */
	bool hostname_set;
	char *alpn; /* comma list, NULL: none */
	int peer_verify;
	int handshake_mode;
	unsigned int handshake_timeout_ms;
	int allow_truncation;
	struct credential_spec spec;
	int *tags; /* TLS_SEC_TAG_LIST as it was given */
	size_t tag_count;
};

/* Returns a protocol's least version, as TLS_1_2, or -1 if it is not one of ours. */
int settings_min_version(int protocol);

/* Takes the defaults that TLSSOCK_CERT, _KEY, _CA and _HANDSHAKE give. 0 or -ENOMEM. */
int settings_environment(const char *(*get)(const char *name));

/* Returns settings for a protocol, with one reference, or NULL without memory. */
struct settings *settings_new(int protocol);
struct settings *settings_ref(struct settings *s);
void settings_put(struct settings *s);

/* Makes *s one that nobody else has, so that it can be changed. 0 or -ENOMEM. */
int settings_own(struct settings **s);

/* What holds for a role where the option was not set. */
int settings_peer_verify(const struct settings *s, bool server);
int settings_handshake_mode(const struct settings *s, bool server);

/*
 * Parses the credentials of a role, with the defaults for what was not told.
 * Returns as credentials_get().
 */
int settings_credentials(const struct settings *s, bool server, struct credentials **out,
			 char *reason, size_t size);

#endif /* SETTINGS_H */
