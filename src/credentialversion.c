/* SPDX-License-Identifier: MIT */
#include "credentialversion.h"

#include "error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/*
 * ATTEMPTS: how often files are read that change meanwhile. YOUNG: for so many seconds a
 * file may change once more and look the same, as git's index knows.
 */
enum { ATTEMPTS = 5, YOUNG = 2 };

void credential_version_free(struct credentials *c)
{
	if (c->gnutls)
		gnutls_certificate_free_credentials(c->gnutls);
	credential_names_free(c->names);
	crls_free(c->crls);
	staples_free(c->staples);
	free(c);
}

static int version_new(const struct credential_spec *spec, struct credentials **out,
		       const struct reason *why)
{
	static _Atomic uint64_t serials;
	struct credentials *c = calloc(1, sizeof(*c));
	int r = -ENOMEM;

	snprintf(why->text, why->size, "%s", error_errno_text(ENOMEM));
	if (!c)
		return -ENOMEM;
	c->refs = 1;
	c->serial = ++serials;
	if (gnutls_certificate_allocate_credentials(&c->gnutls) >= 0)
		r = credential_load(spec, c->gnutls, &c->identity, why);
	if (r == 0)
		r = crls_load(spec, &c->crls, why);
	if (r == 0)
		r = staples_load(spec, c->gnutls, &c->staples, why);
	if (r == 0)
		r = credential_names_new(spec, c->gnutls, c->staples, &c->names, why);
	if (r == 0)
		r = error_from_gnutls(
			gnutls_certificate_set_known_dh_params(c->gnutls, GNUTLS_SEC_PARAM_MEDIUM));
	if (r < 0)
		credential_version_free(c);
	else
		*out = c;
	return r;
}

bool credential_files_changed(const struct credential_spec *spec,
			      const struct credential_stamp *stamps)
{
	for (size_t i = 0; i < spec->count; i++) {
		struct credential_stamp now;

		if (credential_stamp(&spec->items[i], &now) &&
		    memcmp(&now, &stamps[i], sizeof(now)) != 0)
			return true;
	}
	return false;
}

bool credential_files_young(const struct credential_stamp *stamps, size_t n)
{
	time_t then = time(NULL) - YOUNG;

	for (size_t i = 0; i < n; i++)
		if (stamps[i].changed.tv_sec >= then)
			return true;
	return false;
}

int credential_files_again(const struct credential_spec *spec, const struct reason *why)
{
	struct stat st;

	for (size_t i = 0; i < spec->count; i++)
		if (spec->items[i].kind == CREDENTIAL_PATH && stat(spec->items[i].data, &st) == 0 &&
		    !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
			return credential_explain(
				why, &spec->items[i], -EINVAL,
				"it is no regular file, which could be read again");
	return 0;
}

int credential_version_read(const struct credential_spec *spec, struct credentials **out,
			    struct credential_stamp **stamps, const struct reason *why)
{
	struct credential_stamp *taken = calloc(spec->count + 1, sizeof(*taken));
	int r = -ENOMEM;

	snprintf(why->text, why->size, "%s", error_errno_text(ENOMEM));
	for (int i = 0; taken && i < ATTEMPTS; i++) {
		for (size_t k = 0; k < spec->count; k++)
			credential_stamp(&spec->items[k], &taken[k]);
		r = version_new(spec, out, why);
		if (r == 0 || r == -ENOMEM || !credential_files_changed(spec, taken))
			break;
	}
	if (r < 0)
		free(taken);
	else
		*stamps = taken;
	return r;
}
