/* SPDX-License-Identifier: MIT */
#include "chainpath.h"

#include <errno.h>
#include <stdio.h>

static int import_shown(gnutls_session_t session, struct chainpath *path)
{
	unsigned int n = 0;
	const gnutls_datum_t *list = gnutls_certificate_get_peers(session, &n);

	for (unsigned int i = 0; list && i < n && i < CHAINPATH_MAX; i++) {
		gnutls_x509_crt_t crt = NULL;

		if (gnutls_x509_crt_init(&crt) < 0)
			return -ENOMEM;
		path->shown[path->shown_count++] = crt;
		if (gnutls_x509_crt_import(crt, &list[i], GNUTLS_X509_FMT_DER) < 0)
			return -ENOMEM;
	}
	return 0;
}

static bool is_anchor(gnutls_certificate_credentials_t creds, gnutls_x509_crt_t crt)
{
	gnutls_x509_trust_list_t trust = NULL;
	gnutls_x509_crt_t found = NULL;
	gnutls_datum_t dn = {0};
	bool is;

	gnutls_certificate_get_trust_list(creds, &trust);
	if (!trust || gnutls_x509_crt_get_raw_dn(crt, &dn) < 0)
		return false;
	is = gnutls_x509_trust_list_get_issuer_by_dn(trust, &dn, &found, 0) >= 0 &&
	     gnutls_x509_crt_equals(found, crt);
	gnutls_x509_crt_deinit(found);
	gnutls_free(dn.data);
	return is;
}

/* Gives a certificate's issuer: an anchor, or the place of one that was shown. */
static bool find_issuer(gnutls_certificate_credentials_t creds, const struct chainpath *path,
			gnutls_x509_crt_t crt, gnutls_x509_crt_t *issuer, unsigned int *place)
{
	gnutls_x509_trust_list_t trust = NULL;

	*place = path->shown_count;
	gnutls_certificate_get_trust_list(creds, &trust);
	if (trust && gnutls_x509_trust_list_get_issuer(trust, crt, issuer, 0) >= 0)
		return true;
	for (unsigned int i = 1; i < path->shown_count; i++) {
		if (path->shown[i] == crt || !gnutls_x509_crt_check_issuer(crt, path->shown[i]))
			continue;
		*issuer = path->shown[i];
		*place = i;
		return true;
	}
	return false;
}

int chainpath_find(gnutls_session_t session, gnutls_certificate_credentials_t creds,
		   struct chainpath *out)
{
	unsigned int at = 0;
	int r;

	*out = (struct chainpath){.count = 0};
	r = import_shown(session, out);
	while (r == 0 && at < out->shown_count && out->count < CHAINPATH_MAX) {
		struct chainpath_link *link = &out->links[out->count];
		unsigned int next;

		/* A leaf that is trusted itself has nobody to ask. */
		out->complete = is_anchor(creds, out->shown[at]);
		if (out->complete || !find_issuer(creds, out, out->shown[at], &link->issuer, &next))
			break;
		link->crt = out->shown[at];
		link->place = at;
		out->count++;
		out->complete = next == out->shown_count;
		at = next;
	}
	return r;
}

void chainpath_fini(struct chainpath *path)
{
	for (unsigned int i = 0; i < path->shown_count; i++)
		gnutls_x509_crt_deinit(path->shown[i]);
	path->shown_count = 0;
	path->count = 0;
}

const char *chainpath_name(gnutls_x509_crt_t crt, char *out, size_t size)
{
	gnutls_datum_t dn = {0};

	if (gnutls_x509_crt_get_dn3(crt, &dn, 0) < 0 || !dn.data)
		snprintf(out, size, "?");
	else
		snprintf(out, size, "%s", (const char *)dn.data);
	gnutls_free(dn.data);
	return out;
}
