/* SPDX-License-Identifier: MIT */
/* The pre-shared keys that a socket was told, each with its identity. */
#ifndef PSK_H
#define PSK_H

#include "settings.h"

/* RFC 4279, 5.3 and 5.4, asks for 128 and 64 at least; OpenSSL ends where we do. */
enum { PSK_MAX_IDENTITY = 128, PSK_MAX_KEY = 512 };

/* One of them; the settings own what it points to. */
struct psk {
	const char *identity;
	size_t identity_len;
	const void *key;
	size_t key_len;
};

bool psk_told(const struct settings *s);

/*
 * True where nothing but a pre-shared key is to authenticate: there is one, no certificate
 * was told, and no trust anchors that anything is verified with.
 */
bool psk_only(const struct settings *s);

/* True if a client that has a key may take a server's certificate in its place. */
bool psk_takes_certificate(const struct settings *s);

/* Give the first, which is a client's, and the one of an identity. False without one. */
bool psk_first(const struct settings *s, struct psk *out);
bool psk_find(const struct settings *s, const void *identity, size_t len, struct psk *out);

/* Is one half there without the other? 0, or -EINVAL with the reason. */
int psk_check(const struct settings *s, char *reason, size_t size);

/* Check a value that is told. Return 0 or -EINVAL; the identity's length without a NUL. */
int psk_check_key(size_t len);
int psk_check_identity(const void *identity, size_t *len);

/* SETTING_PSK_LIST while it is made: each key before its identity. Zeroed is empty. */
struct psk_list {
	uint8_t *data;
	size_t len;
	size_t halves;
};

/* Add a half, which is copied. 0, -EINVAL for one that cannot be used, -ENOMEM. */
int psk_list_key(struct psk_list *list, const void *key, size_t len);
int psk_list_identity(struct psk_list *list, const void *identity, size_t len);
void psk_list_fini(struct psk_list *list);

#endif /* PSK_H */
