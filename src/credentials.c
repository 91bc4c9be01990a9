/* SPDX-License-Identifier: MIT */
#include "credentials.h"

#include "credentialspec.h"
#include "credentialversion.h"
#include "error.h"
#include "guard.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* KEPT: how many stay parsed after the last socket that used them is gone. */
enum { KEPT = 8, LOOK_EVERY_MS = 1000 };

/* What was told, and its newest version. */
struct credential_source {
	struct credential_spec spec;
	struct credential_stamp *stamps; /* one an item, of the newest version; loading */
	bool unsettled;			 /* the stamps may not tell the next change; loading */
	unsigned int failures;		 /* in a row; loading */
	struct credentials *newest;	 /* lock, as the rest */
	unsigned int users;		 /* references from outside to any version, or to it */
	int64_t looked_ms;
	struct credential_source *next; /* newest first */
};

/* loading is held while files are read and parsed, and is taken before lock. */
static struct guard loading = GUARD_INIT, lock = GUARD_INIT;
static struct credential_source *cache;

void credentials_lock(void)
{
	guard_lock(&loading);
	guard_lock(&lock);
}

void credentials_unlock(void)
{
	guard_unlock(&lock);
	guard_unlock(&loading);
}

static void source_free(struct credential_source *s)
{
	if (s->newest)
		credential_version_free(s->newest);
	credential_spec_fini(&s->spec);
	free(s->stamps);
	free(s);
}

static void put_version_locked(struct credentials *c)
{
	if (--c->refs == 0)
		credential_version_free(c);
}

static struct credentials *use_locked(struct credential_source *s)
{
	s->users++;
	s->newest->refs++;
	return s->newest;
}

static void unuse_locked(struct credentials *c)
{
	c->source->users--;
	put_version_locked(c);
}

/* The cache's tail is let go. */
static void prune_locked(void)
{
	struct credential_source **p = &cache;
	int kept = 0;

	while (*p) {
		struct credential_source *s = *p;

		if (s->users > 0 || kept++ < KEPT) {
			p = &s->next;
			continue;
		}
		*p = s->next;
		source_free(s);
	}
}

static struct credential_source *find_locked(const struct credential_spec *spec)
{
	struct credential_source *s = cache;

	while (s && !credential_spec_equal(&s->spec, spec))
		s = s->next;
	return s;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Reads what a source lists again. Its newest version stays where that fails. */
static int renew(struct credential_source *s, const struct reason *why)
{
	struct credential_stamp *stamps;
	struct credentials *version;
	int r = credential_files_again(&s->spec, why);

	if (r == 0)
		r = credential_version_read(&s->spec, &version, &stamps, why);
	if (r < 0)
		return r;
	free(s->stamps);
	s->stamps = stamps;
	s->unsettled = credential_files_young(stamps, s->spec.count);
	if (s->failures > 1)
		log_line(LEVEL_WARNING, "the credentials can be used again, and are");
	s->failures = 0;
	version->source = s;
	guard_lock(&lock);
	put_version_locked(s->newest);
	s->newest = version;
	guard_unlock(&lock);
	return 0;
}

/*
 * What a handshake does where files have changed. Said is what is still so a second later:
 * chain and key change one after the other.
 */
static void look_again(struct credential_source *s)
{
	char text[512];
	const struct reason why = {text, sizeof(text)};
	int r = 0;

	if (s->unsettled || s->failures || credential_files_changed(&s->spec, s->stamps))
		r = renew(s, &why);
	if (r < 0 && r != -ENOMEM && ++s->failures == 2)
		log_line(LEVEL_ERROR,
			 "reading the changed credentials again: %s; what was read before "
			 "stays in use",
			 text);
}

/* The first version of what nobody has told yet. */
static int source_new(const struct credential_spec *spec, struct credential_source **out,
		      const struct reason *why)
{
	struct credential_source *s = calloc(1, sizeof(*s));
	int r = -ENOMEM;

	snprintf(why->text, why->size, "%s", error_errno_text(ENOMEM));
	if (!s || credential_spec_copy(&s->spec, spec) < 0) {
		free(s);
		return -ENOMEM;
	}
	r = credential_version_read(spec, &s->newest, &s->stamps, why);
	if (r < 0) {
		source_free(s);
		return r;
	}
	s->newest->source = s;
	s->unsettled = credential_files_young(s->stamps, spec->count);
	s->looked_ms = now_ms();
	*out = s;
	return 0;
}

/* With loading held: nobody else adds one meanwhile, but it may be pruned unless used. */
static struct credentials *find_and_use(const struct credential_spec *spec)
{
	struct credential_source *s;
	struct credentials *c = NULL;

	guard_lock(&lock);
	s = find_locked(spec);
	if (s)
		c = use_locked(s);
	guard_unlock(&lock);
	return c;
}

/* The newest version in place of one that is in use. */
static struct credentials *take_newest(struct credentials *old)
{
	struct credentials *c;

	guard_lock(&lock);
	c = use_locked(old->source);
	unuse_locked(old);
	guard_unlock(&lock);
	return c;
}

static int add_source(const struct credential_spec *spec, struct credentials **out,
		      const struct reason *why)
{
	struct credential_source *s;
	int r = source_new(spec, &s, why);

	if (r < 0)
		return r;
	guard_lock(&lock);
	*out = use_locked(s);
	s->next = cache;
	cache = s;
	prune_locked();
	guard_unlock(&lock);
	return 0;
}

/* again: also where the files look as before. */
static int get(const struct credential_spec *spec, bool again, struct credentials **out,
	       const struct reason *why)
{
	struct credentials *c;
	int r = 0;

	guard_lock(&loading);
	c = find_and_use(spec);
	if (!c)
		r = add_source(spec, &c, why);
	else if (again || credential_files_changed(spec, c->source->stamps))
		r = renew(c->source, why);
	guard_unlock(&loading);
	if (r == 0)
		*out = take_newest(c);
	else
		credentials_put(c);
	return r;
}

int credentials_get(const struct credential_spec *spec, struct credentials **out, char *reason,
		    size_t size)
{
	const struct reason why = {reason, size};

	return get(spec, false, out, &why);
}

int credentials_renew(const struct credential_spec *spec, char *reason, size_t size)
{
	const struct reason why = {reason, size};
	struct credentials *c = NULL;
	int r = get(spec, true, &c, &why);

	credentials_put(c);
	return r;
}

int credentials_latest(const struct credential_spec *spec, struct credentials **out, char *reason,
		       size_t size)
{
	int64_t now = now_ms();
	struct credential_source *s;
	struct credentials *c = NULL;
	bool due = false;

	guard_lock(&lock);
	s = find_locked(spec);
	if (s) {
		c = use_locked(s);
		due = now - s->looked_ms >= LOOK_EVERY_MS;
		if (due)
			s->looked_ms = now;
	}
	guard_unlock(&lock);
	if (!c)
		return credentials_get(spec, out, reason, size);
	/* Another thread reads files: its handshake waits for them, this one need not. */
	if (due && guard_trylock(&loading) == 0) {
		look_again(s);
		guard_unlock(&loading);
		c = take_newest(c);
	}
	*out = c;
	return 0;
}

int credentials_renew_all(void)
{
	char text[512];
	const struct reason why = {text, sizeof(text)};
	struct credential_source *s, *next;
	int first = 0;

	guard_lock(&loading);
	guard_lock(&lock);
	for (s = cache; s; s = next) {
		bool used = s->users++ > 0;
		int r;

		guard_unlock(&lock);
		r = renew(s, &why);
		/* What nobody uses may well be gone. */
		r = used ? r : 0;
		if (r < 0)
			log_line(LEVEL_ERROR,
				 "tlssock_reload: %s; what was read before stays in use", text);
		first = first ? first : r;
		guard_lock(&lock);
		next = s->next;
		s->users--;
	}
	guard_unlock(&lock);
	guard_unlock(&loading);
	return first;
}

struct credential_source *credentials_keep(struct credentials *c)
{
	guard_lock(&lock);
	c->source->users++;
	guard_unlock(&lock);
	return c->source;
}

void credentials_release(struct credential_source *s)
{
	if (!s)
		return;
	guard_lock(&lock);
	s->users--;
	prune_locked();
	guard_unlock(&lock);
}

struct credentials *credentials_ref(struct credentials *c)
{
	if (!c)
		return NULL;
	guard_lock(&lock);
	c->source->users++;
	c->refs++;
	guard_unlock(&lock);
	return c;
}

void credentials_put(struct credentials *c)
{
	if (!c)
		return;
	guard_lock(&lock);
	unuse_locked(c);
	prune_locked();
	guard_unlock(&lock);
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

bool credentials_for_name(const struct credentials *c, const char *name, void **out)
{
	gnutls_certificate_credentials_t found;
	bool known = credential_names_find(c->names, name, &found);

	*out = found ? found : c->gnutls;
	return known;
}

const struct crls *credentials_crls(const struct credentials *c)
{
	return c ? c->crls : NULL;
}
