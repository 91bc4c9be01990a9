/* SPDX-License-Identifier: MIT */
/* What a session makes of damaged records and odd messages. */
#include "engine.h"
#include "pair.h"
#include "stream.h"
#include "unit.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <string.h>

static int version_of(void **state)
{
	return ((const struct versioned *)*state)->version;
}

/* One damaged byte; the rest of what it makes of the length comes too. */
static void damage(struct pair *p, size_t at, unsigned int bit)
{
	static const uint8_t filler[ENGINE_MAX_RECORD];
	ssize_t n;

	end_send(&p->client, "sixteen bytes...", 16);
	pair_move(&p->client, &p->server, 0);
	buffer_head(&p->server.in)[at] ^= (uint8_t)(1u << bit);
	n = end_receive(&p->server);
	if (n == -EAGAIN) {
		end_arrive(&p->server, filler, sizeof(filler));
		n = end_receive(&p->server);
	}
	if (n != -EBADMSG && n != -EPROTO)
		fail_msg("byte %zu, bit %u damaged: %zd", at, bit, n);
	assert_string_not_equal(engine_reason(p->server.engine), "");
	assert_int_equal(engine_pending(p->server.engine), 0);
	/* Dead: what was right does not open any more. */
	buffer_fini(&p->server.in);
	end_send(&p->client, "sixteen bytes...", 16);
	pair_move(&p->client, &p->server, 0);
	assert_true(end_receive(&p->server) < 0);
	assert_int_equal(engine_pending(p->server.engine), 0);
}

static void test_damage_at_every_byte(void **state)
{
	int version = version_of(state);
	size_t len = SIZE_MAX;
	struct pair p;

	for (size_t at = 0; at < len; at++) {
		/* GnuTLS opens a TLS 1.3 record by what its head must be, and not by what it is. */
		if (version == TLS_1_3 && (at == 0 || at == 2))
			continue;
		pair_open_usual(&p, version);
		len = 16 + engine_overhead(p.client.engine);
		damage(&p, at, (unsigned int)at % 8);
		pair_close(&p);
	}
	assert_true(len > 30);
}

static void test_replayed_record(void **state)
{
	struct buffer record = {0};
	struct pair p;

	pair_open_usual(&p, version_of(state));
	end_send(&p.client, "once", 4);
	buffer_append(&record, buffer_head(engine_output(p.client.engine)), end_sealed(&p.client));
	pair_move(&p.client, &p.server, 0);
	assert_int_equal(end_receive(&p.server), 4);
	end_arrive(&p.server, buffer_head(&record), record.len);
	assert_int_equal(end_receive(&p.server), -EBADMSG);
	assert_int_equal(engine_pending(p.server.engine), 4);
	buffer_fini(&record);
	pair_close(&p);
}

/* A record that was cut out of the stream. */
static void test_missing_record(void **state)
{
	struct pair p;

	pair_open_usual(&p, version_of(state));
	end_send(&p.client, "lost", 4);
	buffer_fini(engine_output(p.client.engine));
	end_send(&p.client, "next", 4);
	pair_move(&p.client, &p.server, 0);
	assert_int_equal(end_receive(&p.server), -EBADMSG);
	pair_close(&p);
}

static void test_fatal_alert(void **state)
{
	struct pair p;

	pair_open_usual(&p, version_of(state));
	gnutls_alert_send(p.client.engine->session, GNUTLS_AL_FATAL, GNUTLS_A_INTERNAL_ERROR);
	pair_move(&p.client, &p.server, 0);
	assert_int_equal(end_receive(&p.server), -EPROTO);
	assert_non_null(strstr(engine_reason(p.server.engine), "alert \"Internal error\""));
	pair_close(&p);
}

static void say_and_hear(struct end *from, struct end *to)
{
	char got[6] = "";

	end_send(from, "hello", 6);
	pair_move(from, to, 0);
	assert_int_equal(end_receive(to), 6);
	assert_int_equal(engine_read(to->engine, got, sizeof(got)), 6);
	assert_string_equal(got, "hello");
}

/*
 * A warning is not the end in TLS 1.2 (RFC 5246, 7.2.2). In 1.3 only close_notify
 * may follow user_canceled (RFC 8446, 6.1), so that it is a clean end by itself.
 */
static void test_warning_alert(void **state)
{
	struct pair p;

	pair_open_usual(&p, version_of(state));
	gnutls_alert_send(p.client.engine->session, GNUTLS_AL_WARNING, GNUTLS_A_USER_CANCELED);
	pair_move(&p.client, &p.server, 0);
	if (version_of(state) == TLS_1_3) {
		assert_int_equal(end_receive(&p.server), 0);
		pair_close(&p);
		return;
	}
	assert_int_equal(end_receive(&p.server), -EAGAIN);
	say_and_hear(&p.client, &p.server);
	say_and_hear(&p.server, &p.client);
	pair_close(&p);
}

/* Declined, and the connection goes on (RFC 5246, 7.2.2). */
static void test_renegotiation_by_the_server(void **state)
{
	struct pair p;

	(void)state;
	pair_open_usual(&p, TLS_1_2);
	assert_int_equal(gnutls_rehandshake(p.server.engine->session), 0);
	pair_move(&p.server, &p.client, 0);
	assert_int_equal(end_receive(&p.client), -EAGAIN);
	assert_true(end_sealed(&p.client) > 0);
	buffer_fini(engine_output(p.client.engine));
	say_and_hear(&p.server, &p.client);
	pair_close(&p);
}

/* There in a build with LeakSanitizer. */
extern void __lsan_disable(void) __attribute__((weak));
extern void __lsan_enable(void) __attribute__((weak));

/*
 * GnuTLS's server knows no client that may ask for it: the connection ends. GnuTLS
 * 3.7.9 then loses the buffer of the record that it refuses.
 */
static void test_renegotiation_by_the_client(void **state)
{
	struct pair p;

	(void)state;
	pair_open_usual(&p, TLS_1_2);
	assert_true(gnutls_handshake(p.client.engine->session) < 0);
	pair_move(&p.client, &p.server, 0);
	if (__lsan_disable)
		__lsan_disable();
	assert_int_equal(end_receive(&p.server), -EPROTO);
	if (__lsan_enable)
		__lsan_enable();
	pair_close(&p);
}

static void test_key_update(void **state)
{
	struct pair p;

	(void)state;
	pair_open_usual(&p, TLS_1_3);
	/* GnuTLS takes eight in a second. */
	for (int i = 0; i < 6; i++) {
		assert_int_equal(gnutls_session_key_update(p.client.engine->session,
							   i % 2 ? GNUTLS_KU_PEER : 0),
				 0);
		pair_move(&p.client, &p.server, 0);
		assert_int_equal(end_receive(&p.server), -EAGAIN);
		say_and_hear(&p.client, &p.server);
		say_and_hear(&p.server, &p.client);
	}
	pair_close(&p);
}

static void test_empty_records(void **state)
{
	struct pair p;

	(void)state;
	pair_open_usual(&p, TLS_1_3);
	for (int i = 0; i < 3; i++) {
		assert_true(gnutls_record_send2(p.client.engine->session, "", 0, 16, 0) >= 0);
		pair_move(&p.client, &p.server, 0);
		assert_int_equal(end_receive(&p.server), -EAGAIN);
	}
	say_and_hear(&p.client, &p.server);
	pair_close(&p);
}

/* Handshake messages where none belong. */
static void test_handshake_out_of_turn(void **state)
{
	static const char hello[] = "\26\3\3\0\4\16\0\0\0";
	struct pair p;

	pair_open_usual(&p, version_of(state));
	end_arrive(&p.server, hello, 9);
	assert_true(end_receive(&p.server) < 0 && engine_pending(p.server.engine) == 0);
	pair_close(&p);
}

/* Plaintext application data, before and after the handshake. */
static void test_data_in_the_clear(void **state)
{
	static const char data[] = "\27\3\3\0\5clear";
	const struct end_options options = end_server(version_of(state));
	struct end server;
	struct pair p;

	end_open(&server, &options);
	end_arrive(&server, data, 10);
	assert_int_equal(end_handshake(&server), -EPROTO);
	assert_int_equal(engine_pending(server.engine), 0);
	end_close(&server);
	pair_open_usual(&p, version_of(state));
	end_arrive(&p.server, data, 10);
	assert_true(end_receive(&p.server) < 0);
	assert_int_equal(engine_pending(p.server.engine), 0);
	pair_close(&p);
}

static const struct {
	const char *name;
	CMUnitTestFunction run;
} each_version[] = {
	{"damage at every byte of a record", test_damage_at_every_byte},
	{"a record twice", test_replayed_record},
	{"a record that is missing", test_missing_record},
	{"a fatal alert", test_fatal_alert},
	{"a warning alert", test_warning_alert},
	{"a handshake message out of turn", test_handshake_out_of_turn},
	{"data in the clear", test_data_in_the_clear},
};

int main(void)
{
	static const int versions[] = {TLS_1_2, TLS_1_3};
	struct CMUnitTest tests[COUNT(each_version) * COUNT(versions) + 4] = {
		UNIT_CASE(test_renegotiation_by_the_server),
		UNIT_CASE(test_renegotiation_by_the_client),
		UNIT_CASE(test_key_update),
		UNIT_CASE(test_empty_records),
	};
	size_t n = 4;

	for (size_t v = 0; v < COUNT(versions); v++)
		for (size_t i = 0; i < COUNT(each_version); i++)
			tests[n++] = versioned_case(versions[v], each_version[i].name,
						    each_version[i].run, NULL);
	return cmocka_run_group_tests_name("engine: hostile input", tests, NULL, NULL);
}
