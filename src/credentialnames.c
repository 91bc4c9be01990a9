/* SPDX-License-Identifier: MIT */
#include "credentialnames.h"

#include "error.h"
#include "libgnutls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NAME = 256 };

/* Chains, and GnuTLS's credentials with them alone; NULL where these are all there are. */
struct choice {
	bool *chains;
	gnutls_certificate_credentials_t gnutls;
};

struct name {
	char *text; /* may begin with a wildcard */
	size_t chain;
	size_t choice;
};

struct credential_names {
	struct name *names;
	struct choice *choices;
	size_t count, chains, choice_count;
};

void credential_names_free(struct credential_names *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n->count; i++)
		free(n->names[i].text);
	for (size_t i = 0; i < n->choice_count; i++) {
		if (n->choices[i].gnutls)
			gnutls_certificate_free_credentials(n->choices[i].gnutls);
		free(n->choices[i].chains);
	}
	free(n->names);
	free(n->choices);
	free(n);
}

int credential_names_of(gnutls_x509_crt_t crt, int (*fn)(const char *name, void *arg), void *arg)
{
	char text[MAX_NAME];
	int r = 0, kind = GNUTLS_SAN_DNSNAME;
	bool any = false;
	size_t len;

	for (unsigned int i = 0; r == 0 && kind >= 0; i++) {
		len = sizeof(text) - 1;
		kind = gnutls_x509_crt_get_subject_alt_name(crt, i, text, &len, NULL);
		/* What does not fit is no name of the DNS. */
		if (kind == GNUTLS_E_SHORT_MEMORY_BUFFER)
			kind = GNUTLS_SAN_URI;
		if (kind != GNUTLS_SAN_DNSNAME)
			continue;
		text[len] = '\0';
		any = true;
		r = fn(text, arg);
	}
	len = sizeof(text);
	if (!any &&
	    gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, text, &len) >= 0)
		r = fn(text, arg);
	return r;
}

/* Of the chain that is gathered. */
static int add_name(const char *text, void *arg)
{
	struct credential_names *n = arg;
	struct name *grown = realloc(n->names, (n->count + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	n->names = grown;
	grown[n->count] = (struct name){.text = strdup(text), .chain = n->chains};
	if (!grown[n->count].text)
		return -ENOMEM;
	n->count++;
	return 0;
}

static int gather(struct credential_names *n, gnutls_certificate_credentials_t all)
{
	gnutls_x509_crt_t *list;
	unsigned int count;
	int r = 0;

	while (r == 0) {
		int got = gnutls_certificate_get_x509_crt(all, (unsigned int)n->chains, &list,
							  &count);

		if (got == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			return 0;
		if (got < 0)
			return error_from_gnutls(got);
		r = credential_names_of(list[0], add_name, n);
		n->chains++;
		while (count > 0)
			gnutls_x509_crt_deinit(list[--count]);
		gnutls_free(list);
	}
	return r;
}

/* A pattern is for itself, too. */
static bool is_for(const char *pattern, const char *name)
{
	const char *rest = strchr(name, '.');

	if (strcasecmp(pattern, name) == 0)
		return true;
	return pattern[0] == '*' && pattern[1] == '.' && rest && rest > name &&
	       strcasecmp(pattern + 1, rest) == 0;
}

/* The choice of these chains; a new one if there is none. Takes them. */
static int find_choice(struct credential_names *n, bool *chains, size_t *out)
{
	struct choice *grown;

	for (size_t i = 0; i < n->choice_count; i++) {
		if (memcmp(n->choices[i].chains, chains, n->chains * sizeof(*chains)) == 0) {
			free(chains);
			*out = i;
			return 0;
		}
	}
	grown = realloc(n->choices, (n->choice_count + 1) * sizeof(*grown));
	if (!grown) {
		free(chains);
		return -ENOMEM;
	}
	n->choices = grown;
	grown[n->choice_count] = (struct choice){.chains = chains};
	*out = n->choice_count++;
	return 0;
}

static int choose(struct credential_names *n, struct name *name)
{
	bool *chains = calloc(n->chains, sizeof(*chains));

	if (!chains)
		return -ENOMEM;
	for (size_t i = 0; i < n->count; i++)
		if (is_for(n->names[i].text, name->text))
			chains[n->names[i].chain] = true;
	return find_choice(n, chains, &name->choice);
}

static int fill_choice(const struct credential_spec *spec, size_t chains, struct choice *choice,
		       const struct staples *staples, const struct reason *why)
{
	bool identity;
	int r;

	if (!memchr(choice->chains, false, chains * sizeof(bool)))
		return 0;
	if (gnutls_certificate_allocate_credentials(&choice->gnutls) < 0)
		return -ENOMEM;
	r = credential_load_some(spec, choice->chains, choice->gnutls, &identity, why);
	if (r == 0)
		staples_add(staples, choice->chains, choice->gnutls);
	return r;
}

int credential_names_new(const struct credential_spec *spec, gnutls_certificate_credentials_t all,
			 const struct staples *staples, struct credential_names **out,
			 const struct reason *why)
{
	struct credential_names *n = calloc(1, sizeof(*n));
	int r = n ? gather(n, all) : -ENOMEM;

	for (size_t i = 0; r == 0 && i < n->count; i++)
		r = choose(n, &n->names[i]);
	if (r < 0)
		snprintf(why->text, why->size, "the certificates: %s", error_errno_text(-r));
	for (size_t i = 0; r == 0 && i < n->choice_count; i++)
		r = fill_choice(spec, n->chains, &n->choices[i], staples, why);
	if (r < 0)
		credential_names_free(n);
	else
		*out = n;
	return r;
}

static const struct name *find(const struct credential_names *n, const char *name)
{
	const struct name *wildcard = NULL;

	for (size_t i = 0; i < n->count; i++) {
		if (strcasecmp(n->names[i].text, name) == 0)
			return &n->names[i];
		if (!wildcard && is_for(n->names[i].text, name))
			wildcard = &n->names[i];
	}
	return wildcard;
}

bool credential_names_find(const struct credential_names *n, const char *name,
			   gnutls_certificate_credentials_t *out)
{
	const struct name *found = find(n, name);

	*out = found ? n->choices[found->choice].gnutls : NULL;
	return found != NULL;
}
