/* SPDX-License-Identifier: MIT */
/* Early data over memory: what RFC 8446 (4.2.10, 4.6.1) says of tickets and protocols. */
#include "earlypair.h"
#include "tickets.h"
#include "unit.h"

#include <errno.h>
#include <string.h>

enum { MOST = EARLYPAIR_MOST, TTL_S = 100 };

#define A_SECOND 1000000000LL

static struct end_options client_of(const char *protocols)
{
	struct end_options o = end_client(TLS_1_3);

	o.early = MOST;
	o.alpn = protocols;
	return o;
}

static struct end_options server_of(const char *protocols)
{
	struct end_options o = end_server(TLS_1_3);

	o.early = MOST;
	o.alpn = protocols;
	return o;
}

/* As long as its server says it is kept, whatever the client was told. */
static void test_lifetime(void **state)
{
	struct end_options client = client_of(NULL), server = server_of(NULL);
	struct pair p;

	(void)state;
	for (int shorter = 0; shorter < 2; shorter++) {
		client.ttl = shorter ? TTL_S : 10 * TTL_S;
		server.ttl = shorter ? 10 * TTL_S : TTL_S;
		earlypair_visit_ends(&client, &server);
		earlypair_open_ends(&p, &client, &server);
		assert_int_equal(engine_early_room(p.client.engine), MOST);
		assert_int_equal(p.client.engine->early_session.lifetime_s, server.ttl);
		assert_in_range(p.client.engine->early_session.expires_s, tickets_now_s() + 1,
				tickets_now_s() + TTL_S);
		pair_close(&p);
	}
}

static void grow_old(struct session *s)
{
	s->came_ns -= TTL_S * A_SECOND;
}

static void come_later(struct session *s)
{
	s->came_ns += A_SECOND;
}

static void expire(struct session *s)
{
	s->expires_s = tickets_now_s();
}

/*
 * GnuTLS announces early data for a ticket that is too old, or that the clock has not come
 * to, but does not show that, and fails. It comes to that between connect and the first send.
 */
static void test_stale(void **state)
{
	static void (*const ways[])(struct session * s) = {grow_old, come_later, expire};
	struct end_options client = client_of(NULL), server = server_of(NULL);
	struct pair p;

	(void)state;
	server.ttl = TTL_S;
	for (size_t i = 0; i < COUNT(ways); i++) {
		earlypair_visit_ends(&client, &server);
		earlypair_open_ends(&p, &client, &server);
		assert_int_equal(engine_early_room(p.client.engine), MOST);
		ways[i](&p.client.engine->early_session);
		assert_int_equal(engine_early_room(p.client.engine), 0);
		earlypair_finish(&p);
		earlypair_accepted(&p, 0);
		end_send(&p.client, earlypair_text, 1);
		pair_move(&p.client, &p.server, 0);
		earlypair_got(&p, 1);
		pair_close(&p);
	}
}

/* What GnuTLS does not take any more: nothing is sent, and the handshake goes without. */
static void test_not_taken(void **state)
{
	struct pair p;

	(void)state;
	earlypair_visit(TLS_1_3, MOST, MOST);
	earlypair_open(&p, TLS_1_3, MOST, MOST);
	p.client.engine->early_session.len /= 2;
	assert_int_equal(engine_send_early(p.client.engine, earlypair_text, 100), 0);
	assert_false(engine_early_waits(p.client.engine));
	earlypair_finish(&p);
	earlypair_accepted(&p, 0);
	end_send(&p.client, earlypair_text, 100);
	pair_move(&p.client, &p.server, 0);
	earlypair_got(&p, 100);
	pair_close(&p);
}

/* It was meant for the one protocol: it is not sent again for another, nor for none. */
static void test_client_and_protocols(void **state)
{
	static const struct {
		const char *client, *before, *now;
		bool works;
	} rows[] = {
		{"a,b", "b", "b", true},   {"a,b", "b", "a", false},  {"a,b", "b", "a,b", false},
		{"a,b", "b", NULL, false}, {"a,b", NULL, "b", false}, {"a,b", NULL, NULL, true},
		{"a,b", "b,a", "b", true}, {NULL, NULL, "a", true},   {"aa,a", "a", "aa", false},
	};
	struct pair p;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct end_options client = client_of(rows[i].client);
		struct end_options before = server_of(rows[i].before), now = server_of(rows[i].now);

		earlypair_visit_ends(&client, &before);
		/* Not only where the ticket is of no use any more. */
		now.early -= i % 2;
		earlypair_open_ends(&p, &client, &now);
		assert_int_equal(engine_send_early(p.client.engine, earlypair_text, 100), 1);
		pair_run(&p);
		assert_int_equal(p.client_result, rows[i].works ? 0 : -EPROTO);
		if (rows[i].works)
			assert_int_equal(p.server_result, 0);
		assert_int_equal(engine_pending(p.server.engine), engine_early(p.server.engine));
		if (!rows[i].works)
			assert_int_equal(engine_pending(p.server.engine), 0);
		pair_close(&p);
		/* Nor is it tried again. */
		earlypair_open_ends(&p, &client, &now);
		assert_int_equal(p.client.engine->offered, rows[i].works);
		pair_close(&p);
	}
}

/* A client that shows a session of one protocol, and offers another. */
static void test_server_and_protocols(void **state)
{
	static const struct {
		const char *then, *now;
		bool accepts;
	} rows[] = {
		{"a", "a", true}, {"a", "b", false},  {"a", "b,a", true}, {"b", "a,b", false},
		{"b", "b", true}, {"a", NULL, false}, {NULL, "a", false}, {NULL, NULL, true},
	};
	const struct end_options server = server_of("a,b");
	struct pair p, before;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct end_options then = client_of(rows[i].then), now = client_of(rows[i].now);

		earlypair_visit_ends(&then, &server);
		earlypair_open_ends(&before, &then, &server);
		earlypair_open_ends(&p, &now, &server);
		session_fini(&p.client.engine->early_session);
		p.client.engine->early_session = before.client.engine->early_session;
		before.client.engine->early_session = (struct session){0};
		p.client.engine->early_room = MOST;
		p.client.engine->offered = p.client.engine->offered_verified = true;
		/* What it offers first, of both. */
		p.client.engine->early_alpn = !rows[i].now				? 0
					      : rows[i].now[1] && rows[i].now[0] == 'b' ? 2
											: 1;
		assert_int_equal(engine_send_early(p.client.engine, earlypair_text, 100), 1);
		earlypair_finish(&p);
		earlypair_accepted(&p, rows[i].accepts ? 100 : 0);
		pair_move(&p.client, &p.server, 0);
		earlypair_got(&p, 100);
		pair_close(&p);
		pair_close(&before);
	}
}

/* GnuTLS answers in a way that no server reads: it is an error, not a wait. */
static void test_retry_after(void **state)
{
	struct pair p;

	(void)state;
	earlypair_visit(TLS_1_3, MOST, MOST);
	earlypair_open(&p, TLS_1_3, MOST, 0);
	assert_int_equal(gnutls_priority_set_direct(
				 p.server.engine->session,
				 "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-SECP521R1", NULL),
			 0);
	assert_int_equal(engine_send_early(p.client.engine, earlypair_text, 100), 1);
	pair_run(&p);
	assert_int_equal(p.client_result, -EPROTO);
	assert_non_null(strstr(engine_reason(p.client.engine), "key share"));
	assert_int_equal(engine_pending(p.server.engine), 0);
	pair_close(&p);
}

/* Tickets of before may have allowed more than a server takes now, or than it takes at all. */
static void test_refused_more(void **state)
{
	static const int64_t rows[] = {0, 1, MOST - 1};
	struct pair p;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		earlypair_visit(TLS_1_3, MOST, MOST);
		earlypair_open(&p, TLS_1_3, MOST, rows[i]);
		assert_int_equal(engine_send_early(p.client.engine, earlypair_text, MOST), 1);
		earlypair_finish(&p);
		earlypair_accepted(&p, 0);
		earlypair_got(&p, MOST);
		pair_close(&p);
	}
}

/* What would be accepted is kept in memory: no more than the ticket allows, but for a margin. */
static void test_accepted_is_bounded(void **state)
{
	struct pair p;

	(void)state;
	earlypair_visit(TLS_1_3, MOST, 1);
	earlypair_open(&p, TLS_1_3, MOST, 1);
	assert_int_equal(engine_send_early(p.client.engine, earlypair_text, 1), 1);
	earlypair_finish(&p);
	earlypair_accepted(&p, 1);
	assert_in_range(gnutls_record_get_max_early_data_size(p.server.engine->session), 1, 10000);
	pair_close(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		UNIT_CASE(test_lifetime),
		UNIT_CASE(test_stale),
		UNIT_CASE(test_not_taken),
		UNIT_CASE(test_client_and_protocols),
		UNIT_CASE(test_server_and_protocols),
		UNIT_CASE(test_refused_more),
		UNIT_CASE(test_retry_after),
		UNIT_CASE(test_accepted_is_bounded),
	};

	return cmocka_run_group_tests_name("earlyrules", tests, NULL, NULL);
}
