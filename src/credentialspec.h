/* SPDX-License-Identifier: MIT */
/* What a socket was told to trust and to show, before it is parsed. */
#ifndef CREDENTIALSPEC_H
#define CREDENTIALSPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

enum credential_role {
	CREDENTIAL_CA,
	CREDENTIAL_CHAIN,
	CREDENTIAL_KEY,
	CREDENTIAL_PASSPHRASE, /* the file of one, for the keys after it */
	CREDENTIAL_CRL,
	CREDENTIAL_OCSP, /* a response to staple, for the chain before it */
};

/* The system's trust store, as the value of a CREDENTIAL_CA. */
extern const char credential_system[];

/*
 * A list of what was told, in order: each key belongs to the chain before it.
 * Zeroed memory is an empty one.
 */
struct credential_spec {
	struct credential_item *items;
	size_t count;
};

/*
 * Adds a value: a path, a PKCS#11 URL (RFC 7512), or PEM or DER itself. It is
 * copied. Returns 0, -EINVAL for an empty value, -ENOMEM.
 */
int credential_spec_add(struct credential_spec *spec, enum credential_role role, const void *value,
			size_t len);

/* The same for what is PEM or DER in any case, never a path. */
int credential_spec_add_content(struct credential_spec *spec, enum credential_role role,
				const void *value, size_t len);

/* Drops every item of a role. */
void credential_spec_drop(struct credential_spec *spec, enum credential_role role);

bool credential_spec_has(const struct credential_spec *spec, enum credential_role role);

/* Returns the value told last for the role as text, or NULL; owned by the spec. */
const char *credential_spec_last(const struct credential_spec *spec, enum credential_role role);

/* Returns 0 or -ENOMEM, which leaves *to as it was. */
int credential_spec_copy(struct credential_spec *to, const struct credential_spec *from);
void credential_spec_fini(struct credential_spec *spec);

enum credential_kind {
	CREDENTIAL_SYSTEM,
	CREDENTIAL_PATH,
	CREDENTIAL_URL,
	CREDENTIAL_PEM,
	CREDENTIAL_DER
};

struct credential_item {
	enum credential_role role;
	enum credential_kind kind;
	char *data; /* a NUL stands behind it */
	size_t len;
};

/*
 * What tells two states of a file apart. Zeroes for what is not a file, or is
 * not there.
 */
struct credential_stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec modified;
	struct timespec changed;
};

/* Returns false if the process may not look. */
bool credential_stamp(const struct credential_item *item, struct credential_stamp *stamp);

/* True if both list the same values in the same order. */
bool credential_spec_equal(const struct credential_spec *a, const struct credential_spec *b);

#endif /* CREDENTIALSPEC_H */
