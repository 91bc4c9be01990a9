/* SPDX-License-Identifier: MIT */
/* The verdict on a peer, as both ends of a handshake see it. */
#include "verify.h"
#include "pair.h"
#include "unit.h"

#include <errno.h>
#include <string.h>

static const int versions[] = {TLS_1_2, TLS_1_3};

struct row {
	const char *identity, *ca, *name;
	const char *refused;	  /* a part of the reason; NULL: must pass */
	const char *also, *alert; /* another part, and what the peer hears; NULL: any */
};

static const struct row servers[] = {
	{"good", "ca.pem", "localhost", NULL, NULL, NULL},
	{"good", "ca.pem", "LOCALHOST", NULL, NULL, NULL},
	{"good", "ca.pem", "127.0.0.1", NULL, NULL, NULL},
	{"good", "ca.pem", "::1", NULL, NULL, NULL},
	{"good", "ca.pem", NULL, NULL, NULL, NULL},
	{"good", "roots", "localhost", NULL, NULL, NULL},
	{"good", "two-roots.pem", "localhost", NULL, NULL, NULL},
	{"unknown-root", "two-roots.pem", "localhost", NULL, NULL, NULL},
	{"good-rsa", "ca.pem", "localhost", NULL, NULL, NULL},
	{"chained", "ca.pem", "localhost", NULL, NULL, NULL},
	{"long-chain", "ca.pem", "localhost", NULL, NULL, NULL},
	{"wildcard", "ca.pem", "www.example.test", NULL, NULL, NULL},
	{"multi-san", "ca.pem", "b.example.test", NULL, NULL, NULL},
	{"ip-only", "ca.pem", "127.0.0.1", NULL, NULL, NULL},
	{"ip-only", "ca.pem", "::1", NULL, NULL, NULL},
	{"idn", "ca.pem", "xn--bcher-kva.example", NULL, NULL, NULL},
	{"exact", "ca.pem", "exact.example.test", NULL, NULL, NULL},
	{"permitted", "ca.pem", "www.permitted.test", NULL, NULL, NULL},

	{"good", "other-ca.pem", "localhost", "issuer \"CN=Test Root\"", "no trusted", "unknown"},
	{"good", "ca.pem", "example.org", "name \"example.org\"", NULL, NULL},
	{"good", "ca.pem", "127.0.0.2", "name \"127.0.0.2\"", NULL, NULL},
	{"good", "ca.pem", "::2", "name \"::2\"", NULL, NULL},
	{"good", "ca.pem", "localhost.example.org", "name", NULL, NULL},
	{"good", "ca.pem", "notlocalhost", "name", NULL, NULL},
	{"expired", "ca.pem", "localhost", "expired on 2020-01-01", "CN=Test expired", "expired"},
	{"not-yet-valid", "ca.pem", "localhost", "not valid before 2090-01-01", NULL, NULL},
	{"wrong-name", "ca.pem", "localhost", "not issued for the name \"localhost\"", NULL, NULL},
	{"self-signed", "ca.pem", "localhost", "CN=Test self-signed", NULL, NULL},
	{"unknown-root", "ca.pem", "localhost", "CN=Unrelated Root", NULL, "unknown"},
	{"incomplete", "ca.pem", "localhost", "CN=Test Intermediate", NULL, "unknown"},
	{"weak-key", "ca.pem", "localhost", "too weak", NULL, NULL},
	{"sha1", "ca.pem", "localhost", "too weak", NULL, NULL},
	{"md5", "md5-ca.pem", "localhost", "too weak", NULL, NULL},
	{"wrong-usage", "ca.pem", "localhost", "not issued for this use", NULL, NULL},
	{"wildcard", "ca.pem", "example.test", "name", NULL, NULL},
	{"wildcard", "ca.pem", "a.b.example.test", "name", NULL, NULL},
	{"wildcard-misuse", "ca.pem", "localhost", "name", NULL, NULL},
	{"wildcard-misuse", "ca.pem", "victim.com", "name", NULL, NULL},
	{"wildcard-misuse", "ca.pem", "foo.example.test", "name", NULL, NULL},
	{"ip-as-dns", "ca.pem", "127.0.0.1", "name \"127.0.0.1\"", NULL, NULL},
	{"ip-only", "ca.pem", "localhost", "name", NULL, NULL},
	{"exact", "ca.pem", "example.test", "name", NULL, NULL},
	{"constrained", "ca.pem", "localhost", "not allowed to issue", NULL, NULL},
	{"expired", "other-ca.pem", "localhost", "no trusted", NULL, NULL},
	{"expired", "ca.pem", "example.org", "expired", "name \"example.org\"", NULL},
};

static void assert_has(const struct row *row, const char *text, const char *part)
{
	if (part && !strstr(text, part))
		fail_msg("%s for %s with %s: \"%s\" is not in \"%s\"", row->identity,
			 row->name ? row->name : "any name", row->ca, part, text);
}

static void judge_server(const struct row *row, int version)
{
	struct end_options client = end_client(version), server = end_server(version);
	const char *why;
	struct pair p;

	server.identity = row->identity;
	client.ca = row->ca;
	client.name = row->name;
	pair_open(&p, &client, &server, 0);
	why = engine_reason(p.client.engine);
	if (!row->refused && p.client_result)
		fail_msg("%s for %s with %s is refused: %s", row->identity,
			 row->name ? row->name : "any name", row->ca, why);
	if (row->refused) {
		/* A weak one may be refused before it is judged: by its own side, or its use. */
		if (p.client_result != -EPROTO)
			fail_msg("%s for %s is taken", row->identity, row->name);
		assert_has(row, why, row->refused);
		assert_has(row, why, row->also);
		assert_true(engine_refused_peer(p.client.engine));
		if (p.server_result == -EPROTO)
			assert_has(row, engine_reason(p.server.engine), row->alert);
	}
	pair_close(&p);
}

static void test_servers(void **state)
{
	int version = ((const struct versioned *)*state)->version;

	for (size_t i = 0; i < COUNT(servers); i++)
		judge_server(&servers[i], version);
}

struct mode_row {
	const char *title, *identity;
	int verify, result;
	bool verified;
};

static const struct mode_row modes[] = {
	{"none takes anyone", "unknown-root", TLS_PEER_VERIFY_NONE, 0, false},
	{"none verifies nobody", "good", TLS_PEER_VERIFY_NONE, 0, false},
	{"optional takes anyone", "unknown-root", TLS_PEER_VERIFY_OPTIONAL, 0, false},
	{"optional verifies", "good", TLS_PEER_VERIFY_OPTIONAL, 0, true},
	{"required refuses", "unknown-root", TLS_PEER_VERIFY_REQUIRED, -EPROTO, false},
	{"required verifies", "good", TLS_PEER_VERIFY_REQUIRED, 0, true},
	{"the client's default is required", "unknown-root", UNSET, -EPROTO, false},
};

static void test_modes(void **state)
{
	const struct versioned *v = *state;
	const struct mode_row *row = v->row;
	struct end_options client = end_client(v->version), server = end_server(v->version);
	struct tls_info info;
	struct pair p;

	client.verify = row->verify;
	server.identity = row->identity;
	pair_open(&p, &client, &server, 0);
	assert_int_equal(p.client_result, row->result);
	engine_info(p.client.engine, &info);
	assert_int_equal(info.verified, row->verified);
	pair_close(&p);
}

struct client_row {
	const char *title, *identity, *ca;
	int verify;
	const char *refused; /* NULL: passes */
	bool verified;
};

/* What servers make of clients. */
static const struct client_row clients[] = {
	{"a server asks for nothing by default", "client", NULL, UNSET, NULL, false},
	{"with an authority it requires", "client", "ca.pem", UNSET, NULL, true},
	{"and refuses who has none", NULL, "ca.pem", UNSET, "", false},
	{"optional takes who has none", NULL, "ca.pem", TLS_PEER_VERIFY_OPTIONAL, NULL, false},
	{"optional verifies a client", "client", "ca.pem", TLS_PEER_VERIFY_OPTIONAL, NULL, true},
	{"optional takes a bad client", "unknown-root", "ca.pem", TLS_PEER_VERIFY_OPTIONAL, NULL,
	 false},
	{"required refuses another authority's", "client", "other-ca.pem", TLS_PEER_VERIFY_REQUIRED,
	 "", false},
	{"required refuses a server's certificate", "good", "ca.pem", TLS_PEER_VERIFY_REQUIRED,
	 "this use", false},
	{"required refuses an expired one", "expired", "ca.pem", TLS_PEER_VERIFY_REQUIRED,
	 "expired", false},
};

static void test_clients(void **state)
{
	const struct versioned *v = *state;
	const struct client_row *row = v->row;
	struct end_options client = end_client(v->version), server = end_server(v->version);
	struct tls_info info;
	struct pair p;

	client.identity = row->identity;
	server.ca = row->ca;
	server.verify = row->verify;
	pair_open(&p, &client, &server, 0);
	engine_info(p.server.engine, &info);
	assert_int_equal(info.verified, row->verified);
	assert_int_equal(p.server_result, row->refused ? -EPROTO : 0);
	if (row->refused) {
		assert_non_null(strstr(engine_reason(p.server.engine), row->refused));
		/* A TLS 1.3 client is done before it is judged, and hears of it later. */
		if (p.client_result == 0)
			assert_int_equal(end_receive(&p.client), -EPROTO);
		assert_non_null(strstr(engine_reason(p.client.engine), "alert"));
	}
	pair_close(&p);
}

static void test_without_peers(void **state)
{
	struct end client;
	const struct end_options o = end_client(TLS_1_3);
	struct verdict verdict;
	char *text = (char *)&client;

	(void)state;
	end_open(&client, &o);
	assert_int_equal(verify_subject(client.engine->session, &text), -ENOTCONN);
	assert_int_equal(verify_chain_pem(client.engine->session, &text), -ENOTCONN);
	assert_int_equal(verify_peer(client.engine->session, 1, "localhost", &verdict), 0);
	assert_true(verdict.status != 0);
	assert_string_not_equal(verdict.text, "");
	end_close(&client);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(versions) * (1 + COUNT(modes) + COUNT(clients)) + 1] = {
		UNIT_CASE(test_without_peers),
	};
	size_t n = 1;

	for (size_t v = 0; v < COUNT(versions); v++) {
		tests[n++] =
			versioned_case(versions[v], "servers, good and bad", test_servers, NULL);
		for (size_t i = 0; i < COUNT(modes); i++)
			tests[n++] =
				versioned_case(versions[v], modes[i].title, test_modes, &modes[i]);
		for (size_t i = 0; i < COUNT(clients); i++)
			tests[n++] = versioned_case(versions[v], clients[i].title, test_clients,
						    &clients[i]);
	}
	return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
