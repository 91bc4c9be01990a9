/* SPDX-License-Identifier: MIT */
/* A session over memory: handshake, records, what the two ends agree on. */
#include "engine.h"
#include "pair.h"
#include "stream.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const int versions[] = {TLS_1_2, TLS_1_3};

static int version_of(void **state)
{
	return ((const struct versioned *)*state)->version;
}

static void test_handshake(void **state)
{
	int version = version_of(state);
	struct tls_info info;
	struct pair p;

	pair_open_usual(&p, version);
	engine_info(p.client.engine, &info);
	assert_int_equal(info.version, version);
	assert_int_equal(info.verified, 1);
	assert_int_equal(info.resumed, 0);
	assert_true(info.cipher != 0);
	assert_string_not_equal(info.cipher_name, "");
	assert_string_equal(engine_reason(p.client.engine), "");
	assert_false(engine_refused_peer(p.client.engine));
	assert_true(engine_overhead(p.client.engine) >= 5 + 16);
	engine_info(p.server.engine, &info);
	assert_int_equal(info.version, version);
	assert_int_equal(info.verified, 0);
	pair_close(&p);
}

/* What a client's session puts ahead of its Finished says nothing to a server of TLS 1.3. */
static void test_can_go_on(void **state)
{
	static const uint8_t sign[] = {20, 3, 3, 0, 1, 1};
	const struct end_options client = end_client(version_of(state));
	const struct end_options server = end_server(version_of(state));
	const uint8_t *hello;
	struct pair p;

	pair_new(&p, &client, &server, 0);
	assert_int_equal(end_handshake(&p.client), -EAGAIN);
	hello = buffer_head(engine_output(p.client.engine));
	assert_false(engine_can_go_on(p.server.engine, hello, 0));
	assert_false(engine_can_go_on(p.server.engine, hello, 4));
	assert_false(engine_can_go_on(p.server.engine, hello, 100));
	assert_true(engine_can_go_on(p.server.engine, hello, engine_output(p.client.engine)->len));
	assert_true(engine_can_go_on(p.server.engine, sign, sizeof(sign)));
	pair_move(&p.client, &p.server, 0);
	assert_int_equal(end_handshake(&p.server), -EAGAIN);
	assert_int_equal(engine_can_go_on(p.server.engine, sign, sizeof(sign)),
			 version_of(state) == TLS_1_2);
	assert_true(engine_can_go_on(p.server.engine, (const uint8_t[]){21, 3, 3, 0, 1, 1}, 6));
	assert_true(engine_can_go_on(p.client.engine, sign, sizeof(sign)));
	pair_close(&p);
}

/* A server's tickets come before its data, and in TLS 1.2 in the handshake. */
static void test_settled(void **state)
{
	int version = version_of(state);
	struct pair p;

	pair_open_usual(&p, version);
	assert_true(engine_settled(p.server.engine));
	assert_int_equal(engine_settled(p.client.engine), version == TLS_1_2);
	end_send(&p.server, "x", 1);
	pair_move(&p.server, &p.client, 0);
	assert_int_equal(end_receive(&p.client), 1);
	assert_true(engine_settled(p.client.engine));
	assert_int_equal(engine_update_key(p.client.engine, true),
			 version == TLS_1_2 ? -EOPNOTSUPP : 0);
	assert_int_equal(engine_settled(p.client.engine), version == TLS_1_2);
	pair_close(&p);
}

static void say(struct end *from, struct end *to, uint64_t *offset, size_t n, size_t cut)
{
	static uint8_t sent[65536], got[65536];
	size_t done = 0;

	stream_fill(*offset, sent, n);
	end_send(from, sent, n);
	while (pair_move(from, to, cut))
		while (end_receive(to) > 0)
			done += engine_read(to->engine, got + done, sizeof(got) - done);
	assert_int_equal(done, n);
	assert_int_equal(stream_mismatch(*offset, got, n), n);
	assert_int_equal(to->in.len, 0);
	*offset += n;
}

/* A byte at a time cuts at every place there is. */
static void test_cuts(void **state)
{
	int version = version_of(state);
	const struct end_options client = end_client(version), server = end_server(version);
	uint64_t up = 0, down = 0;
	struct pair p;

	for (size_t cut = 1; cut <= 64; cut += cut < 8 ? 1 : 7) {
		pair_open(&p, &client, &server, cut);
		assert_int_equal(p.client_result, 0);
		assert_int_equal(p.server_result, 0);
		say(&p.client, &p.server, &up, 300, cut);
		say(&p.server, &p.client, &down, 300, cut);
		pair_close(&p);
	}
}

static void test_sizes(void **state)
{
	static const size_t sizes[] = {1,     2,     15,    16,	   17,	  255,	 256,	1000, 4096,
				       16383, 16384, 16385, 20000, 32768, 32769, 65535, 65536};
	uint64_t up = 0, down = 0;
	struct tls_info info;
	struct pair p;

	pair_open_usual(&p, version_of(state));
	for (size_t i = 0; i < COUNT(sizes); i++) {
		say(&p.client, &p.server, &up, sizes[i], 0);
		say(&p.server, &p.client, &down, sizes[COUNT(sizes) - 1 - i], 1000);
	}
	engine_info(p.client.engine, &info);
	assert_int_equal(info.bytes_out, up);
	assert_int_equal(info.bytes_in, down);
	assert_int_equal(info.records_out, info.records_in);
	pair_close(&p);
}

/* seal never takes more than it can, and overhead is what a record has more. */
static void test_overhead_is_exact(void **state)
{
	static const uint8_t bytes[ENGINE_MAX_PLAIN];
	struct pair p;

	pair_open_usual(&p, version_of(state));
	pair_move(&p.server, &p.client, 0);
	for (size_t n = 1; n <= sizeof(bytes); n = n * 2 + 1) {
		size_t before = end_sealed(&p.client);

		assert_int_equal(engine_seal(p.client.engine, bytes, n), n);
		assert_int_equal(end_sealed(&p.client) - before,
				 n + engine_overhead(p.client.engine));
	}
	pair_close(&p);
}

static void test_close_notify(void **state)
{
	uint64_t down = 0;
	struct pair p;

	pair_open_usual(&p, version_of(state));
	assert_int_equal(engine_close(p.client.engine), 0);
	assert_true(end_sealed(&p.client) > 0);
	pair_move(&p.client, &p.server, 0);
	assert_int_equal(end_receive(&p.server), 0);
	/* Half-closed: the other direction goes on. */
	say(&p.server, &p.client, &down, 1000, 0);
	pair_close(&p);
}

static void test_data_before_close_notify(void **state)
{
	char got[8] = "";
	struct pair p;

	pair_open_usual(&p, version_of(state));
	end_send(&p.client, "last", 5);
	engine_close(p.client.engine);
	pair_move(&p.client, &p.server, 0);
	assert_int_equal(end_receive(&p.server), 5);
	assert_int_equal(end_receive(&p.server), 0);
	assert_int_equal(engine_read(p.server.engine, got, sizeof(got)), 5);
	assert_string_equal(got, "last");
	pair_close(&p);
}

static void test_part_of_a_record_is_nothing(void **state)
{
	struct pair p;

	pair_open_usual(&p, version_of(state));
	end_send(&p.client, "whole", 5);
	while (end_sealed(&p.client) > 1) {
		pair_move(&p.client, &p.server, 1);
		assert_int_equal(end_receive(&p.server), -EAGAIN);
		assert_int_equal(engine_pending(p.server.engine), 0);
	}
	pair_move(&p.client, &p.server, 1);
	assert_int_equal(end_receive(&p.server), 5);
	pair_close(&p);
}

static void test_peek_read_skip(void **state)
{
	uint8_t sent[3 * 400], got[sizeof(sent)];
	size_t at = 0;
	struct pair p;

	pair_open_usual(&p, version_of(state));
	stream_fill(0, sent, sizeof(sent));
	assert_int_equal(engine_peek(p.server.engine, 0, got, 1), 0);
	assert_int_equal(engine_read(p.server.engine, got, 1), 0);
	for (size_t i = 0; i < 3; i++)
		end_send(&p.client, sent + i * 400, 400);
	pair_move(&p.client, &p.server, 0);
	for (size_t i = 1; i <= 3; i++) {
		assert_int_equal(end_receive(&p.server), 400);
		assert_int_equal(engine_pending(p.server.engine), i * 400);
	}
	for (size_t skip = 0; skip <= sizeof(sent) + 50; skip += 50) {
		size_t left = skip < sizeof(sent) ? sizeof(sent) - skip : 0;

		assert_int_equal(engine_peek(p.server.engine, skip, got, 500),
				 left < 500 ? left : 500);
		assert_int_equal(stream_mismatch(skip, got, left < 500 ? left : 500),
				 left < 500 ? left : 500);
	}
	for (size_t n = 1; at < sizeof(sent); n += 37) {
		size_t left = sizeof(sent) - at, want = n < left ? n : left;
		bool drop = n % 2 == 0;

		assert_int_equal(engine_read(p.server.engine, drop ? NULL : got, n), want);
		if (!drop)
			assert_int_equal(stream_mismatch(at, got, want), want);
		at += want;
		assert_int_equal(engine_pending(p.server.engine), sizeof(sent) - at);
	}
	pair_close(&p);
}

struct alpn_row {
	const char *title, *client, *server, *agreed; /* NULL: the handshake fails */
};

static struct alpn_row alpns[] = {
	{"alpn: neither speaks of it", NULL, NULL, ""},
	{"alpn: the client alone", "h2,http/1.1", NULL, ""},
	{"alpn: the server alone", NULL, "h2", ""},
	{"alpn: one in common", "h2,http/1.1", "http/1.1", "http/1.1"},
	{"alpn: the server's order counts", "http/1.1,h2", "h2,http/1.1", "h2"},
	{"alpn: a prefix is not the name", "http/1", "http/1.1", NULL},
	{"alpn: none in common", "h2", "http/1.1", NULL},
};

static void test_alpn(void **state)
{
	const struct alpn_row *row = *state;

	for (size_t i = 0; i < COUNT(versions); i++) {
		struct end_options client = end_client(versions[i]),
				   server = end_server(versions[i]);
		char *text = NULL;
		struct pair p;

		client.alpn = row->client;
		server.alpn = row->server;
		pair_open(&p, &client, &server, 0);
		if (row->agreed) {
			assert_int_equal(p.client_result | p.server_result, 0);
			assert_int_equal(engine_text(p.client.engine, TLS_ALPN, &text), 0);
			assert_string_equal(text, row->agreed);
			free(text);
			assert_int_equal(engine_text(p.server.engine, TLS_ALPN, &text), 0);
			assert_string_equal(text, row->agreed);
			free(text);
		} else {
			assert_int_equal(p.server_result, -EPROTO);
			assert_int_equal(p.client_result, -EPROTO);
			assert_non_null(strstr(engine_reason(p.client.engine), "alert"));
		}
		pair_close(&p);
	}
}

static void test_texts(void **state)
{
	struct pair p;
	char *text = NULL;

	pair_open_usual(&p, version_of(state));
	assert_int_equal(engine_text(p.client.engine, TLS_PEER_IDENTITY, &text), 0);
	assert_string_equal(text, "CN=Test good");
	free(text);
	assert_int_equal(engine_text(p.client.engine, TLS_PEER_CERTIFICATE_CHAIN, &text), 0);
	assert_memory_equal(text, "-----BEGIN CERTIFICATE-----\n", 28);
	free(text);
	assert_int_equal(engine_text(p.client.engine, TLS_CHOSEN_CIPHER, &text), 0);
	assert_non_null(strstr(text, "AES"));
	free(text);
	assert_int_equal(engine_text(p.server.engine, TLS_HOSTNAME, &text), 0);
	assert_string_equal(text, "localhost");
	free(text);
	assert_int_equal(engine_text(p.server.engine, TLS_PEER_IDENTITY, &text), -ENOTCONN);
	assert_int_equal(engine_text(p.server.engine, TLS_PEER_CERTIFICATE_CHAIN, &text),
			 -ENOTCONN);
	assert_int_equal(engine_text(p.server.engine, -1, &text), -ENOPROTOOPT);
	pair_close(&p);
}

/* RFC 6066, 3: a literal address is verified but not sent. */
static void test_no_server_name_for_an_address(void **state)
{
	static const char *const names[] = {"127.0.0.1", "::1", NULL};
	int version = version_of(state);

	for (size_t i = 0; i < COUNT(names); i++) {
		struct end_options client = end_client(version), server = end_server(version);
		char *text = NULL;
		struct pair p;

		client.name = names[i];
		pair_open(&p, &client, &server, 0);
		assert_int_equal(p.client_result | p.server_result, 0);
		assert_int_equal(engine_text(p.server.engine, TLS_HOSTNAME, &text), -ENOTCONN);
		pair_close(&p);
	}
}

static void test_no_version_in_common(void **state)
{
	const struct end_options client = end_client(TLS_1_3), server = end_server(TLS_1_2);
	struct pair p;

	(void)state;
	pair_open(&p, &client, &server, 0);
	assert_int_equal(p.server_result, -EPROTO);
	assert_int_equal(p.client_result, -EPROTO);
	assert_string_not_equal(engine_reason(p.server.engine), "");
	pair_close(&p);
}

static void test_protocol_that_is_not_ours(void **state)
{
	struct settings *s = settings_new(IPPROTO_TCP);
	struct credentials *c = NULL;
	struct engine *e = NULL;
	char reason[256] = "";

	(void)state;
	assert_int_equal(settings_credentials(s, false, &c, reason, sizeof(reason)), 0);
	assert_int_equal(engine_new(&e, s, c, false, "localhost", reason, sizeof(reason)),
			 -EPROTONOSUPPORT);
	assert_null(e);
	assert_string_not_equal(reason, "");
	credentials_put(c);
	settings_put(s);
}

static const struct {
	const char *name;
	CMUnitTestFunction run;
} each_version[] = {
	{"handshake", test_handshake},
	{"what a handshake goes on with", test_can_go_on},
	{"settled", test_settled},
	{"cuts at every byte", test_cuts},
	{"sizes from 1 to 65536", test_sizes},
	{"overhead is exact", test_overhead_is_exact},
	{"close_notify", test_close_notify},
	{"data before close_notify", test_data_before_close_notify},
	{"part of a record is nothing", test_part_of_a_record_is_nothing},
	{"peek, read, skip", test_peek_read_skip},
	{"texts", test_texts},
	{"no server name for an address", test_no_server_name_for_an_address},
};

int main(void)
{
	struct CMUnitTest tests[COUNT(each_version) * COUNT(versions) + COUNT(alpns) + 2] = {
		UNIT_CASE(test_no_version_in_common),
		UNIT_CASE(test_protocol_that_is_not_ours),
	};
	size_t n = 2;

	for (size_t i = 0; i < COUNT(each_version); i++)
		for (size_t v = 0; v < COUNT(versions); v++)
			tests[n++] = versioned_case(versions[v], each_version[i].name,
						    each_version[i].run, NULL);
	for (size_t i = 0; i < COUNT(alpns); i++)
		tests[n++] = UNIT_ROW(alpns[i].title, test_alpn, alpns[i]);
	return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
