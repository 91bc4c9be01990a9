/* SPDX-License-Identifier: MIT */
#include "responder.h"

#include "libgnutls.h"
#include "ocspcache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was said of one certificate. */
struct answer {
	unsigned char key[OCSPCACHE_KEY];
	char *url;
	unsigned char *response; /* NULL: none */
	size_t len;
	char *why; /* there is none */
	bool open; /* not there yet */
	struct answer *next;
};

struct revocation {
	struct answer *answers; /* that of the open question first */
	gnutls_datum_t request; /* the open question */
};

bool revocation_question(const struct revocation *r, struct revocation_question *out)
{
	if (!r || !r->answers || !r->answers->open)
		return false;
	*out = (struct revocation_question){r->answers->url, r->request.data, r->request.size};
	return true;
}

void revocation_answer(struct revocation *r, const void *response, size_t len, const char *why)
{
	struct answer *a = r->answers;

	a->open = false;
	gnutls_free(r->request.data);
	r->request = (gnutls_datum_t){0};
	if (response)
		a->response = malloc(len + 1);
	if (a->response) {
		memcpy(a->response, response, len);
		a->len = len;
	} else {
		a->why = strdup(why ? why : "not enough memory");
	}
}

void revocation_free(struct revocation *r)
{
	if (!r)
		return;
	while (r->answers) {
		struct answer *a = r->answers;

		r->answers = a->next;
		free(a->url);
		free(a->response);
		free(a->why);
		free(a);
	}
	gnutls_free(r->request.data);
	free(r);
}

/* SHA-256 of both. */
static int key_of(gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer, unsigned char *key)
{
	const gnutls_x509_crt_t crts[] = {crt, issuer};
	gnutls_hash_hd_t hash = NULL;
	int r = gnutls_hash_init(&hash, GNUTLS_DIG_SHA256);

	for (size_t i = 0; r >= 0 && i < 2; i++) {
		gnutls_datum_t der = {0};

		r = gnutls_x509_crt_export2(crts[i], GNUTLS_X509_FMT_DER, &der);
		if (r >= 0)
			r = gnutls_hash(hash, der.data, der.size);
		gnutls_free(der.data);
	}
	if (hash)
		gnutls_hash_deinit(hash, r >= 0 ? key : NULL);
	return r < 0 ? -ENOMEM : 0;
}

static const struct answer *find(const struct revocation *r, const unsigned char *key)
{
	const struct answer *a = r ? r->answers : NULL;

	while (a && memcmp(a->key, key, OCSPCACHE_KEY) != 0)
		a = a->next;
	return a;
}

static int open_question(struct revocation **state, const unsigned char *key, gnutls_x509_crt_t crt,
			 gnutls_x509_crt_t issuer, char *url)
{
	struct revocation *r = *state;
	struct answer *a = calloc(1, sizeof(*a));

	if (!r)
		r = *state = calloc(1, sizeof(*r));
	if (!a || !r || ocsp_request(crt, issuer, &r->request) < 0) {
		free(a);
		free(url);
		return -ENOMEM;
	}
	memcpy(a->key, key, OCSPCACHE_KEY);
	a->url = url;
	a->open = true;
	a->next = r->answers;
	r->answers = a;
	return -EAGAIN;
}

static void judge_bytes(void *data, size_t len, gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer,
			struct finding *out)
{
	const gnutls_datum_t der = {data, (unsigned int)len};

	ocsp_judge(&der, crt, issuer, out);
}

/* An answer that this session fetched. */
static void judge_answer(const struct answer *a, gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer,
			 bool cached, struct finding *out)
{
	struct finding f;

	if (!a->response) {
		finding_set(out, FINDING_BAD, "the OCSP responder %s gave no answer: %s", a->url,
			    a->why ? a->why : "not enough memory");
		return;
	}
	judge_bytes(a->response, a->len, crt, issuer, &f);
	if (f.state == FINDING_BAD)
		finding_set(out, FINDING_BAD,
			    "the answer of the OCSP responder %s is no use: it %s", a->url, f.text);
	else
		*out = f;
	if (f.state == FINDING_GOOD && cached)
		ocspcache_put(a->key, a->response, a->len, f.until);
}

int responder_judge(struct revocation **state, gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer,
		    unsigned int how, struct finding *out)
{
	unsigned char key[OCSPCACHE_KEY];
	const struct answer *a;
	void *response = NULL;
	char *url = NULL;
	size_t len = 0;
	int r = key_of(crt, issuer, key);

	if (r < 0)
		return r;
	a = find(*state, key);
	if (a && a->open)
		return -EAGAIN;
	if (a) {
		judge_answer(a, crt, issuer, how & RESPONDER_CACHED, out);
		return 0;
	}
	if ((how & RESPONDER_CACHED) && ocspcache_get(key, &response, &len)) {
		judge_bytes(response, len, crt, issuer, out);
		free(response);
		if (out->state == FINDING_GOOD)
			return 0;
	}
	*out = (struct finding){.state = FINDING_NONE};
	r = ocsp_url(crt, &url);
	if (r < 0 || !url)
		return r;
	if (!(how & RESPONDER_ASK)) {
		finding_set(out, FINDING_BAD, "the OCSP responder %s is asked in handshakes only",
			    url);
		free(url);
		return 0;
	}
	return open_question(state, key, crt, issuer, url);
}
