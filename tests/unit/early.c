/* SPDX-License-Identifier: MIT */
/* Early data over memory: accepted once, refused else, and sent again then. */
#include "alloc.h"
#include "earlypair.h"
#include "engineearly.h"
#include "sessioncache.h"
#include "tickets.h"
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = EARLYPAIR_MOST };

static void test_accepted(void **state)
{
	static const size_t lengths[] = {1, 100, 16384, 16385, MOST};
	struct pair p;

	(void)state;
	earlypair_visit(TLS_1_3, MOST, MOST);
	for (size_t i = 0; i < COUNT(lengths); i++) {
		earlypair_open(&p, TLS_1_3, MOST, MOST);
		assert_int_equal(engine_early_room(p.client.engine), MOST);
		assert_int_equal(engine_send_early(p.client.engine, earlypair_text, lengths[i]), 1);
		assert_int_equal(engine_early_room(p.client.engine), 0);
		assert_true(engine_early_waits(p.client.engine));
		/* In pieces, too. */
		p.cut = i % 2 ? 0 : 777;
		earlypair_finish(&p);
		earlypair_accepted(&p, lengths[i]);
		/* What follows comes behind it. */
		if (lengths[i] < sizeof(earlypair_text)) {
			end_send(&p.client, earlypair_text + lengths[i], 1);
			pair_move(&p.client, &p.server, 0);
			earlypair_got(&p, lengths[i] + 1);
		}
		earlypair_get_tickets(&p);
		pair_close(&p);
	}
}

/* Nothing but the handshake's end gives it out. */
static void test_only_when_done(void **state)
{
	struct pair p;

	(void)state;
	earlypair_visit(TLS_1_3, MOST, MOST);
	earlypair_open(&p, TLS_1_3, MOST, MOST);
	assert_int_equal(engine_send_early(p.client.engine, earlypair_text, 100), 1);
	assert_int_equal(end_handshake(&p.client), -EAGAIN);
	pair_move(&p.client, &p.server, 0);
	assert_int_equal(end_handshake(&p.server), -EAGAIN);
	assert_true(gnutls_session_get_flags(p.server.engine->session) & GNUTLS_SFLAGS_EARLY_DATA);
	assert_int_equal(engine_pending(p.server.engine), 0);
	pair_close(&p);
}

/* The other end does not, or no longer; 1.2 has none; nobody asked for it. */
static void test_nowhere(void **state)
{
	static const struct {
		int version;
		int64_t client, server;
	} rows[] = {
		{TLS_1_3, 0, MOST},
		{TLS_1_3, MOST, 0},
		{TLS_1_3, 0, 0},
		{TLS_1_2, MOST, MOST},
	};
	struct pair p;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		earlypair_visit(rows[i].version, rows[i].client, rows[i].server);
		earlypair_open(&p, rows[i].version, rows[i].client, rows[i].server);
		assert_true(p.client.engine->offered);
		assert_int_equal(engine_early_room(p.client.engine), 0);
		earlypair_finish(&p);
		earlypair_accepted(&p, 0);
		pair_close(&p);
	}
}

/* The lesser of both bounds. */
static void test_bounds(void **state)
{
	struct pair p;

	(void)state;
	earlypair_visit(TLS_1_3, 100, MOST);
	earlypair_open(&p, TLS_1_3, 100, MOST);
	assert_int_equal(engine_early_room(p.client.engine), 100);
	pair_close(&p);
	earlypair_visit(TLS_1_3, MOST, 200);
	earlypair_open(&p, TLS_1_3, MOST, 200);
	assert_int_equal(engine_early_room(p.client.engine), 200);
	pair_close(&p);
	/* Too late once the handshake has begun. */
	earlypair_visit(TLS_1_3, MOST, MOST);
	earlypair_open(&p, TLS_1_3, MOST, MOST);
	assert_int_equal(end_handshake(&p.client), -EAGAIN);
	assert_int_equal(engine_early_room(p.client.engine), 0);
	pair_close(&p);
}

/* Servers that share their keys by a file accept none. */
static void test_key_file(void **state)
{
	struct pair p;

	(void)state;
	earlypair_visit(TLS_1_3, MOST, MOST);
	earlypair_open(&p, TLS_1_3, MOST, 0);
	p.server.engine->settings->numbers[SETTING_EARLY_DATA] = MOST;
	assert_int_equal(engineearly_flags(p.server.engine), GNUTLS_ENABLE_EARLY_DATA);
	assert_int_equal(settings_tell(p.server.engine->settings, SETTING_TICKET_KEY_FILE, "f", 1),
			 0);
	assert_int_equal(engineearly_flags(p.server.engine), 0);
	pair_close(&p);
}

static void forget_ticket(struct pair *p)
{
	/* A ticket of other conditions opens nothing. */
	assert_int_equal(settings_tell(p->server.engine->settings, SETTING_ALPN, "h2", 2), 0);
}

static void accept_none(struct pair *p)
{
	gnutls_anti_replay_enable(p->server.engine->session, NULL);
}

/* Sent again, once and in order, whatever the server's reason. */
static void test_refused(void **state)
{
	static void (*const reasons[])(struct pair * p) = {forget_ticket, accept_none};
	static const size_t lengths[] = {1, 16384, MOST};
	struct pair p;

	(void)state;
	for (size_t i = 0; i < COUNT(reasons); i++) {
		for (size_t n = 0; n < COUNT(lengths); n++) {
			earlypair_visit(TLS_1_3, MOST, MOST);
			earlypair_open(&p, TLS_1_3, MOST, MOST);
			reasons[i](&p);
			assert_int_equal(
				engine_send_early(p.client.engine, earlypair_text, lengths[n]), 1);
			earlypair_finish(&p);
			earlypair_accepted(&p, 0);
			end_send(&p.client, earlypair_text + lengths[n], 1);
			pair_move(&p.client, &p.server, 0);
			earlypair_got(&p, lengths[n] + 1);
			pair_close(&p);
		}
	}
}

static void retry_hello(struct pair *p)
{
	assert_int_equal(gnutls_priority_set_direct(
				 p->server.engine->session,
				 "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-SECP521R1", NULL),
			 0);
}

/* GnuTLS does not get through one with early data: neither end lets it come to that. */
static void test_retry(void **state)
{
	struct pair p;

	(void)state;
	for (unsigned int tickets = 0; tickets < 2; tickets++) {
		earlypair_fresh();
		earlypair_open(&p, TLS_1_3, MOST, MOST);
		retry_hello(&p);
		earlypair_finish(&p);
		assert_true(p.client.engine->retried);
		assert_int_equal(p.server.engine->tickets_due, 0);
		p.server.engine->tickets_due = tickets;
		earlypair_get_tickets(&p);
		pair_close(&p);
		earlypair_open(&p, TLS_1_3, MOST, MOST);
		assert_int_equal(p.client.engine->offered, tickets);
		assert_int_equal(engine_early_room(p.client.engine), 0);
		pair_close(&p);
	}
}

/* A client that takes more than its ticket has. */
static void test_too_much(void **state)
{
	struct pair p;

	(void)state;
	earlypair_visit(TLS_1_3, MOST, 100);
	earlypair_open(&p, TLS_1_3, MOST, 100);
	assert_int_equal(engine_early_room(p.client.engine), 100);
	assert_int_equal(engine_send_early(p.client.engine, earlypair_text, 100), 1);
	assert_true(gnutls_record_send_early_data(p.client.engine->session, earlypair_text, 1) < 0);
	p.server.engine->settings->numbers[SETTING_EARLY_DATA] = 99;
	pair_run(&p);
	/* The ticket is of other conditions then: the key goes by them. */
	assert_int_equal(p.server_result, 0);
	earlypair_accepted(&p, 0);
	earlypair_got(&p, 100);
	pair_close(&p);
}

/* Whether a server that gets these bytes accepts their early data. */
static bool accepts(const struct buffer *hello)
{
	struct pair p;
	bool accepted;

	earlypair_open(&p, TLS_1_3, 0, MOST);
	end_arrive(&p.server, buffer_head(hello), hello->len);
	assert_int_equal(end_handshake(&p.server), -EAGAIN);
	accepted = gnutls_session_get_flags(p.server.engine->session) & GNUTLS_SFLAGS_EARLY_DATA;
	assert_int_equal(engine_pending(p.server.engine), 0);
	pair_close(&p);
	return accepted;
}

static bool child_accepts(const struct buffer *hello)
{
	pid_t pid = (pid_t)assert_ok(fork());
	int status;

	if (pid == 0)
		_exit(accepts(hello) ? 1 : 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status) != 0;
}

static void make_hello(struct buffer *hello)
{
	struct pair p;
	struct buffer *out;

	earlypair_visit(TLS_1_3, MOST, MOST);
	earlypair_open(&p, TLS_1_3, MOST, MOST);
	assert_int_equal(engine_send_early(p.client.engine, earlypair_text, 100), 1);
	assert_int_equal(end_handshake(&p.client), -EAGAIN);
	out = engine_output(p.client.engine);
	assert_int_equal(buffer_append(hello, buffer_head(out), out->len), 0);
	pair_close(&p);
}

static void test_replayed(void **state)
{
	struct buffer hello = {0};

	(void)state;
	make_hello(&hello);
	assert_true(accepts(&hello));
	assert_false(accepts(&hello));
	assert_false(child_accepts(&hello));
	buffer_fini(&hello);
	/* First to a child, then to another, then to their parent. */
	make_hello(&hello);
	assert_true(child_accepts(&hello));
	assert_false(child_accepts(&hello));
	assert_false(accepts(&hello));
	buffer_fini(&hello);
}

/* It is an error, or all is there. */
static void test_no_memory(void **state)
{
	unsigned long at = 0, count;
	struct pair p;
	int r;

	(void)state;
	do {
		at++;
		earlypair_visit(TLS_1_3, MOST, MOST);
		earlypair_open(&p, TLS_1_3, MOST, MOST);
		alloc_include_gnutls(true);
		alloc_start(at);
		r = engine_send_early(p.client.engine, earlypair_text, 100);
		count = alloc_stop();
		alloc_include_gnutls(false);
		pair_run(&p);
		if (p.client_result == 0)
			earlypair_got(&p, r == 1 ? 100 : 0);
		else
			assert_int_equal(p.client_result, -ENOMEM);
		pair_close(&p);
	} while (count >= at);
	assert_true(at > 3);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		UNIT_CASE(test_accepted),  UNIT_CASE(test_only_when_done), UNIT_CASE(test_nowhere),
		UNIT_CASE(test_bounds),	   UNIT_CASE(test_key_file),	   UNIT_CASE(test_refused),
		UNIT_CASE(test_retry),	   UNIT_CASE(test_too_much),	   UNIT_CASE(test_replayed),
		UNIT_CASE(test_no_memory),
	};

	return cmocka_run_group_tests_name("early", tests, NULL, NULL);
}
