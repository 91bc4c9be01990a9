/* SPDX-License-Identifier: MIT */
#include "chain.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

int chain_open(struct chain *chain, gnutls_session_t session, unsigned int most)
{
	unsigned int n = 0;
	const gnutls_datum_t *list = gnutls_certificate_get_peers(session, &n);
	int r = 0;

	*chain = (struct chain){0};
	for (unsigned int i = 0; r >= 0 && list && i < n && i < most; i++) {
		r = gnutls_x509_crt_init(&chain->crts[i]);
		if (r < 0)
			break;
		chain->count++;
		r = gnutls_x509_crt_import(chain->crts[i], &list[i], GNUTLS_X509_FMT_DER);
		if (r < 0)
			gnutls_x509_crt_deinit(chain->crts[--chain->count]);
	}
	if (r != GNUTLS_E_MEMORY_ERROR)
		return 0;
	chain_close(chain);
	return -ENOMEM;
}

void chain_close(struct chain *chain)
{
	while (chain->count > 0)
		gnutls_x509_crt_deinit(chain->crts[--chain->count]);
}

static void copy_dn(gnutls_x509_crt_t crt,
		    int (*get)(gnutls_x509_crt_t, gnutls_datum_t *, unsigned int), char *out,
		    size_t size)
{
	gnutls_datum_t dn = {0};

	snprintf(out, size, "?");
	if (get(crt, &dn, 0) < 0)
		return;
	snprintf(out, size, "%s", (const char *)dn.data);
	gnutls_free(dn.data);
}

void chain_subject(const struct chain *chain, unsigned int at, char *out, size_t size)
{
	snprintf(out, size, "?");
	if (at < chain->count)
		copy_dn(chain->crts[at], gnutls_x509_crt_get_dn3, out, size);
}

void chain_issuer(const struct chain *chain, unsigned int at, char *out, size_t size)
{
	snprintf(out, size, "?");
	if (at < chain->count)
		copy_dn(chain->crts[at], gnutls_x509_crt_get_issuer_dn3, out, size);
}

bool chain_self_issued(const struct chain *chain, unsigned int at)
{
	return at < chain->count &&
	       gnutls_x509_crt_check_issuer(chain->crts[at], chain->crts[at]) == 1;
}

/* The one whose issuer the peer did not show: where trust would have to begin. */
static unsigned int top_of(const struct chain *chain)
{
	unsigned int i = 0;

	while (i + 1 < chain->count &&
	       gnutls_x509_crt_check_issuer(chain->crts[i], chain->crts[i + 1]) == 1)
		i++;
	return i;
}

static bool is_badly_signed(const struct chain *chain, unsigned int at)
{
	unsigned int out = 0;

	if (at + 1 >= chain->count)
		return false;
	return gnutls_x509_crt_verify(chain->crts[at], &chain->crts[at + 1], 1,
				      GNUTLS_VERIFY_DISABLE_TIME_CHECKS, &out) >= 0 &&
	       (out & GNUTLS_CERT_SIGNATURE_FAILURE);
}

static bool has_fault(const struct chain *chain, unsigned int at, unsigned int bit, time_t now)
{
	gnutls_x509_crt_t crt = chain->crts[at];
	char weakness[64];

	switch (bit) {
	case GNUTLS_CERT_EXPIRED:
		return gnutls_x509_crt_get_expiration_time(crt) < now;
	case GNUTLS_CERT_NOT_ACTIVATED:
		return gnutls_x509_crt_get_activation_time(crt) > now;
	case GNUTLS_CERT_INSECURE_ALGORITHM:
		chain_weakness(chain, at, weakness, sizeof(weakness));
		return weakness[0] != '\0';
	case GNUTLS_CERT_SIGNATURE_FAILURE:
		return is_badly_signed(chain, at);
	case GNUTLS_CERT_SIGNER_NOT_CA:
		return at + 1 < chain->count &&
		       gnutls_x509_crt_get_ca_status(chain->crts[at + 1], NULL) <= 0;
	case GNUTLS_CERT_SIGNER_NOT_FOUND:
		return at == top_of(chain);
	default:
		return at == 0;
	}
}

unsigned int chain_culprit(const struct chain *chain, unsigned int bit, time_t now)
{
	for (unsigned int i = 0; i < chain->count; i++)
		if (has_fault(chain, i, bit, now))
			return i;
	return 0;
}

bool chain_has_weak_key(const struct chain *chain, unsigned int at)
{
	unsigned int bits = 0;
	int pk = at < chain->count ? gnutls_x509_crt_get_pk_algorithm(chain->crts[at], &bits) : 0;

	return pk > 0 && gnutls_pk_bits_to_sec_param((gnutls_pk_algorithm_t)pk, bits) <
				 GNUTLS_SEC_PARAM_MEDIUM;
}

void chain_weakness(const struct chain *chain, unsigned int at, char *out, size_t size)
{
	gnutls_x509_crt_t crt = chain->crts[at];
	unsigned int bits = 0;
	int pk = gnutls_x509_crt_get_pk_algorithm(crt, &bits);
	int sign = gnutls_x509_crt_get_signature_algorithm(crt);
	const char *name = sign > 0 ? gnutls_sign_get_name((gnutls_sign_algorithm_t)sign) : NULL;

	snprintf(out, size, "%s", "");
	if (chain_has_weak_key(chain, at))
		snprintf(out, size, "%s, %u bits", gnutls_pk_get_name((gnutls_pk_algorithm_t)pk),
			 bits);
	else if (!chain_self_issued(chain, at) &&
		 !gnutls_sign_is_secure2((gnutls_sign_algorithm_t)sign,
					 GNUTLS_SIGN_FLAG_SECURE_FOR_CERTS))
		snprintf(out, size, "signed with %s", name ? name : "an unknown algorithm");
}

/* A name as text: 0, or -1 for a kind that names no host. */
static int name_text(const unsigned char *name, size_t len, int type, char *out, size_t size)
{
	size_t at;

	if (type == GNUTLS_SAN_IPADDRESS && (len == 4 || len == 16))
		return inet_ntop(len == 4 ? AF_INET : AF_INET6, name, out, (socklen_t)size) ? 0
											    : -1;
	if (type != GNUTLS_SAN_DNSNAME)
		return -1;
	/* It may hold anything; what ends a string must not hide the rest. */
	for (at = 0; at < len && at + 1 < size; at++)
		out[at] = name[at] > ' ' && name[at] != 0x7f ? (char)name[at] : '?';
	out[at] = '\0';
	return 0;
}

static bool is_address(const char *text)
{
	unsigned char address[16];

	return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

unsigned int chain_names(const struct chain *chain, char *out, size_t size)
{
	enum { SHOWN = 4 };
	unsigned int n = 0;
	int type = 0;

	snprintf(out, size, "%s", "");
	for (unsigned int i = 0; chain->count && type != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
	     i++) {
		unsigned char name[256];
		size_t len = sizeof(name), used = strlen(out);
		char text[256];

		type = gnutls_x509_crt_get_subject_alt_name(chain->crts[0], i, name, &len, NULL);
		if (type < 0 && type != GNUTLS_E_SHORT_MEMORY_BUFFER)
			break;
		if (type < 0 || name_text(name, len, type, text, sizeof(text)) < 0)
			continue;
		n++;
		if (n <= SHOWN)
			snprintf(out + used, size - used, "%s\"%.60s\"%s", n > 1 ? ", " : "", text,
				 type == GNUTLS_SAN_DNSNAME && is_address(text)
					 ? " (which is no IP address in it)"
					 : "");
		else if (n == SHOWN + 1)
			snprintf(out + used, size - used, ", ...");
	}
	return n;
}

bool chain_has_host_name(const struct chain *chain)
{
	int type = 0;

	for (unsigned int i = 0; chain->count; i++) {
		unsigned char name[256];
		size_t len = sizeof(name);

		type = gnutls_x509_crt_get_subject_alt_name(chain->crts[0], i, name, &len, NULL);
		if (type == GNUTLS_SAN_DNSNAME)
			return true;
		if (type < 0 && type != GNUTLS_E_SHORT_MEMORY_BUFFER)
			break;
	}
	return false;
}

/* A tree's name ends the names below it; a comma behind a backslash is part of a value. */
static bool is_below(const char *name, const char *tree)
{
	size_t len = strlen(name), end = strlen(tree), slashes = 0;
	const char *at;

	if (end == 0 || strcasecmp(name, tree) == 0)
		return true;
	if (len <= end)
		return false;
	at = name + (len - end);
	if (strcasecmp(at, tree) != 0 || at[-1] != ',')
		return false;
	while (at - 2 - slashes >= name && at[-2 - (ptrdiff_t)slashes] == '\\')
		slashes++;
	return slashes % 2 == 0;
}

/* Where no directory name is among the permitted ones, all are. */
static bool permits(gnutls_x509_name_constraints_t constraints, const char *subject)
{
	char tree[512];
	gnutls_datum_t name;
	unsigned int type;
	bool any = false;

	for (unsigned int i = 0;
	     gnutls_x509_name_constraints_get_permitted(constraints, i, &type, &name) >= 0; i++) {
		if (type != GNUTLS_SAN_DN)
			continue;
		any = true;
		snprintf(tree, sizeof(tree), "%.*s", (int)name.size, (const char *)name.data);
		if (name.size < sizeof(tree) && is_below(subject, tree))
			return true;
	}
	return !any;
}

static bool vouches(const struct chain *chain, unsigned int authority, unsigned int at)
{
	gnutls_x509_name_constraints_t constraints;
	char subject[1024];
	unsigned int critical;
	bool good;
	int r;

	chain_subject(chain, at, subject, sizeof(subject));
	if (!*subject || (at > 0 && chain_self_issued(chain, at)))
		return true;
	if (gnutls_x509_name_constraints_init(&constraints) < 0)
		return false;
	r = gnutls_x509_crt_get_name_constraints(chain->crts[authority], constraints, 0, &critical);
	good = r < 0 ? r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE : permits(constraints, subject);
	gnutls_x509_name_constraints_deinit(constraints);
	return good;
}

bool chain_may_limit_names(gnutls_session_t session)
{
	/* id-ce-nameConstraints (RFC 5280, 4.2.1.10), as DER has it. */
	static const unsigned char oid[] = {0x06, 0x03, 0x55, 0x1d, 0x1e};
	unsigned int n = 0;
	const gnutls_datum_t *list = gnutls_certificate_get_peers(session, &n);

	for (unsigned int i = 1; list && i < n; i++)
		if (memmem(list[i].data, list[i].size, oid, sizeof(oid)))
			return true;
	return false;
}

bool chain_keeps_to_directories(const struct chain *chain)
{
	unsigned int path[CHAIN_MAX] = {0}, n = 1, k;

	while (chain->count && n < CHAIN_MAX) {
		for (k = 1; k < chain->count; k++)
			if (k != path[n - 1] &&
			    gnutls_x509_crt_check_issuer(chain->crts[path[n - 1]], chain->crts[k]))
				break;
		if (k == chain->count)
			break;
		for (unsigned int i = 0; i < n; i++)
			if (!vouches(chain, k, path[i]))
				return false;
		path[n++] = k;
	}
	return true;
}
