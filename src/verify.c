/* SPDX-License-Identifier: MIT */
#include "verify.h"

#include "error.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What the sentences speak of; %s stands for one of them. */
enum detail { NONE, NAME, ISSUER, EXPIRY, ACTIVATION };

struct row {
	unsigned int bit;
	gnutls_alert_description_t alert;
	enum detail detail;
	const char *text;
};

/* In the order in which a reader wants to hear of them. */
static const struct row rows[] = {
	{GNUTLS_CERT_REVOKED, GNUTLS_A_CERTIFICATE_REVOKED, NONE, "it was revoked"},
	{GNUTLS_CERT_EXPIRED, GNUTLS_A_CERTIFICATE_EXPIRED, EXPIRY, "it expired on %s"},
	{GNUTLS_CERT_NOT_ACTIVATED, GNUTLS_A_BAD_CERTIFICATE, ACTIVATION,
	 "it is not valid before %s"},
	{GNUTLS_CERT_SIGNATURE_FAILURE, GNUTLS_A_BAD_CERTIFICATE, NONE,
	 "a signature in its chain is wrong"},
	{GNUTLS_CERT_INSECURE_ALGORITHM, GNUTLS_A_BAD_CERTIFICATE, NONE,
	 "a key or signature in its chain is too weak"},
	{GNUTLS_CERT_SIGNER_NOT_CA, GNUTLS_A_UNKNOWN_CA, ISSUER,
	 "its issuer \"%s\" is not a certificate authority"},
	{GNUTLS_CERT_SIGNER_NOT_FOUND, GNUTLS_A_UNKNOWN_CA, ISSUER,
	 "its issuer \"%s\" leads to no trusted certificate authority"},
	{GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE, GNUTLS_A_BAD_CERTIFICATE, NONE,
	 "an authority in its chain was not allowed to issue it"},
	{GNUTLS_CERT_PURPOSE_MISMATCH, GNUTLS_A_UNSUPPORTED_CERTIFICATE, NONE,
	 "it was not issued for this use"},
	{GNUTLS_CERT_UNEXPECTED_OWNER, GNUTLS_A_BAD_CERTIFICATE, NAME,
	 "it was not issued for the name \"%s\""},
	{GNUTLS_CERT_MISSING_OCSP_STATUS, GNUTLS_A_BAD_CERTIFICATE, NONE,
	 "it demands a stapled OCSP response, and there is none"},
	{GNUTLS_CERT_INVALID_OCSP_STATUS, GNUTLS_A_BAD_CERTIFICATE, NONE,
	 "the stapled OCSP response is not valid"},
};

struct leaf {
	char subject[128];
	char issuer[128];
	time_t activation; /* the latest in the chain */
	time_t expiry;	   /* the earliest in the chain */
};

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

static void copy_dn(gnutls_x509_crt_t crt,
		    int (*get)(gnutls_x509_crt_t, gnutls_datum_t *, unsigned int), char *out,
		    size_t size)
{
	gnutls_datum_t dn = {0};

	if (get(crt, &dn, 0) < 0)
		return;
	snprintf(out, size, "%s", (const char *)dn.data);
	gnutls_free(dn.data);
}

static void read_leaf(gnutls_session_t session, struct leaf *leaf)
{
	unsigned int n = 0;
	const gnutls_datum_t *list = gnutls_certificate_get_peers(session, &n);

	*leaf = (struct leaf){.subject = "?", .issuer = "?"};
	for (unsigned int i = 0; list && i < n; i++) {
		gnutls_x509_crt_t crt;
		time_t t;

		if (import(&list[i], &crt) < 0)
			continue;
		if (i == 0) {
			copy_dn(crt, gnutls_x509_crt_get_dn3, leaf->subject, sizeof(leaf->subject));
			copy_dn(crt, gnutls_x509_crt_get_issuer_dn3, leaf->issuer,
				sizeof(leaf->issuer));
		}
		t = gnutls_x509_crt_get_activation_time(crt);
		if (i == 0 || t > leaf->activation)
			leaf->activation = t;
		t = gnutls_x509_crt_get_expiration_time(crt);
		if (i == 0 || t < leaf->expiry)
			leaf->expiry = t;
		gnutls_x509_crt_deinit(crt);
	}
}

static const char *detail_text(enum detail detail, const struct leaf *leaf, const char *name,
			       char *date, size_t size)
{
	time_t t = detail == EXPIRY ? leaf->expiry : leaf->activation;
	struct tm tm;

	if (detail == NAME)
		return name ? name : "?";
	if (detail == ISSUER)
		return leaf->issuer;
	if (!gmtime_r(&t, &tm) || !strftime(date, size, "%Y-%m-%d %H:%M UTC", &tm))
		return "?";
	return date;
}

/* The table's own formats, each with at most one %s. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void write_row(char *text, size_t size, const struct row *row, const char *detail)
{
	snprintf(text, size, row->text, detail);
}
#pragma GCC diagnostic pop

static void explain(gnutls_session_t session, const char *name, struct verdict *v)
{
	struct leaf leaf;
	const char *between = ":";
	char date[32], sentence[320];
	size_t len;

	read_leaf(session, &leaf);
	snprintf(v->text, sizeof(v->text), "the certificate \"%s\" is refused", leaf.subject);
	v->alert = GNUTLS_A_BAD_CERTIFICATE;
	len = strlen(v->text);
	for (size_t i = sizeof(rows) / sizeof(rows[0]); i > 0; i--)
		if (v->status & rows[i - 1].bit)
			v->alert = (int)rows[i - 1].alert;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!(v->status & rows[i].bit))
			continue;
		write_row(sentence, sizeof(sentence), &rows[i],
			  detail_text(rows[i].detail, &leaf, name, date, sizeof(date)));
		snprintf(v->text + len, sizeof(v->text) - len, "%s %s", between, sentence);
		len = strlen(v->text);
		between = ", and";
	}
}

int verify_peer(void *session, int peer_is_server, const char *name, struct verdict *verdict)
{
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
	r = gnutls_certificate_verify_peers(session, data, n, &verdict->status);
	if (r == GNUTLS_E_MEMORY_ERROR)
		return -ENOMEM;
	if (r < 0) {
		verdict->status = GNUTLS_CERT_INVALID;
		verdict->alert = GNUTLS_A_BAD_CERTIFICATE;
		snprintf(verdict->text, sizeof(verdict->text),
			 "the peer's certificate cannot be verified: %s", error_text(r));
	} else if (verdict->status) {
		explain(session, name, verdict);
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
