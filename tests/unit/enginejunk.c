/* SPDX-License-Identifier: MIT */
/* Where records begin and end, which one goes with the next, and what a session makes of junk. */
#include "engine.h"
#include "pair.h"
#include "unit.h"

#include <errno.h>
#include <string.h>

static int version_of(void **state)
{
	return ((const struct versioned *)*state)->version;
}

struct length_row {
	const char *bytes;
	size_t len, result;
};

/* A row's bytes are the record's beginning; the rest up to len is zeroes. */
static const struct length_row lengths[] = {
	{"", 0, 0},
	{"\26", 1, 0},
	{"\26\3", 2, 0},
	{"\26\3\1\0", 4, 0},
	{"\26\3\1\0\0", 5, 5},
	{"\26\3\1\0\1", 5, 0},
	{"\26\3\1\0\1", 6, 6},
	{"\26\3\1\0\1", 100, 6},
	{"\27\3\3\1\0", 260, 0},
	{"\27\3\3\1\0", 261, 261},
	{"\27\3\3\1\0", 262, 261},
	{"\27\3\3\110\0", ENGINE_MAX_RECORD - 1, 0},
	{"\27\3\3\110\0", ENGINE_MAX_RECORD, ENGINE_MAX_RECORD},
	{"\27\3\3\110\1", 5, 5},
	{"\27\3\3\110\1", 300, 300},
	{"\27\3\3\377\377", 1000, 1000},
	{"\24\3\3\0\1", 6, 6},
	{"\25\3\3\0\2", 7, 7},
	{"\30\3\3\0\2", 7, 7},
	{"\23\3\3\0\2", 7, 7},
	{"\31\3\3\0\2", 7, 7},
	{"\0", 1, 1},
	{"H", 1, 1},
	{"HTTP/1.1 400", 12, 12},
	{"\200\56\1\3\1", 48, 48},
	{"\26\2\0\0\1", 6, 6},
	{"\26\4\0\0\1", 5, 5},
};

static void test_record_length(void **state)
{
	static uint8_t bytes[ENGINE_MAX_RECORD];

	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		size_t head = lengths[i].len < 5 ? lengths[i].len : 5, n;

		memset(bytes, 0, sizeof(bytes));
		memcpy(bytes, lengths[i].bytes, head);
		n = engine_record_length(bytes, lengths[i].len);
		if (n != lengths[i].result)
			fail_msg("row %zu: %zu, not %zu", i, n, lengths[i].result);
	}
}

static size_t junk(struct rng *rng, uint8_t *bytes, size_t size)
{
	static const uint8_t types[] = {20, 21, 22, 23, 24, 22, 22};
	size_t n = rng_range(rng, 1, size), head = rng_range(rng, 0, 3);

	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)rng_next(rng);
	if (n < 5 || head == 0)
		return n;
	bytes[0] = types[rng_range(rng, 0, 6)];
	bytes[1] = 3;
	bytes[2] = (uint8_t)rng_range(rng, 0, 4);
	if (head == 1)
		return n;
	bytes[3] = (uint8_t)((n - 5) >> 8);
	bytes[4] = (uint8_t)(n - 5);
	if (bytes[0] == 22 && n > 8 && head == 3) {
		bytes[5] = (uint8_t)rng_range(rng, 0, 25);
		bytes[6] = 0;
		bytes[7] = (uint8_t)((n - 9) >> 8);
		bytes[8] = (uint8_t)(n - 9);
	}
	return n;
}

static void test_junk_for_a_handshake(void **state)
{
	unsigned int first, n = chance_seeds(1500, &first);
	int version = version_of(state);

	for (unsigned int seed = first; seed < first + n; seed++) {
		const struct end_options o = seed % 2 ? end_server(version) : end_client(version);
		struct rng rng = rng_seed(seed);
		uint8_t bytes[600];
		struct end end;

		end_open(&end, &o);
		end_handshake(&end);
		end_arrive(&end, bytes, junk(&rng, bytes, sizeof(bytes)));
		if (end_handshake(&end) == 0)
			fail_msg("seed %u makes a handshake", seed);
		end_close(&end);
	}
}

static void test_junk_for_a_session(void **state)
{
	unsigned int first, n = chance_seeds(300, &first);

	for (unsigned int seed = first; seed < first + n; seed++) {
		struct rng rng = rng_seed(seed);
		uint8_t bytes[600];
		struct pair p;

		pair_open_usual(&p, version_of(state));
		end_arrive(&p.client, bytes, junk(&rng, bytes, sizeof(bytes)));
		if (end_receive(&p.client) >= 0 || engine_pending(p.client.engine))
			fail_msg("seed %u is taken for data", seed);
		pair_close(&p);
	}
}

/* A byte of the handshake is changed on its way: no crash, no wrong peer, no hang. */
static void test_changed_handshake(void **state)
{
	unsigned int first, n = chance_seeds(400, &first);
	const struct end_options client = end_client(version_of(state)),
				 server = end_server(version_of(state));

	for (unsigned int seed = first; seed < first + n; seed++) {
		struct rng rng = rng_seed(seed);
		struct pair p = {.server_result = -EAGAIN};
		size_t at = rng_range(&rng, 0, 1500), done = 0;

		end_open(&p.client, &client);
		end_open(&p.server, &server);
		p.client_result = end_handshake(&p.client);
		for (bool up = true; end_sealed(&p.client) + end_sealed(&p.server); up = !up) {
			struct end *from = up ? &p.client : &p.server,
				   *to = up ? &p.server : &p.client;
			int *result = up ? &p.server_result : &p.client_result;
			size_t len = end_sealed(from);

			if (at >= done && at - done < len)
				buffer_head(engine_output(from->engine))[at - done] ^=
					(uint8_t)rng_range(&rng, 1, 255);
			done += pair_move(from, to, 0);
			if (len && *result == -EAGAIN)
				*result = end_handshake(to);
		}
		pair_close(&p);
	}
}

static const struct {
	const char *name;
	CMUnitTestFunction run;
} each_version[] = {
	{"junk for a handshake", test_junk_for_a_handshake},
	{"junk for a session", test_junk_for_a_session},
	{"a handshake that is changed on its way", test_changed_handshake},
};

/* A ChangeCipherSpec in a segment by itself would wake the server for nothing. */
static void test_no_cipher_change_alone(void **state)
{
	const struct end_options client = end_client(TLS_1_3), server = end_server(TLS_1_3);
	struct buffer *out;
	size_t hello;
	struct pair p;

	(void)state;
	pair_new(&p, &client, &server, 0);
	assert_int_equal(end_handshake(&p.client), -EAGAIN);
	pair_move(&p.client, &p.server, 0);
	assert_int_equal(end_handshake(&p.server), -EAGAIN);
	out = engine_output(p.server.engine);
	hello = engine_record_length(buffer_head(out), out->len);
	end_arrive(&p.client, buffer_head(out), hello);
	buffer_consume(out, hello);
	assert_int_equal(end_handshake(&p.client), -EAGAIN);
	assert_int_equal(end_sealed(&p.client), 0);
	pair_move(&p.server, &p.client, 0);
	assert_int_equal(end_handshake(&p.client), 0);
	out = engine_output(p.client.engine);
	assert_int_equal(engine_record_length(buffer_head(out), out->len), 6);
	end_arrive(&p.server, buffer_head(out), 6);
	assert_int_equal(end_handshake(&p.server), -EAGAIN);
	buffer_consume(out, 6);
	assert_true(out->len > 0);
	pair_move(&p.client, &p.server, 0);
	assert_int_equal(end_handshake(&p.server), 0);
	pair_close(&p);
}

int main(void)
{
	static const int versions[] = {TLS_1_2, TLS_1_3};
	struct CMUnitTest tests[COUNT(each_version) * COUNT(versions) + 2] = {
		UNIT_CASE(test_record_length),
		UNIT_CASE(test_no_cipher_change_alone),
	};
	size_t n = 2;

	for (size_t v = 0; v < COUNT(versions); v++)
		for (size_t i = 0; i < COUNT(each_version); i++)
			tests[n++] = versioned_case(versions[v], each_version[i].name,
						    each_version[i].run, NULL);
	return cmocka_run_group_tests_name("engine: junk", tests, NULL, NULL);
}
