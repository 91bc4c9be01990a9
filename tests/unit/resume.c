/* SPDX-License-Identifier: MIT */
/* Sessions over memory that are resumed; and under what other conditions they are not. */
#include "alloc.h"
#include "pair.h"
#include "sessioncache.h"
#include "tickets.h"
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const int versions[] = {TLS_1_2, TLS_1_3};

static int version_of(void **state)
{
	return ((const struct versioned *)*state)->version;
}

enum { PORT = 443 };

static const char address[] = "192.0.2.1";

static bool is_resumed(struct end *end)
{
	struct tls_info info;

	engine_info(end->engine, &info);
	return info.resumed;
}

static bool is_verified(struct end *end)
{
	struct tls_info info;

	engine_info(end->engine, &info);
	return info.verified;
}

/* The ends, of which the client has looked for a session. */
static void offer(struct pair *p, const struct end_options *client,
		  const struct end_options *server)
{
	*p = (struct pair){0};
	end_open(&p->client, client);
	end_open(&p->server, server);
	engine_offer_session(p->client.engine, address, PORT);
}

/* The handshake, and a byte from the server; tickets come before it. */
static void run(struct pair *p)
{
	pair_run(p);
	if (p->client_result || p->server_result)
		fail_msg("client %d \"%s\", server %d \"%s\"", p->client_result,
			 engine_reason(p->client.engine), p->server_result,
			 engine_reason(p->server.engine));
	end_send(&p->server, "d", 1);
	pair_move(&p->server, &p->client, 0);
	assert_int_equal(end_receive(&p->client), 1);
	assert_int_equal(is_resumed(&p->client), is_resumed(&p->server));
}

/* Returns whether the session was resumed. */
static bool visit(const struct end_options *client, const struct end_options *server)
{
	struct pair p;
	bool resumed;

	offer(&p, client, server);
	run(&p);
	resumed = is_resumed(&p.client);
	assert_int_equal(is_verified(&p.client), 1);
	pair_close(&p);
	return resumed;
}

static bool is_offered(const struct pair *p)
{
	return p->client.engine->offered;
}

static void fresh(void)
{
	sessioncache_purge();
	tickets_wipe();
}

static void test_again(void **state)
{
	const struct end_options client = end_client(version_of(state)),
				 server = end_server(version_of(state));

	fresh();
	assert_false(visit(&client, &server));
	for (int i = 0; i < 5; i++)
		assert_true(visit(&client, &server));
	sessioncache_purge();
	assert_false(visit(&client, &server));
}

static void change_name(struct engine *e)
{
	free(e->name);
	e->name = strdup("other.example");
}

static void change_identity(struct engine *e)
{
	assert_int_equal(credential_spec_add(&e->settings->spec, CREDENTIAL_CHAIN, "x", 1), 0);
}

static void change_trust(struct engine *e)
{
	assert_int_equal(credential_spec_add(&e->settings->spec, CREDENTIAL_CA, "x", 1), 0);
}

static void change_alpn(struct engine *e)
{
	assert_int_equal(settings_tell(e->settings, SETTING_ALPN, "h2", 2), 0);
}

static void tell_nothing(struct engine *e)
{
	assert_int_equal(settings_tell(e->settings, SETTING_ALPN, NULL, 0), 0);
}

static void verify_less(struct engine *e)
{
	e->settings->numbers[SETTING_PEER_VERIFY] = TLS_PEER_VERIFY_NONE;
}

static void verify_optionally(struct engine *e)
{
	e->settings->numbers[SETTING_PEER_VERIFY] = TLS_PEER_VERIFY_OPTIONAL;
}

static void change_protocol(struct engine *e)
{
	e->settings->protocol = IPPROTO_TLS_1_2;
}

static void switch_off(struct engine *e)
{
	e->settings->numbers[SETTING_SESSION_REUSE] = 0;
}

static void no_time(struct engine *e)
{
	e->settings->numbers[SETTING_SESSION_TTL] = 0;
}

static const struct {
	const char *title;
	void (*change)(struct engine *e);
	unsigned int port;
} changes[] = {
	{"another name", change_name, PORT},
	{"another port", NULL, PORT + 1},
	{"an identity", change_identity, PORT},
	{"other trust", change_trust, PORT},
	{"another protocol to agree on", change_alpn, PORT},
	{"a protocol told as nothing", tell_nothing, PORT},
	{"less verification", verify_less, PORT},
	{"optional verification", verify_optionally, PORT},
	{"another protocol number", change_protocol, PORT},
	{"switched off", switch_off, PORT},
	{"no time to live", no_time, PORT},
};

/* After each the session is still there for whom it belongs to. */
static void test_conditions(void **state)
{
	const struct end_options client = end_client(version_of(state)),
				 server = end_server(version_of(state));
	struct pair p;

	fresh();
	assert_false(visit(&client, &server));
	for (size_t i = 0; i < COUNT(changes); i++) {
		p = (struct pair){0};
		end_open(&p.client, &client);
		if (changes[i].change)
			changes[i].change(p.client.engine);
		engine_offer_session(p.client.engine, address, changes[i].port);
		if (is_offered(&p))
			fail_msg("offered with %s", changes[i].title);
		end_close(&p.client);
		assert_true(visit(&client, &server));
	}
}

/* What a client got that does not verify is nothing for one that does, nor without a name. */
static void test_weaker_first(void **state)
{
	struct end_options client = end_client(version_of(state)), weak = client;
	const struct end_options server = end_server(version_of(state));
	struct pair p;

	fresh();
	weak.verify = TLS_PEER_VERIFY_NONE;
	offer(&p, &weak, &server);
	run(&p);
	assert_false(is_verified(&p.client));
	pair_close(&p);
	assert_false(visit(&client, &server));
	offer(&p, &weak, &server);
	run(&p);
	assert_true(is_resumed(&p.client));
	assert_false(is_verified(&p.client));
	pair_close(&p);
}

/* Without a name it is the address that counts. */
static void test_addresses(void **state)
{
	struct end_options client = end_client(version_of(state));
	const struct end_options server = end_server(version_of(state));
	struct pair p;

	fresh();
	client.name = NULL;
	offer(&p, &client, &server);
	run(&p);
	pair_close(&p);
	end_open(&p.client, &client);
	engine_offer_session(p.client.engine, "192.0.2.2", PORT);
	assert_false(is_offered(&p));
	end_close(&p.client);
	offer(&p, &client, &server);
	assert_true(is_offered(&p));
	pair_close(&p);
}

/* With a name all its addresses are the same peer. */
static void test_name_with_addresses(void **state)
{
	const struct end_options client = end_client(version_of(state)),
				 server = end_server(version_of(state));
	struct pair p;

	fresh();
	assert_false(visit(&client, &server));
	end_open(&p.client, &client);
	engine_offer_session(p.client.engine, "192.0.2.2", PORT);
	assert_true(is_offered(&p));
	end_close(&p.client);
}

/* A connection that fails takes its sessions with it. */
static void test_failure(void **state)
{
	const struct end_options client = end_client(version_of(state)),
				 server = end_server(version_of(state));
	struct pair p;

	fresh();
	assert_false(visit(&client, &server));
	offer(&p, &client, &server);
	assert_true(is_offered(&p));
	pair_close(&p);
	offer(&p, &client, &server);
	assert_false(is_offered(&p));
	pair_close(&p);
}

/* The server's keys: of another process, of other conditions, none. */
static void test_server_changes(void **state)
{
	const struct end_options client = end_client(version_of(state)),
				 server = end_server(version_of(state));
	struct end_options other = server;
	struct pair p;

	fresh();
	assert_false(visit(&client, &server));
	tickets_wipe();
	assert_false(visit(&client, &server));
	other.alpn = "h2";
	assert_false(visit(&client, &other));
	fresh();
	offer(&p, &client, &server);
	p.server.engine->settings->numbers[SETTING_SESSION_REUSE] = 0;
	run(&p);
	pair_close(&p);
}

/* A client asks for another name with a ticket that it got for the first (RFC 6066, 3). */
static void test_other_name_at_server(void **state)
{
	const struct end_options client = end_client(version_of(state)),
				 server = end_server(version_of(state));
	struct pair p;

	fresh();
	assert_false(visit(&client, &server));
	offer(&p, &client, &server);
	assert_true(is_offered(&p));
	assert_true(gnutls_server_name_set(p.client.engine->session, GNUTLS_NAME_DNS, "b.example",
					   9) >= 0);
	run(&p);
	assert_false(is_resumed(&p.server));
	pair_close(&p);
}

/* What a client showed of itself is in its ticket, and is verified. */
static void test_client_certificate(void **state)
{
	struct end_options client = end_client(version_of(state)),
			   server = end_server(version_of(state));
	char *text = NULL;
	struct pair p;

	fresh();
	client.identity = "client";
	server.ca = "ca.pem";
	for (int i = 0; i < 3; i++) {
		offer(&p, &client, &server);
		run(&p);
		assert_int_equal(is_resumed(&p.server), i > 0);
		assert_true(is_verified(&p.server));
		assert_int_equal(engine_text(p.server.engine, TLS_PEER_IDENTITY, &text), 0);
		assert_non_null(strstr(text, "Client"));
		free(text);
		pair_close(&p);
	}
	/* One that asks for no certificate opens no ticket of one that does. */
	server.ca = NULL;
	assert_false(visit(&client, &server));
}

/* Without memory for it a session is not resumed, or there is none; nothing in between. */
static void test_no_memory(void **state)
{
	const struct end_options client = end_client(version_of(state)),
				 server = end_server(version_of(state));
	unsigned long at = 1, count;
	struct pair p;

	fresh();
	assert_false(visit(&client, &server));
	do {
		p = (struct pair){0};
		end_open(&p.client, &client);
		end_open(&p.server, &server);
		alloc_include_gnutls(true);
		alloc_start(at);
		engine_offer_session(p.client.engine, address, PORT);
		count = alloc_stop();
		alloc_include_gnutls(false);
		pair_run(&p);
		if (p.client_result < 0)
			assert_int_equal(p.client_result, -ENOMEM);
		else
			assert_true(is_verified(&p.client));
		pair_close(&p);
		/* A ticket that was taken in vain is gone. */
		visit(&client, &server);
		at++;
	} while (count >= at - 1);
	assert_true(at > 3);
	assert_true(visit(&client, &server));
}

static const struct {
	const char *name;
	CMUnitTestFunction run;
} each_version[] = {
	{"again and again", test_again},
	{"not under other conditions", test_conditions},
	{"weaker verification first", test_weaker_first},
	{"without a name the address", test_addresses},
	{"a name with several addresses", test_name_with_addresses},
	{"a failure forgets", test_failure},
	{"another server", test_server_changes},
	{"another name at the server", test_other_name_at_server},
	{"a client's certificate", test_client_certificate},
	{"no memory", test_no_memory},
};

int main(void)
{
	struct CMUnitTest tests[COUNT(each_version) * COUNT(versions)];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(each_version); i++)
		for (size_t v = 0; v < COUNT(versions); v++)
			tests[n++] = versioned_case(versions[v], each_version[i].name,
						    each_version[i].run, NULL);
	return cmocka_run_group_tests_name("resume", tests, NULL, NULL);
}
