/* SPDX-License-Identifier: MIT */
#include "verifytext.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/*
 * In the texts: %w which certificate, %p the same as whose, %i its issuer, %e until when and
 * %a from when it is valid, %c what the clock says, %k what is weak in it; of the leaf: %n the
 * name that was expected, %N those that it has, %u the use, %o that use's key purpose.
 */
struct row {
	unsigned int bit;
	gnutls_alert_description_t alert;
	const char *text, *advice;
};

/* In the order in which a reader wants to hear of them; the first one's advice is given. */
static const struct row rows[] = {
	{GNUTLS_CERT_EXPIRED, GNUTLS_A_CERTIFICATE_EXPIRED, "%w expired on %e",
	 "have it renewed, or set the clock of this machine, which says %c, if that is wrong"},
	{GNUTLS_CERT_NOT_ACTIVATED, GNUTLS_A_BAD_CERTIFICATE, "%w is not valid before %a",
	 "set the clock of this machine, which says %c, if that is wrong"},
	{GNUTLS_CERT_SIGNATURE_FAILURE, GNUTLS_A_BAD_CERTIFICATE,
	 "the signature on %w is not that of its issuer \"%i\"",
	 "the chain that the peer shows was damaged, forged or put together wrongly"},
	{GNUTLS_CERT_INSECURE_ALGORITHM, GNUTLS_A_BAD_CERTIFICATE,
	 "a key or signature is too weak: of %w, %k",
	 "have it issued anew, with RSA of 2048 bits or an elliptic curve, and SHA-256"},
	{GNUTLS_CERT_SIGNER_NOT_CA, GNUTLS_A_UNKNOWN_CA,
	 "%p issuer \"%i\" is not a certificate authority", "have it issued by one that is"},
	{GNUTLS_CERT_SIGNER_NOT_FOUND, GNUTLS_A_UNKNOWN_CA,
	 "%p issuer \"%i\" leads to no trusted certificate authority",
	 "if it is to be trusted, name its certificate by TLS_TRUSTED_PEER_CERTIFICATES or "
	 "TLSSOCK_CA; or have the peer send the certificates in between"},
	{GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE, GNUTLS_A_BAD_CERTIFICATE,
	 "an authority in its chain was not allowed to issue it",
	 "the names or the length of chains that the authority may vouch for are limited: have "
	 "it issued by another"},
	{GNUTLS_CERT_UNKNOWN_CRIT_EXTENSIONS, GNUTLS_A_BAD_CERTIFICATE,
	 "it or an authority in its chain has a critical extension that is not known here",
	 "have it issued without"},
	{GNUTLS_CERT_PURPOSE_MISMATCH, GNUTLS_A_UNSUPPORTED_CERTIFICATE,
	 "it was not issued for this use, as a %u", "have it issued with the key purpose %o"},
	{GNUTLS_CERT_UNEXPECTED_OWNER, GNUTLS_A_BAD_CERTIFICATE,
	 "it was not issued for the name \"%n\", but for %N",
	 "expect a name that it has, by TLS_HOSTNAME, or have it issued for this one"},
};

/* There is nobody above it to be trusted. */
static const struct row self_signed = {
	GNUTLS_CERT_SIGNER_NOT_FOUND, GNUTLS_A_UNKNOWN_CA,
	"%w signed itself, and is not among those trusted here: its issuer \"%i\" leads to no "
	"trusted certificate authority",
	"if it is to be trusted, name it by TLS_TRUSTED_PEER_CERTIFICATES or TLSSOCK_CA"};

struct text {
	char *data;
	size_t size, len;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(t->data + t->len, t->size - t->len, format, ap);
	va_end(ap);
	t->len += n > 0 ? (size_t)n : 0;
	if (t->len >= t->size)
		t->len = t->size - 1;
}

static void add_time(struct text *t, time_t when)
{
	char date[32];
	struct tm tm;

	if (gmtime_r(&when, &tm) && strftime(date, sizeof(date), "%Y-%m-%d %H:%M UTC", &tm))
		add(t, "%s", date);
	else
		add(t, "?");
}

static void add_which(struct text *t, const struct chain *chain, unsigned int at, bool whose)
{
	char subject[128];

	if (at == 0) {
		add(t, "%s", whose ? "its" : "it");
		return;
	}
	chain_subject(chain, at, subject, sizeof(subject));
	add(t, "the certificate \"%s\" in its chain%s", subject, whose ? ": its" : "");
}

static void add_names(struct text *t, const struct chain *chain)
{
	char names[300];

	if (chain_names(chain, names, sizeof(names)) > 0)
		add(t, "%s", names);
	else
		add(t, "no host at all (a subject's common name does not count)");
}

static void add_detail(struct text *t, char what, const struct chain *chain, unsigned int at,
		       const struct expectation *expected)
{
	gnutls_x509_crt_t crt = at < chain->count ? chain->crts[at] : NULL;
	char text[128] = "";

	if (what == 'w' || what == 'p')
		add_which(t, chain, at, what == 'p');
	else if (what == 'c')
		add_time(t, expected->now);
	else if (what == 'n')
		add(t, "%s", expected->name ? expected->name : "?");
	else if (what == 'N')
		add_names(t, chain);
	else if (what == 'u')
		add(t, "%s", expected->server ? "server" : "client");
	else if (what == 'o')
		add(t, "%s", expected->server ? "serverAuth" : "clientAuth");
	else if (what == 'e' && crt)
		add_time(t, gnutls_x509_crt_get_expiration_time(crt));
	else if (what == 'a' && crt)
		add_time(t, gnutls_x509_crt_get_activation_time(crt));
	else if (what == 'k' && crt)
		chain_weakness(chain, at, text, sizeof(text));
	else if (what == 'i')
		chain_issuer(chain, at, text, sizeof(text));
	if (what == 'k' && !text[0])
		add(t, "or of an authority above");
	add(t, "%s", text);
}

static void add_template(struct text *t, const char *template, const struct chain *chain,
			 unsigned int at, const struct expectation *expected)
{
	for (; *template; template ++) {
		if (*template == '%')
			add_detail(t, *++template, chain, at, expected);
		else
			add(t, "%c", *template);
	}
}

static void add_leaf(struct text *t, const struct chain *chain)
{
	char subject[128], issuer[128];

	chain_subject(chain, 0, subject, sizeof(subject));
	chain_issuer(chain, 0, issuer, sizeof(issuer));
	add(t, "the certificate \"%s\"", subject);
	if (chain->count > 0) {
		add(t, " (issued by \"%s\", valid from ", issuer);
		add_time(t, gnutls_x509_crt_get_activation_time(chain->crts[0]));
		add(t, " to ");
		add_time(t, gnutls_x509_crt_get_expiration_time(chain->crts[0]));
		add(t, ")");
	}
}

const char *verify_describe(gnutls_x509_crt_t crt, char *out, size_t size)
{
	const struct chain chain = {.crts = {crt}, .count = crt ? 1 : 0};
	struct text t = {out, size, 0};

	add_leaf(&t, &chain);
	return out;
}

void verify_explain(const struct chain *chain, const struct expectation *expected,
		    struct verdict *v)
{
	struct text t = {v->text, sizeof(v->text), 0};
	const struct row *first = NULL;
	unsigned int first_at = 0;

	add_leaf(&t, chain);
	add(&t, " is refused");
	v->alert = GNUTLS_A_BAD_CERTIFICATE;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned int at = chain_culprit(chain, rows[i].bit, expected->now);
		const struct row *row = &rows[i];

		if (!(v->status & row->bit))
			continue;
		if (row->bit == self_signed.bit && chain_self_issued(chain, at))
			row = &self_signed;
		add(&t, "%s ", first ? ", and" : ":");
		add_template(&t, row->text, chain, at, expected);
		if (first)
			continue;
		first = row;
		first_at = at;
		v->alert = (int)row->alert;
	}
	if (!first)
		add(&t, ": GnuTLS does not say why");
	if (first && first->advice) {
		add(&t, "; ");
		add_template(&t, first->advice, chain, first_at, expected);
	}
}
