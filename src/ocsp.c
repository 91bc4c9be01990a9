/* SPDX-License-Identifier: MIT */
#include "ocsp.h"

#include "libgnutls.h"

#include <errno.h>
#include <string.h>

/* RFC 6960, 2.4: without nextUpdate there is newer information at any time. */
enum { UNDATED_S = 24 * 60 * 60, STATUS_REQUEST = 5 };

static const char *status_text(int status)
{
	switch (status) {
	case GNUTLS_OCSP_RESP_MALFORMEDREQUEST:
		return "malformed request";
	case GNUTLS_OCSP_RESP_INTERNALERROR:
		return "internal error";
	case GNUTLS_OCSP_RESP_TRYLATER:
		return "try later";
	case GNUTLS_OCSP_RESP_SIGREQUIRED:
		return "signature required";
	case GNUTLS_OCSP_RESP_UNAUTHORIZED:
		return "unauthorized";
	default:
		return "an unknown status";
	}
}

static const char *reason_text(unsigned int reason)
{
	static const char *const texts[] = {
		[GNUTLS_X509_CRLREASON_KEYCOMPROMISE] = " (key compromise)",
		[GNUTLS_X509_CRLREASON_CACOMPROMISE] = " (CA compromise)",
		[GNUTLS_X509_CRLREASON_AFFILIATIONCHANGED] = " (affiliation changed)",
		[GNUTLS_X509_CRLREASON_SUPERSEDED] = " (superseded)",
		[GNUTLS_X509_CRLREASON_CESSATIONOFOPERATION] = " (cessation of operation)",
		[GNUTLS_X509_CRLREASON_CERTIFICATEHOLD] = " (on hold)",
		[GNUTLS_X509_CRLREASON_PRIVILEGEWITHDRAWN] = " (privilege withdrawn)",
		[GNUTLS_X509_CRLREASON_AACOMPROMISE] = " (AA compromise)",
	};

	if (reason >= sizeof(texts) / sizeof(texts[0]) || !texts[reason])
		return "";
	return texts[reason];
}

static const char *signature_text(unsigned int wrong)
{
	static const struct {
		unsigned int bit;
		const char *text;
	} rows[] = {
		{GNUTLS_OCSP_VERIFY_SIGNER_NOT_FOUND, "its signer is not there"},
		{GNUTLS_OCSP_VERIFY_UNTRUSTED_SIGNER,
		 "its signer has nothing from the certificate's issuer"},
		{GNUTLS_OCSP_VERIFY_SIGNER_KEYUSAGE_ERROR,
		 "its signer may not sign OCSP responses"},
		{GNUTLS_OCSP_VERIFY_INSECURE_ALGORITHM, "its signature is too weak"},
		{GNUTLS_OCSP_VERIFY_CERT_EXPIRED, "its signer's certificate has expired"},
		{GNUTLS_OCSP_VERIFY_CERT_NOT_ACTIVATED,
		 "its signer's certificate is not valid yet"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (wrong & rows[i].bit)
			return rows[i].text;
	return "its signature is wrong";
}

struct single {
	unsigned int status, reason;
	time_t this_update, next_update, revoked; /* -1: not said */
};

/* The one about the certificate. */
static int find_single(gnutls_ocsp_resp_t resp, gnutls_x509_crt_t crt, struct single *s)
{
	for (unsigned int i = 0;; i++) {
		int r = gnutls_ocsp_resp_get_single(resp, i, NULL, NULL, NULL, NULL, &s->status,
						    &s->this_update, &s->next_update, &s->revoked,
						    &s->reason);

		if (r < 0)
			return r;
		if (gnutls_ocsp_resp_check_crt(resp, i, crt) == 0)
			return 0;
	}
}

static const char *signer(gnutls_ocsp_resp_t resp, gnutls_x509_crt_t issuer, gnutls_datum_t *dn)
{
	*dn = (gnutls_datum_t){0};
	if (gnutls_ocsp_resp_get_responder2(resp, dn, 0) < 0 || !dn->data || !dn->size) {
		/* It is named by its key. */
		gnutls_free(dn->data);
		*dn = (gnutls_datum_t){0};
		if (!issuer || gnutls_x509_crt_get_dn3(issuer, dn, 0) < 0)
			return "?";
	}
	return (const char *)dn->data;
}

static void judge_single(gnutls_ocsp_resp_t resp, gnutls_x509_crt_t issuer, const struct single *s,
			 struct finding *out)
{
	time_t now = time(NULL), end = s->next_update;
	char date[FINDING_DATE];
	gnutls_datum_t dn;

	if (end == (time_t)-1)
		end = s->this_update + UNDATED_S;
	if (s->status == GNUTLS_OCSP_CERT_REVOKED) {
		finding_set(out, FINDING_REVOKED,
			    "was revoked on %s%s, says the OCSP responder \"%s\"",
			    finding_date(s->revoked, date), reason_text(s->reason),
			    signer(resp, issuer, &dn));
		gnutls_free(dn.data);
	} else if (s->status != GNUTLS_OCSP_CERT_GOOD) {
		finding_set(out, FINDING_BAD,
			    "comes from \"%s\", who does not know the certificate",
			    signer(resp, issuer, &dn));
		gnutls_free(dn.data);
	} else if (s->this_update == (time_t)-1 || s->this_update > now + FINDING_SKEW) {
		finding_set(out, FINDING_BAD, "is from the future");
	} else if (end < now) {
		finding_set(out, FINDING_BAD, "expired on %s", finding_date(end, date));
	} else {
		finding_set(out, FINDING_GOOD, "%s", "");
		out->until = end;
	}
}

static void judge(gnutls_ocsp_resp_t resp, gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer,
		  struct finding *out)
{
	int status = gnutls_ocsp_resp_get_status(resp);
	unsigned int wrong = 0;
	struct single s;

	if (status != GNUTLS_OCSP_RESP_SUCCESSFUL)
		finding_set(out, FINDING_BAD, "says \"%s\"", status_text(status));
	else if (find_single(resp, crt, &s) < 0)
		finding_set(out, FINDING_BAD, "is about another certificate");
	else if (issuer && gnutls_ocsp_resp_verify_direct(resp, issuer, &wrong, 0) < 0)
		finding_set(out, FINDING_BAD, "has a signature that cannot be read");
	else if (wrong)
		finding_set(out, FINDING_BAD, "is not valid: %s", signature_text(wrong));
	else
		judge_single(resp, issuer, &s, out);
}

void ocsp_judge(const gnutls_datum_t *response, gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer,
		struct finding *out)
{
	gnutls_ocsp_resp_t resp = NULL;

	if (gnutls_ocsp_resp_init(&resp) < 0 || gnutls_ocsp_resp_import(resp, response) < 0)
		finding_set(out, FINDING_BAD, "is not an OCSP response");
	else
		judge(resp, crt, issuer, out);
	gnutls_ocsp_resp_deinit(resp);
}

/* SHA-1 is what responders look certificates up by (RFC 5019, 2.1.1); nothing rests on it. */
int ocsp_request(gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer, gnutls_datum_t *out)
{
	gnutls_ocsp_req_t req = NULL;
	int r = gnutls_ocsp_req_init(&req);

	if (r >= 0)
		r = gnutls_ocsp_req_add_cert(req, GNUTLS_DIG_SHA1, issuer, crt);
	if (r >= 0)
		r = gnutls_ocsp_req_export(req, out);
	gnutls_ocsp_req_deinit(req);
	return r < 0 ? -ENOMEM : 0;
}

static int is_http(const gnutls_datum_t *url)
{
	return url->size > 8 && (strncasecmp((const char *)url->data, "http://", 7) == 0 ||
				 strncasecmp((const char *)url->data, "https://", 8) == 0);
}

int ocsp_url(gnutls_x509_crt_t crt, char **out)
{
	*out = NULL;
	for (unsigned int i = 0; !*out; i++) {
		gnutls_datum_t url = {0};
		int r = gnutls_x509_crt_get_authority_info_access(crt, i, GNUTLS_IA_OCSP_URI, &url,
								  NULL);

		if (r == GNUTLS_E_MEMORY_ERROR)
			return -ENOMEM;
		if (r == GNUTLS_E_UNKNOWN_ALGORITHM)
			continue; /* something else stands there */
		if (r < 0)
			return 0;
		if (is_http(&url) && !memchr(url.data, '\0', url.size))
			*out = strndup((const char *)url.data, url.size);
		if (is_http(&url) && !*out && !memchr(url.data, '\0', url.size))
			r = -ENOMEM;
		gnutls_free(url.data);
		if (r < 0)
			return r;
	}
	return 0;
}

bool ocsp_may_demand_staple(const gnutls_datum_t *der)
{
	/* id-pe-tlsfeature (RFC 7633, 6), as DER has it. */
	static const unsigned char oid[] = {0x06, 0x08, 0x2b, 0x06, 0x01,
					    0x05, 0x05, 0x07, 0x01, 0x18};

	return memmem(der->data, der->size, oid, sizeof(oid)) != NULL;
}

int ocsp_must_staple(gnutls_x509_crt_t crt)
{
	gnutls_x509_tlsfeatures_t features = NULL;
	unsigned int feature, critical;
	int must = 0;

	if (gnutls_x509_tlsfeatures_init(&features) < 0)
		return 1;
	if (gnutls_x509_crt_get_tlsfeatures(crt, features, 0, &critical) >= 0)
		for (unsigned int i = 0;
		     !must && gnutls_x509_tlsfeatures_get(features, i, &feature) >= 0; i++)
			must = feature == STATUS_REQUEST;
	gnutls_x509_tlsfeatures_deinit(features);
	return must;
}
