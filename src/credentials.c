/* SPDX-License-Identifier: MIT */
#include "credentials.h"

#include "credentialload.h"
#include "credentialspec.h"
#include "error.h"
#include "guard.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* KEPT: how many stay parsed after the last socket that used them is gone. */
enum { KEPT = 8 };

struct credentials {
	unsigned int refs; /* the cache has one; its lock */
	gnutls_certificate_credentials_t gnutls;
	bool identity;
	uint64_t serial;
	struct credential_spec spec;
	struct credential_stamp *stamps; /* one an item */
	struct credentials *next;	 /* in the cache, newest first */
};

static struct guard lock = GUARD_INIT;
static struct credentials *cache;
static uint64_t serials;

void credentials_lock(void)
{
	guard_lock(&lock);
}

void credentials_unlock(void)
{
	guard_unlock(&lock);
}

static void credentials_free(struct credentials *c)
{
	if (c->gnutls)
		gnutls_certificate_free_credentials(c->gnutls);
	credential_spec_fini(&c->spec);
	free(c->stamps);
	free(c);
}

static int credentials_new(const struct credential_spec *spec, struct credentials **out,
			   const struct reason *why)
{
	struct credentials *c = calloc(1, sizeof(*c));
	int r = -ENOMEM;

	snprintf(why->text, why->size, "%s", error_errno_text(ENOMEM));
	if (!c)
		return -ENOMEM;
	c->refs = 1;
	c->stamps = calloc(spec->count + 1, sizeof(*c->stamps));
	if (c->stamps && credential_spec_copy(&c->spec, spec) == 0 &&
	    gnutls_certificate_allocate_credentials(&c->gnutls) >= 0) {
		/* Before the files are read: one that changes meanwhile is read again. */
		for (size_t i = 0; i < spec->count; i++)
			credential_stamp(&spec->items[i], &c->stamps[i]);
		r = credential_load(spec, c->gnutls, &c->identity, why);
	}
	if (r == 0)
		r = error_from_gnutls(
			gnutls_certificate_set_known_dh_params(c->gnutls, GNUTLS_SEC_PARAM_MEDIUM));
	if (r < 0)
		credentials_free(c);
	else
		*out = c;
	return r;
}

/*
 * A server that has given up its privileges may no longer look at its key: what it read
 * with them holds.
 */
static bool is_current(const struct credentials *c)
{
	for (size_t i = 0; i < c->spec.count; i++) {
		struct credential_stamp now;

		if (credential_stamp(&c->spec.items[i], &now) &&
		    memcmp(&now, &c->stamps[i], sizeof(now)) != 0)
			return false;
	}
	return true;
}

/* The cache's tail, and what a changed file has made stale, is let go. */
static void prune_locked(void)
{
	struct credentials **p = &cache;
	int kept = 0;

	while (*p) {
		struct credentials *c = *p;

		if (c->refs > 1 || kept++ < KEPT) {
			p = &c->next;
			continue;
		}
		*p = c->next;
		credentials_free(c);
	}
}

static struct credentials *find_locked(const struct credential_spec *spec)
{
	for (struct credentials *c = cache; c; c = c->next)
		if (credential_spec_equal(&c->spec, spec) && is_current(c))
			return c;
	return NULL;
}

int credentials_get(const struct credential_spec *spec, struct credentials **out, char *reason,
		    size_t size)
{
	const struct reason why = {reason, size};
	struct credentials *c;
	int r = 0;

	credentials_lock();
	c = find_locked(spec);
	if (!c) {
		r = credentials_new(spec, &c, &why);
		if (r == 0) {
			c->serial = ++serials;
			c->next = cache;
			cache = c;
			prune_locked();
		}
	}
	if (r == 0) {
		c->refs++;
		*out = c;
	}
	credentials_unlock();
	return r;
}

struct credentials *credentials_ref(struct credentials *c)
{
	if (!c)
		return NULL;
	credentials_lock();
	c->refs++;
	credentials_unlock();
	return c;
}

void credentials_put(struct credentials *c)
{
	if (!c)
		return;
	credentials_lock();
	c->refs--;
	prune_locked();
	credentials_unlock();
}

bool credentials_have_identity(const struct credentials *c)
{
	return c && c->identity;
}

uint64_t credentials_serial(const struct credentials *c)
{
	return c->serial;
}

void *credentials_gnutls(const struct credentials *c)
{
	return c->gnutls;
}
