/* SPDX-License-Identifier: MIT */
/* What lists, staples and responders say of a peer, as both ends of a handshake see it. */
#include "revocation.h"
#include "ocspcache.h"
#include "pair.h"
#include "unit.h"

#include <errno.h>
#include <string.h>

static const int versions[] = {TLS_1_2, TLS_1_3};

/* What the server staples, right or wrong; NULL: nothing. */
static const char *stapled;

static int staple(gnutls_session_t session, void *ptr, gnutls_datum_t *out)
{
	unsigned char bytes[8192];
	size_t n;

	(void)session;
	(void)ptr;
	if (!stapled)
		return GNUTLS_E_NO_CERTIFICATE_STATUS;
	n = read_file(zoo("%s", stapled), (char *)bytes, sizeof(bytes));
	out->data = gnutls_malloc(n);
	assert_non_null(out->data);
	memcpy(out->data, bytes, n);
	out->size = (unsigned int)n;
	return 0;
}

struct row {
	const char *identity, *crl, *staple;
	bool hard;
	int without;
	const char *refused, *also,
		*alert; /* NULL: taken; parts of the reason; what the peer hears */
};

#define NOW    "2026-01-02 03:04 UTC"
#define UNUSED "came with an OCSP response that is no use: it "
#define BAD    "bad certificate status"

static const struct row rows[] = {
	{"good", NULL, NULL, false, 0, NULL, NULL, NULL},
	{"revoked", NULL, NULL, false, 0, NULL, NULL, NULL},
	/* Lists. */
	{"good", "crl.pem", NULL, false, 0, NULL, NULL, NULL},
	{"revoked", "crl.pem", NULL, false, 0,
	 "it was revoked on " NOW ", says the CRL of \"CN=Test Root\"", "CN=Test revoked",
	 "revoked"},
	{"revoked", "crl.der", NULL, false, 0, "it was revoked on " NOW, NULL, "revoked"},
	{"revoked", "crls", NULL, false, 0, "it was revoked on " NOW, NULL, "revoked"},
	{"revoked", "crl.pem", NULL, false, SETTING_CRL, NULL, NULL, NULL},
	{"revoked", "crl.pem", NULL, false, SETTING_REVOCATION, NULL, NULL, NULL},
	{"below-revoked", "crl.pem", NULL, false, 0,
	 "its issuer \"CN=Test Revoked Intermediate\" was revoked on " NOW, "CN=Test below-revoked",
	 "revoked"},
	{"below-good", "crl.pem", NULL, false, 0, NULL, NULL, NULL},
	{"below-good", "crl-below.pem", NULL, false, 0,
	 "it was revoked on " NOW ", says the CRL of \"CN=Test Intermediate\"", NULL, "revoked"},
	{"revoked", "crl-expired.pem", NULL, false, 0, "it was revoked on " NOW, NULL, "revoked"},
	{"good", "crl-expired.pem", NULL, false, 0, NULL, NULL, NULL},
	{"revoked", "crl-other.pem", NULL, false, 0, NULL, NULL, NULL},
	{"revoked", "crl-forged.pem", NULL, false, 0, NULL, NULL, NULL},
	{"expired", "crl.pem", NULL, false, 0, "expired on 2020", NULL, NULL},
	/* The same where somebody must vouch. */
	{"good", NULL, NULL, true, 0, "may have been revoked: no CRL and no OCSP response tells",
	 NULL, NULL},
	{"good", "crl.pem", NULL, true, 0, NULL, NULL, NULL},
	{"good", "crl-expired.pem", NULL, true, 0,
	 "may have been revoked: the CRL of \"CN=Test Root\" expired on 2020-01-01", NULL, NULL},
	{"good", "crl-other.pem", NULL, true, 0, "may have been revoked: no CRL", NULL, NULL},
	{"good", "crl-forged.pem", NULL, true, 0,
	 "may have been revoked: the CRL of \"CN=Test Root\" is not signed by it", NULL, NULL},
	{"below-good", "crl.pem", NULL, true, 0, "it may have been revoked: no CRL", NULL, NULL},
	{"below-good", "crl-intermediate.pem", NULL, true, 0,
	 "its issuer \"CN=Test Intermediate\" may have been revoked: no CRL", NULL, NULL},
	{"below-good", "crls", NULL, true, 0, NULL, NULL, NULL},
	{"good", "crl.pem", NULL, true, SETTING_CRL, "may have been revoked", NULL, NULL},
	/* Staples. */
	{"revocable", NULL, "revocable.ocsp", false, 0, NULL, NULL, NULL},
	{"revocable", NULL, "revocable.ocsp", true, 0, NULL, NULL, NULL},
	{"revocable", NULL, "delegated.ocsp", true, 0, NULL, NULL, NULL},
	{"revocable", NULL, "undated.ocsp", true, 0, NULL, NULL, NULL},
	{"revocable", NULL, "revocable.ocsp", true, SETTING_OCSP_STAPLED, "may have been revoked",
	 NULL, NULL},
	{"revoked", NULL, "revoked.ocsp", false, 0,
	 "it was revoked on " NOW " (key compromise), says the OCSP responder \"CN=Test Root\"",
	 "CN=Test revoked", "revoked"},
	{"revoked", NULL, "revoked.ocsp", false, SETTING_OCSP_STAPLED, NULL, NULL, NULL},
	{"revoked", NULL, "revoked.ocsp", false, SETTING_REVOCATION, NULL, NULL, NULL},
	{"revocable", NULL, "aged.ocsp", false, 0, UNUSED "expired on 2020-", NULL, NULL},
	{"revocable", NULL, "wrong-signer.ocsp", false, 0, UNUSED "is not valid: ", NULL, NULL},
	{"revocable", NULL, "false-signer.ocsp", false, 0, UNUSED "is not valid: ", NULL, NULL},
	{"revocable", NULL, "undelegated.ocsp", false, 0,
	 UNUSED "is not valid: its signer may not sign OCSP responses", NULL, NULL},
	{"revocable", NULL, "unknown.ocsp", false, 0, UNUSED "is about another certificate", NULL,
	 NULL},
	{"multi-san", NULL, "unknown.ocsp", false, 0,
	 UNUSED "comes from \"CN=Test Root\", who does not know", NULL, NULL},
	{"revocable", NULL, "must-staple.ocsp", false, 0, UNUSED "is about another certificate",
	 NULL, NULL},
	{"revocable", NULL, "try-later.ocsp", false, 0, UNUSED "says \"try later\"", NULL, NULL},
	{"revocable", NULL, "junk.pem", false, 0, UNUSED "is not an OCSP response", NULL, NULL},
	/* Must-staple. */
	{"must-staple", NULL, "must-staple.ocsp", false, 0, NULL, NULL, NULL},
	{"must-staple", NULL, NULL, false, 0,
	 "it demands a stapled OCSP response, and there is none", NULL, NULL},
	{"must-staple", "crl.pem", NULL, false, 0, "it demands a stapled OCSP response", NULL,
	 NULL},
	{"must-staple", NULL, NULL, false, SETTING_OCSP_STAPLED, NULL, NULL, NULL},
	{"must-staple", NULL, NULL, false, SETTING_REVOCATION, NULL, NULL, NULL},
	/* The worse source counts. */
	{"revoked", "crl.pem", "revoked.ocsp", true, 0, "says the CRL", NULL, "revoked"},
};

static void assert_has(const struct row *row, const char *text, const char *part)
{
	if (part && !strstr(text, part))
		fail_msg("%s with %s and %s: \"%s\" is not in \"%s\"", row->identity,
			 row->crl ? row->crl : "no list", row->staple ? row->staple : "no staple",
			 part, text);
}

static void open_with(struct pair *p, const struct end_options *client, const char *identity,
		      int version)
{
	struct end_options server = end_server(version);

	server.identity = identity;
	pair_new(p, client, &server, 0);
	gnutls_certificate_set_ocsp_status_request_function(
		credentials_gnutls(p->server.engine->credentials), staple, NULL);
	pair_drive(p);
}

static void judge(const struct row *row, int version)
{
	struct end_options client = end_client(version);
	const char *why;
	struct pair p;

	client.crl = row->crl;
	client.hard = row->hard;
	client.without = row->without;
	stapled = row->staple;
	open_with(&p, &client, row->identity, version);
	why = engine_reason(p.client.engine);
	if (!row->refused && p.client_result)
		fail_msg("%s with %s and %s is refused: %s", row->identity, row->crl, row->staple,
			 why);
	if (row->refused) {
		if (p.client_result != -EPROTO)
			fail_msg("%s with %s and %s is taken", row->identity, row->crl,
				 row->staple);
		assert_has(row, why, row->refused);
		assert_has(row, why, row->also);
		assert_has(row, why, " is refused: ");
		assert_true(engine_refused_peer(p.client.engine));
		if (p.server_result == -EPROTO)
			assert_has(row, engine_reason(p.server.engine), row->alert);
	}
	pair_close(&p);
}

static void test_rows(void **state)
{
	int version = ((const struct versioned *)*state)->version;

	for (size_t i = 0; i < COUNT(rows); i++)
		judge(&rows[i], version);
}

/* A server's list of its clients' authority. */
static void test_clients(void **state)
{
	static const struct {
		const char *identity;
		bool hard;
		const char *refused;
	} cases[] = {
		{"client", false, NULL},
		{"client", true, NULL},
		{"revoked-client", false, "it was revoked on " NOW},
	};
	int version = ((const struct versioned *)*state)->version;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct end_options client = end_client(version), server = end_server(version);
		struct pair p;

		client.identity = cases[i].identity;
		server.ca = "ca.pem";
		server.crl = "crl.pem";
		server.hard = cases[i].hard;
		pair_open(&p, &client, &server, 0);
		assert_int_equal(p.server_result, cases[i].refused ? -EPROTO : 0);
		if (cases[i].refused)
			assert_non_null(strstr(engine_reason(p.server.engine), cases[i].refused));
		pair_close(&p);
	}
}

/* What a session asks, and what it makes of the answer. */
struct question_row {
	const char *title, *identity;
	bool hard;
	const char *answer; /* of the zoo; NULL: none */
	const char *refused;
};

static const struct question_row questions[] = {
	{"good", "revocable", true, "revocable.ocsp", NULL},
	{"delegated", "revocable", true, "delegated.ocsp", NULL},
	{"revoked", "revoked", false, "revoked.ocsp",
	 "it was revoked on " NOW " (key compromise), says the OCSP responder \"CN=Test Root\""},
	{"unreachable, soft", "revocable", false, NULL, NULL},
	{"unreachable, hard", "revocable", true, NULL,
	 "may have been revoked: the OCSP responder http://ocsp.example.test/ gave no answer: "
	 "nobody is there"},
	{"wrong signer, soft", "revocable", false, "wrong-signer.ocsp", NULL},
	{"wrong signer, hard", "revocable", true, "wrong-signer.ocsp",
	 "the answer of the OCSP responder http://ocsp.example.test/ is no use: it is not valid"},
	{"expired, hard", "revocable", true, "aged.ocsp", "is no use: it expired on 2020"},
	{"another certificate's, hard", "revocable", true, "must-staple.ocsp",
	 "is no use: it is about another certificate"},
	{"try later, hard", "revocable", true, "try-later.ocsp", "it says \"try later\""},
	{"junk, hard", "revocable", true, "junk.pem", "is not an OCSP response"},
	{"empty, hard", "revocable", true, "empty.pem", "is not an OCSP response"},
};

static void ask(const struct question_row *row, int version, struct pair *p, bool cached)
{
	struct end_options client = end_client(version);
	struct revocation_question q;
	char bytes[8192];
	size_t n = 0;

	client.hard = row->hard;
	client.ask = true;
	client.without = cached ? 0 : SETTING_CACHED_REVOCATION;
	stapled = NULL;
	open_with(p, &client, row->identity, version);
	if (!engine_question(p->client.engine, &q))
		return;
	assert_int_equal(p->client_result, -EAGAIN);
	assert_string_equal(q.url, "http://ocsp.example.test/");
	assert_true(q.len > 40 && ((const unsigned char *)q.request)[0] == 0x30);
	/* Without an answer nothing goes on. */
	pair_drive(p);
	assert_int_equal(p->client_result, -EAGAIN);
	if (row->answer && strcmp(row->answer, "empty.pem") != 0)
		n = read_file(zoo("%s", row->answer), bytes, sizeof(bytes));
	engine_answer(p->client.engine, row->answer ? bytes : NULL, n, "nobody is there");
	assert_false(engine_question(p->client.engine, &q));
	pair_drive(p);
}

static void test_questions(void **state)
{
	int version = ((const struct versioned *)*state)->version;

	for (size_t i = 0; i < COUNT(questions); i++) {
		const struct question_row *row = &questions[i];
		const char *why;
		struct pair p;

		ask(row, version, &p, false);
		why = engine_reason(p.client.engine);
		if (p.client_result != (row->refused ? -EPROTO : 0))
			fail_msg("%s: %d, \"%s\"", row->title, p.client_result, why);
		if (row->refused && !strstr(why, row->refused))
			fail_msg("%s: \"%s\"", row->title, why);
		pair_close(&p);
	}
}

/* Asked once, known to all; a failure is not kept. */
static void test_cache(void **state)
{
	static const struct question_row none = {"", "revocable", false, NULL, NULL};
	struct revocation_question q;
	struct end_options client = end_client(TLS_1_3);
	struct pair p;

	(void)state;
	client.ask = client.hard = true;
	ask(&none, TLS_1_3, &p, true);
	assert_string_equal(engine_reason(p.client.engine), "");
	pair_close(&p);
	/* Of the failure nothing was kept: it is asked again. */
	open_with(&p, &client, "revocable", TLS_1_3);
	assert_true(engine_question(p.client.engine, &q));
	pair_close(&p);
	ask(&questions[0], TLS_1_3, &p, true);
	assert_string_equal(engine_reason(p.client.engine), "");
	pair_close(&p);
	open_with(&p, &client, "revocable", TLS_1_3);
	assert_false(engine_question(p.client.engine, &q));
	assert_int_equal(p.client_result, 0);
	pair_close(&p);
	/* Unless it is not to be used. */
	client.without = SETTING_CACHED_REVOCATION;
	open_with(&p, &client, "revocable", TLS_1_3);
	assert_true(engine_question(p.client.engine, &q));
	pair_close(&p);
}

/* A client's certificate may be asked for later, and then nothing is waited for. */
static void test_after_the_handshake(void **state)
{
	struct end_options client = end_client(TLS_1_3);
	struct verdict verdict = {0};
	struct settings *s;
	struct pair p;

	(void)state;
	stapled = NULL;
	open_with(&p, &client, "below-good", TLS_1_3);
	assert_int_equal(p.client_result, 0);
	s = end_settings(&client);
	s->numbers[SETTING_OCSP] = 1;
	s->numbers[SETTING_REVOCATION] = TLS_REVOCATION_HARD;
	assert_int_equal(revocation_judge(p.client.engine->session, s, p.client.engine->credentials,
					  REVOCATION_OF_SERVER, &p.client.engine->revocation,
					  &verdict),
			 0);
	assert_non_null(strstr(verdict.text, "is asked in handshakes only"));
	assert_true(verdict.status != 0);
	settings_put(s);
	pair_close(&p);
}

static void test_cache_is_bounded(void **state)
{
	unsigned char key[OCSPCACHE_KEY] = {0};
	void *data = NULL;
	size_t len = 0;

	(void)state;
	for (int i = 0; i < OCSPCACHE_MAX + 1; i++) {
		memcpy(key, &i, sizeof(i));
		ocspcache_put(key, "abc", 3, time(NULL) + 100);
	}
	assert_true(ocspcache_get(key, &data, &len));
	assert_int_equal(len, 3);
	assert_memory_equal(data, "abc", 3);
	free(data);
	memset(key, 0, sizeof(key));
	assert_false(ocspcache_get(key, &data, &len));
	/* What has expired is not given. */
	ocspcache_put(key, "old", 3, time(NULL) - 1);
	assert_false(ocspcache_get(key, &data, &len));
}

int main(void)
{
	static const struct {
		const char *title;
		CMUnitTestFunction run;
	} cases[] = {
		{"lists and staples", test_rows},
		{"clients", test_clients},
		{"questions", test_questions},
	};
	struct CMUnitTest tests[COUNT(versions) * COUNT(cases) + 3] = {
		UNIT_CASE(test_cache),
		UNIT_CASE(test_cache_is_bounded),
		UNIT_CASE(test_after_the_handshake),
	};
	size_t n = 3;

	for (size_t v = 0; v < COUNT(versions); v++)
		for (size_t i = 0; i < COUNT(cases); i++)
			tests[n++] =
				versioned_case(versions[v], cases[i].title, cases[i].run, NULL);
	return cmocka_run_group_tests_name("revocation", tests, NULL, NULL);
}
