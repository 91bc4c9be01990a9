/* SPDX-License-Identifier: MIT */
#include "staple.h"

#include "error.h"
#include "finding.h"
#include "libgnutls.h"
#include "log.h"
#include "ocsp.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct staple {
	gnutls_datum_t response;
	time_t until;
	char *name;	    /* the file's */
	unsigned int chain; /* as GnuTLS numbers those that have a key */
	bool good;	    /* it vouches for the chain */
	atomic_bool said;
	struct staple *next;
};

struct staples {
	struct staple *first, *last;
};

/* PEM becomes what goes over the wire. */
static int to_der(gnutls_datum_t *data)
{
	gnutls_ocsp_resp_t resp = NULL;
	gnutls_datum_t der = {0};
	int r = gnutls_ocsp_resp_init(&resp);

	if (r >= 0)
		r = gnutls_ocsp_resp_import2(resp, data, credential_format(data));
	if (r >= 0)
		r = gnutls_ocsp_resp_export2(resp, &der, GNUTLS_X509_FMT_DER);
	gnutls_ocsp_resp_deinit(resp);
	if (r < 0)
		return r;
	gnutls_free(data->data);
	*data = der;
	return 0;
}

static int read_response(const struct credential_item *item, gnutls_datum_t *out,
			 const struct reason *why)
{
	int r = credential_read(item, out, why), parsed;

	if (r < 0)
		return r;
	parsed = to_der(out);
	if (parsed >= 0)
		return 0;
	gnutls_free(out->data);
	*out = (gnutls_datum_t){0};
	if (parsed == GNUTLS_E_MEMORY_ERROR)
		return credential_explain(why, item, -ENOMEM, error_errno_text(ENOMEM));
	return credential_explain(why, item, -EINVAL, "it is not an OCSP response");
}

/* GnuTLS asks when a client has asked. */
static int give(gnutls_session_t session, void *ptr, gnutls_datum_t *out)
{
	struct staple *s = ptr;

	(void)session;
	if (time(NULL) >= s->until) {
		if (!atomic_exchange(&s->said, true))
			log_line(LEVEL_WARNING, "%s: the OCSP response has expired: not sent",
				 s->name);
		return GNUTLS_E_NO_CERTIFICATE_STATUS;
	}
	out->data = gnutls_malloc(s->response.size);
	if (!out->data)
		return GNUTLS_E_MEMORY_ERROR;
	memcpy(out->data, s->response.data, s->response.size);
	out->size = s->response.size;
	return 0;
}

static void judge(gnutls_certificate_credentials_t creds, unsigned int chain,
		  const gnutls_datum_t *response, struct finding *out)
{
	gnutls_x509_crt_t *list = NULL;
	unsigned int n = 0;

	/* Without its key, yet: then nothing is shown at all. */
	*out = (struct finding){.state = FINDING_NONE};
	if (gnutls_certificate_get_x509_crt(creds, chain, &list, &n) < 0)
		return;
	if (n > 0)
		ocsp_judge(response, list[0], n > 1 ? list[1] : NULL, out);
	for (unsigned int i = 0; i < n; i++)
		gnutls_x509_crt_deinit(list[i]);
	gnutls_free(list);
}

static int add(struct staples *to, gnutls_certificate_credentials_t creds, unsigned int chain,
	       const struct credential_item *item, const struct reason *why)
{
	struct staple *s = calloc(1, sizeof(*s));
	struct finding finding;
	int r;

	if (!s || !(s->name = strdup(item->kind == CREDENTIAL_PATH ? item->data : "TLS"))) {
		free(s);
		return credential_explain(why, item, -ENOMEM, error_errno_text(ENOMEM));
	}
	s->chain = chain;
	*(to->last ? &to->last->next : &to->first) = s;
	to->last = s;
	r = read_response(item, &s->response, why);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		log_line(LEVEL_WARNING, "%s: no OCSP response is sent", why->text);
		return 0;
	}
	judge(creds, chain, &s->response, &finding);
	s->until = finding.until;
	s->good = finding.state == FINDING_GOOD;
	if (!s->good && finding.state != FINDING_NONE)
		log_line(LEVEL_WARNING, "%s: not sent: %s %s", s->name,
			 finding.state == FINDING_REVOKED ? "the certificate" : "it", finding.text);
	return 0;
}

void staples_add(const struct staples *staples, const bool *wanted,
		 gnutls_certificate_credentials_t to)
{
	for (struct staple *s = staples ? staples->first : NULL; s; s = s->next) {
		unsigned int before = 0;

		if (!s->good || (wanted && !wanted[s->chain]))
			continue;
		for (unsigned int i = 0; i < s->chain; i++)
			before += !wanted || wanted[i];
		gnutls_certificate_set_ocsp_status_request_function2(to, before, give, s);
	}
}

int staples_load(const struct credential_spec *spec, gnutls_certificate_credentials_t to,
		 struct staples **out, const struct reason *why)
{
	unsigned int keys = 0, chain = 0;
	struct staples *staples = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < spec->count; i++) {
		const struct credential_item *item = &spec->items[i];

		/* GnuTLS numbers the chains that have a key. */
		if (item->role == CREDENTIAL_CHAIN)
			chain = keys;
		keys += item->role == CREDENTIAL_KEY;
		if (item->role != CREDENTIAL_OCSP)
			continue;
		if (!staples)
			staples = calloc(1, sizeof(*staples));
		r = staples ? add(staples, to, chain, item, why)
			    : credential_explain(why, item, -ENOMEM, error_errno_text(ENOMEM));
	}
	if (r == 0)
		staples_add(staples, NULL, to);
	/* Those that GnuTLS knows of go with it. */
	*out = staples;
	return r;
}

void staples_free(struct staples *staples)
{
	while (staples && staples->first) {
		struct staple *s = staples->first;

		staples->first = s->next;
		gnutls_free(s->response.data);
		free(s->name);
		free(s);
	}
	free(staples);
}

int staple_check(const char *value, const struct reason *why)
{
	struct credential_spec spec = {0};
	gnutls_datum_t data = {0};
	int r = credential_spec_add(&spec, CREDENTIAL_OCSP, value, strlen(value));

	if (r == 0)
		r = read_response(&spec.items[0], &data, why);
	gnutls_free(data.data);
	credential_spec_fini(&spec);
	return r;
}
