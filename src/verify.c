/* SPDX-License-Identifier: MIT */
#include "verify.h"

#include "dnsnames.h"
#include "error.h"
#include "libgnutls.h"
#include "verifytext.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int import(const gnutls_datum_t *der, gnutls_x509_crt_t *out)
{
	gnutls_x509_crt_t crt;
	int r = gnutls_x509_crt_init(&crt);

	if (r < 0)
		return r;
	r = gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER);
	if (r < 0)
		gnutls_x509_crt_deinit(crt);
	else
		*out = crt;
	return r;
}

enum {
	BAD_EXPIRED = 0x01,
	BAD_NAME = VERDICT_NAME,
	BAD_TRUST = VERDICT_TRUST,
	BAD_OTHER = VERDICT_OTHER,
	BAD_FUTURE = 0x0200,
	BAD_EXT_KEY_USAGE = 0x1000,
	BAD_DIGEST = VERDICT_DIGEST,
	BAD_KEY = VERDICT_KEY,
};

static const struct {
	unsigned int status;
	uint32_t bit;
} bits[] = {
	{GNUTLS_CERT_EXPIRED, BAD_EXPIRED},
	{GNUTLS_CERT_UNEXPECTED_OWNER, BAD_NAME},
	{GNUTLS_CERT_SIGNER_NOT_FOUND, BAD_TRUST},
	{GNUTLS_CERT_SIGNER_NOT_CA, BAD_TRUST},
	{GNUTLS_CERT_SIGNATURE_FAILURE, BAD_TRUST},
	{GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE, BAD_TRUST},
	{GNUTLS_CERT_NOT_ACTIVATED, BAD_FUTURE},
	{GNUTLS_CERT_PURPOSE_MISMATCH, BAD_EXT_KEY_USAGE},
	{GNUTLS_CERT_INSECURE_ALGORITHM, BAD_KEY},
};

static void set_bits(const struct chain *chain, time_t now, struct verdict *verdict)
{
	unsigned int rest = verdict->status & ~(unsigned int)GNUTLS_CERT_INVALID;

	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		uint32_t bit = bits[i].bit;
		unsigned int at;

		if (!(rest & bits[i].status))
			continue;
		rest &= ~bits[i].status;
		at = chain_culprit(chain, bits[i].status, now);
		if (bit == BAD_KEY && !chain_has_weak_key(chain, at))
			bit = BAD_DIGEST;
		verdict->bits[at] |= bit;
	}
	if (rest || (verdict->status == GNUTLS_CERT_INVALID))
		verdict->bits[0] |= BAD_OTHER;
}

/* GnuTLS takes the common name where there is no other. */
static int check_host_name(gnutls_session_t session, const char *name, struct verdict *verdict)
{
	unsigned char address[16];
	const gnutls_datum_t *shown;
	struct chain leaf;
	unsigned int n = 0;
	int r;

	if (!name || inet_pton(AF_INET, name, address) == 1 ||
	    inet_pton(AF_INET6, name, address) == 1)
		return 0;
	shown = gnutls_certificate_get_peers(session, &n);
	if (shown && n && dnsnames_has(shown[0].data, shown[0].size))
		return 0;
	r = chain_open(&leaf, session, 1);
	if (r < 0)
		return r;
	if (leaf.count && !chain_has_host_name(&leaf))
		verdict->status |= GNUTLS_CERT_UNEXPECTED_OWNER | GNUTLS_CERT_INVALID;
	chain_close(&leaf);
	return 0;
}

static int judge(gnutls_session_t session, const struct expectation *expected,
		 struct verdict *verdict)
{
	struct chain chain;
	int r = check_host_name(session, expected->name, verdict);

	if (r < 0 || (verdict->status == 0 && !chain_may_limit_names(session)))
		return r;
	r = chain_open(&chain, session, CHAIN_MAX);
	if (r < 0)
		return r;
	if (!chain_keeps_to_directories(&chain))
		verdict->status |= GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE | GNUTLS_CERT_INVALID;
	set_bits(&chain, expected->now, verdict);
	if (verdict->status)
		verify_explain(&chain, expected, verdict);
	chain_close(&chain);
	return 0;
}

int verify_peer(void *session, int peer_is_server, const char *name, struct verdict *verdict)
{
	const struct expectation expected = {peer_is_server, name, time(NULL)};
	unsigned char address[16];
	unsigned int n = 1;
	gnutls_typed_vdata_st data[2] = {
		{.type = GNUTLS_DT_KEY_PURPOSE_OID,
		 .data = (unsigned char *)(uintptr_t)(peer_is_server ? GNUTLS_KP_TLS_WWW_SERVER
								     : GNUTLS_KP_TLS_WWW_CLIENT)},
	};
	int r;

	*verdict = (struct verdict){0};
	if (name && inet_pton(AF_INET, name, address) == 1)
		data[n++] = (gnutls_typed_vdata_st){GNUTLS_DT_IP_ADDRESS, address, 4};
	else if (name && inet_pton(AF_INET6, name, address) == 1)
		data[n++] = (gnutls_typed_vdata_st){GNUTLS_DT_IP_ADDRESS, address, 16};
	else if (name)
		data[n++] = (gnutls_typed_vdata_st){GNUTLS_DT_DNS_HOSTNAME,
						    (unsigned char *)(uintptr_t)name, 0};
	/* Without revocation, which revocation.h sees to. */
	r = gnutls_certificate_verify_peers(session, data, n, &verdict->status);
	if (r == GNUTLS_E_MEMORY_ERROR)
		return -ENOMEM;
	if (r < 0) {
		verdict->status = GNUTLS_CERT_INVALID;
		verdict->bits[0] = BAD_OTHER;
		verdict->alert = GNUTLS_A_BAD_CERTIFICATE;
		snprintf(verdict->text, sizeof(verdict->text),
			 "the peer's certificate cannot be verified: %s",
			 r == GNUTLS_E_CONSTRAINT_ERROR ? "its chain is too long" : error_text(r));
	} else {
		return judge(session, &expected, verdict);
	}
	return 0;
}

int verify_subject(void *session, char **text)
{
	unsigned int n = 0;
	const gnutls_datum_t *list = gnutls_certificate_get_peers(session, &n);
	gnutls_datum_t dn = {0};
	gnutls_x509_crt_t crt;

	*text = NULL;
	if (!list || n == 0)
		return -ENOTCONN;
	if (import(&list[0], &crt) < 0)
		return -ENOMEM;
	if (gnutls_x509_crt_get_dn3(crt, &dn, 0) >= 0)
		*text = strdup((const char *)dn.data);
	gnutls_free(dn.data);
	gnutls_x509_crt_deinit(crt);
	return *text ? 0 : -ENOMEM;
}

int verify_chain_pem(void *session, char **text)
{
	unsigned int n = 0;
	const gnutls_datum_t *list = gnutls_certificate_get_peers(session, &n);
	size_t size = 0;
	FILE *out;
	int r = 0;

	if (!list || n == 0)
		return -ENOTCONN;
	out = open_memstream(text, &size);
	if (!out)
		return -ENOMEM;
	for (unsigned int i = 0; r >= 0 && i < n; i++) {
		gnutls_datum_t pem = {0};

		r = gnutls_pem_base64_encode2("CERTIFICATE", &list[i], &pem);
		if (r >= 0 && fwrite(pem.data, 1, pem.size, out) != pem.size)
			r = -1;
		gnutls_free(pem.data);
	}
	if (fclose(out) != 0 || r < 0) {
		free(*text);
		*text = NULL;
		return -ENOMEM;
	}
	return 0;
}
