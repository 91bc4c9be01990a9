/* SPDX-License-Identifier: MIT */
#include "revocation.h"

#include "chainpath.h"
#include "crl.h"
#include "log.h"
#include "responder.h"
#include "verifytext.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <tlssock.h>

/* RFC 6066, 8; GnuTLS has no name for it. */
enum { BAD_STATUS_RESPONSE = 113 };

struct judging {
	gnutls_session_t session;
	const struct crls *crls;
	bool staples; /* the peer was asked to staple */
	bool ask, may_ask, cached, hard;
	struct revocation **state;
	const struct chainpath *path;
	struct verdict *verdict;
};

static bool told(const struct settings *s, enum setting_number which, bool otherwise)
{
	return s->numbers[which] == UNSET ? otherwise : s->numbers[which] != 0;
}

/* What is wrong, of the peer's certificate or of an issuer of its. */
static void refuse(const struct judging *j, size_t depth, unsigned int bit, int alert,
		   const char *text)
{
	struct verdict *v = j->verdict;
	char leaf[VERIFY_DESCRIPTION], issuer[128];
	size_t len = strlen(v->text);

	if (len)
		snprintf(v->text + len, sizeof(v->text) - len, "; and ");
	else
		snprintf(v->text, sizeof(v->text),
			 "%s is refused: ", verify_describe(j->path->shown[0], leaf, sizeof(leaf)));
	len = strlen(v->text);
	if (depth)
		snprintf(v->text + len, sizeof(v->text) - len, "its issuer \"%s\" %s",
			 chainpath_name(j->path->links[depth].crt, issuer, sizeof(issuer)), text);
	else
		snprintf(v->text + len, sizeof(v->text) - len, "it %s", text);
	if (v->status == 0 || bit == GNUTLS_CERT_REVOKED)
		v->alert = alert;
	v->status |= bit | GNUTLS_CERT_INVALID;
	if (j->path->links[depth].place < VERDICT_DEPTH)
		v->bits[j->path->links[depth].place] |=
			bit == GNUTLS_CERT_REVOKED ? VERDICT_REVOKED : VERDICT_OTHER;
}

static void refuse_revoked(const struct judging *j, size_t depth, const struct finding *f)
{
	char text[512];

	snprintf(text, sizeof(text), "%s; the peer needs a new one, with a new key", f->text);
	refuse(j, depth, GNUTLS_CERT_REVOKED, GNUTLS_A_CERTIFICATE_REVOKED, text);
}

static bool stapled(const struct judging *j, size_t depth, gnutls_datum_t *response)
{
	return j->staples &&
	       gnutls_ocsp_status_request_get2(j->session, j->path->links[depth].place, response) >=
		       0 &&
	       response->size > 0;
}

/*
 * What was stapled must be right, whether it was needed or not: a server that staples knows
 * how to. Returns false after a refusal.
 */
static bool judge_staple(const struct judging *j, size_t depth, struct finding *f)
{
	const struct chainpath_link *l = &j->path->links[depth];
	gnutls_datum_t response = {0};
	char text[512];

	f->state = FINDING_NONE;
	if (!stapled(j, depth, &response)) {
		/* RFC 7633, 4.2.2: TLS 1.2 has no place for those of issuers. */
		if (depth || !j->staples || !ocsp_must_staple(l->crt))
			return true;
		refuse(j, depth, GNUTLS_CERT_MISSING_OCSP_STATUS, BAD_STATUS_RESPONSE,
		       "demands a stapled OCSP response, and there is none; have the server "
		       "staple one");
		return false;
	}
	ocsp_judge(&response, l->crt, l->issuer, f);
	if (f->state == FINDING_REVOKED)
		refuse_revoked(j, depth, f);
	if (f->state != FINDING_BAD)
		return f->state != FINDING_REVOKED;
	snprintf(
		text, sizeof(text),
		"came with an OCSP response that is no use: it %s; have the server fetch a new one",
		f->text);
	refuse(j, depth, GNUTLS_CERT_INVALID_OCSP_STATUS, BAD_STATUS_RESPONSE, text);
	return false;
}

/* Nobody vouches for it: why is the first thing that went wrong. */
static void unknown(const struct judging *j, size_t depth, const struct finding *why)
{
	char text[512], name[128];

	if (!j->hard) {
		if (why->state == FINDING_BAD)
			log_line(LEVEL_WARNING,
				 "verifying the peer: whether \"%s\" was revoked is not known: %s",
				 chainpath_name(j->path->links[depth].crt, name, sizeof(name)),
				 why->text);
		return;
	}
	if (why->state == FINDING_BAD)
		snprintf(text, sizeof(text), "may have been revoked: %s", why->text);
	else
		snprintf(text, sizeof(text),
			 "may have been revoked: no CRL and no OCSP response tells; %s",
			 j->ask ? "have the server staple one, or name a CRL by TLS_CRL"
				: "name a CRL by TLS_CRL, have its responder asked by "
				  "TLS_OCSP_CHECKS, or have the server staple a response");
	refuse(j, depth, GNUTLS_CERT_MISSING_OCSP_STATUS, BAD_STATUS_RESPONSE, text);
}

/* 0: go on with the next; 1: refused; or as revocation_judge(). */
static int judge_one(const struct judging *j, size_t depth)
{
	const struct chainpath_link *l = &j->path->links[depth];
	struct finding list = {.state = FINDING_NONE}, staple, answer = {.state = FINDING_NONE};
	const unsigned int how =
		(j->cached ? RESPONDER_CACHED : 0) | (j->may_ask ? RESPONDER_ASK : 0);
	int r = 0;

	crls_judge(j->crls, l->crt, l->issuer, &list);
	if (list.state == FINDING_REVOKED) {
		refuse_revoked(j, depth, &list);
		return 1;
	}
	if (!judge_staple(j, depth, &staple))
		return 1;
	if (list.state == FINDING_GOOD || staple.state == FINDING_GOOD)
		return 0;
	if (j->ask)
		r = responder_judge(j->state, l->crt, l->issuer, how, &answer);
	if (r < 0)
		return r;
	if (answer.state == FINDING_REVOKED) {
		refuse_revoked(j, depth, &answer);
		return 1;
	}
	if (answer.state != FINDING_GOOD)
		unknown(j, depth, answer.state == FINDING_BAD ? &answer : &list);
	return j->verdict->status ? 1 : 0;
}

/* A chain that leads nowhere, or is forged, is refused already, and nobody can be asked. */
static bool can_judge(const struct verdict *v)
{
	return v->status != GNUTLS_CERT_INVALID &&
	       !(v->status & (GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNATURE_FAILURE |
			      GNUTLS_CERT_SIGNER_NOT_CA | GNUTLS_CERT_INSECURE_ALGORITHM));
}

static int judge_all(const struct judging *j)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < j->path->count; i++)
		r = judge_one(j, i);
	if (r == 0 && j->hard && !j->path->complete && j->path->shown_count)
		refuse(j, 0, GNUTLS_CERT_MISSING_OCSP_STATUS, BAD_STATUS_RESPONSE,
		       "may have been revoked: its issuers are not known");
	return r < 0 ? r : 0;
}

/* As it is for most: no source has a word, and the certificate demands none. */
static bool nothing_tells(const struct judging *j)
{
	gnutls_datum_t response = {0};
	unsigned int n = 0;
	const gnutls_datum_t *shown = gnutls_certificate_get_peers(j->session, &n);

	if (j->hard || j->ask || j->crls)
		return false;
	for (unsigned int i = 0; j->staples && i < n; i++)
		if (gnutls_ocsp_status_request_get2(j->session, i, &response) >= 0 &&
		    response.size > 0)
			return false;
	return n == 0 || !j->staples || !ocsp_may_demand_staple(&shown[0]);
}

int revocation_judge(void *session, const struct settings *s, const struct credentials *c,
		     unsigned int flags, struct revocation **state, struct verdict *verdict)
{
	struct chainpath path;
	const struct judging j = {
		.session = session,
		.crls = told(s, SETTING_CRL, true) ? credentials_crls(c) : NULL,
		.staples = (flags & REVOCATION_OF_SERVER) && told(s, SETTING_OCSP_STAPLED, true),
		/* Not for one that is refused anyway. */
		.ask = told(s, SETTING_OCSP, false) && verdict->status == 0,
		.may_ask = flags & REVOCATION_ASK,
		.cached = told(s, SETTING_CACHED_REVOCATION, true),
		.hard = s->numbers[SETTING_REVOCATION] == TLS_REVOCATION_HARD,
		.state = state,
		.path = &path,
		.verdict = verdict,
	};
	int r;

	if (!j.hard && !told(s, SETTING_REVOCATION, true))
		return 0;
	if (!can_judge(verdict) || nothing_tells(&j))
		return 0;
	r = chainpath_find(session, credentials_gnutls(c), &path);
	if (r == 0)
		r = judge_all(&j);
	chainpath_fini(&path);
	return r;
}
