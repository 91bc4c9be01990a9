/* SPDX-License-Identifier: MIT */
/* What a peer means by the alert with which it refuses, and what can be done about it. */
#include "enginesession.h"
#include "verifytext.h"

#include <stdio.h>

/* Between the texts stands what it is about; where that is not there, nothing is said. */
enum about { NOTHING, CERTIFICATE, NO_CERTIFICATE, NAME };

struct row {
	int alert;
	enum about about;
	const char *before, *after;
};

static const struct row rows[] = {
	{GNUTLS_A_UNKNOWN_CA, CERTIFICATE, "it does not trust the issuer of ",
	 " of this end: have it trust that, or show another by TLS_CERTIFICATE_CHAIN, with the "
	 "certificates in between"},
	{GNUTLS_A_CERTIFICATE_EXPIRED, CERTIFICATE, "to it ",
	 " of this end has expired, or is not valid yet: have that renewed, or its clock set"},
	{GNUTLS_A_CERTIFICATE_REVOKED, CERTIFICATE, "it has learned that ",
	 " of this end was revoked: show another by TLS_CERTIFICATE_CHAIN"},
	{GNUTLS_A_BAD_CERTIFICATE, CERTIFICATE, "it does not take ",
	 " of this end: its name, its dates or what it is for may be wrong"},
	{GNUTLS_A_UNSUPPORTED_CERTIFICATE, CERTIFICATE, "it does not take ",
	 " of this end: the kind of key, or what it is for, may be wrong"},
	{GNUTLS_A_CERTIFICATE_UNKNOWN, CERTIFICATE, "it does not take ",
	 " of this end, for a reason of its own"},
	{GNUTLS_A_CERTIFICATE_REQUIRED, NOTHING,
	 "it wants a certificate of this end, by TLS_CERTIFICATE_CHAIN and TLS_PRIVATE_KEY", ""},
	{GNUTLS_A_HANDSHAKE_FAILURE, NO_CERTIFICATE,
	 "no cipher suite, group or kind of key may be in common, or it wants a certificate of "
	 "this end (TLS_CERTIFICATE_CHAIN)",
	 ""},
	{GNUTLS_A_HANDSHAKE_FAILURE, NOTHING,
	 "no cipher suite, group or kind of key may be in common", ""},
	{GNUTLS_A_PROTOCOL_VERSION, NOTHING,
	 "it speaks no version of TLS that is allowed here (TLS_VERSION_MIN, TLS_VERSION_MAX, "
	 "the protocol of the socket, or a policy)",
	 ""},
	{GNUTLS_A_INSUFFICIENT_SECURITY, NOTHING,
	 "it wants stronger cipher suites or groups than are allowed here", ""},
	{GNUTLS_A_NO_APPLICATION_PROTOCOL, NOTHING, "it knows none of the protocols of TLS_ALPN",
	 ""},
	{GNUTLS_A_UNRECOGNIZED_NAME, NAME, "it has no certificate for the name \"", "\""},
};

/* The certificate that this end has shown, into out; false: none. */
static bool describe_own(const struct engine *e, char *out, size_t size)
{
	const gnutls_datum_t *der = gnutls_certificate_get_ours(e->session);
	gnutls_x509_crt_t crt = NULL;
	bool is = der && gnutls_x509_crt_init(&crt) >= 0 &&
		  gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER) >= 0;

	if (is)
		verify_describe(crt, out, size);
	gnutls_x509_crt_deinit(crt);
	return is;
}

/* Writes what the row is about; false: it is not there. */
static bool is_about(const struct engine *e, const struct row *row, char *out, size_t size)
{
	out[0] = '\0';
	switch (row->about) {
	case CERTIFICATE:
		return describe_own(e, out, size);
	case NO_CERTIFICATE:
		return !e->server && !credentials_have_identity(e->credentials);
	case NAME:
		snprintf(out, size, "%s", e->name ? e->name : "");
		return !e->server && e->name;
	default:
		return true;
	}
}

void engine_explain_alert(struct engine *e, int alert, bool clear, const char *doubt)
{
	const char *name = gnutls_alert_get_name((gnutls_alert_description_t)alert);
	const char *how = clear ? ", unsealed" : "";
	char what[VERIFY_DESCRIPTION];

	name = name ? name : "unknown";
	/* Where a key is in doubt, the key is what to look at. */
	for (size_t i = 0; !*doubt && i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].alert != alert || !is_about(e, &rows[i], what, sizeof(what)))
			continue;
		engine_explain(e, "the peer refused: alert \"%s\"%s; %s%s%s", name, how,
			       rows[i].before, what, rows[i].after);
		return;
	}
	engine_explain(e, "the peer refused: alert \"%s\"%s%s", name, how, doubt);
}
