/* SPDX-License-Identifier: MIT */
/* Which clients a server can ask for a certificate later, and what it keeps for that. */
#include "pair.h"
#include "unit.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>

enum { HELLO_PART = 100, SESSIONS = 64 };

static const struct row {
	const char *title;
	const char *identity; /* the client's */
	bool parts;	      /* its hello comes in two records */
} rows[] = {
	{"a client without a certificate", NULL, false},
	{"the same, its hello in two records", NULL, true},
	{"a client with a certificate", "client", false},
	{"the same, its hello in two records", "client", true},
};

static void put_header(uint8_t *record, const uint8_t *like, size_t n)
{
	memcpy(record, like, 3);
	record[3] = (uint8_t)(n >> 8);
	record[4] = (uint8_t)n;
}

/* Makes two records of the one that the client has sealed (RFC 8446, 5.1). */
static void move_in_parts(struct pair *p)
{
	struct buffer *out = engine_output(p->client.engine);
	const uint8_t *hello = buffer_head(out);
	size_t n = out->len - ENGINE_HEADER;
	uint8_t header[ENGINE_HEADER];

	put_header(header, hello, HELLO_PART);
	end_arrive(&p->server, header, sizeof(header));
	end_arrive(&p->server, hello + ENGINE_HEADER, HELLO_PART);
	assert_int_equal(end_handshake(&p->server), -EAGAIN);
	put_header(header, hello, n - HELLO_PART);
	end_arrive(&p->server, header, sizeof(header));
	end_arrive(&p->server, hello + ENGINE_HEADER + HELLO_PART, n - HELLO_PART);
	buffer_consume(out, out->len);
}

static void meet(struct pair *p, const struct row *row)
{
	struct end_options client = end_client(TLS_1_3), server = end_server(TLS_1_3);

	client.identity = row->identity;
	server.ca = "ca.pem";
	server.verify = TLS_PEER_VERIFY_NONE;
	pair_new(p, &client, &server, 0);
	/* Shared priorities, also where the session is not made anew. */
	gnutls_priority_set(p->server.engine->session, priority_gnutls(p->server.engine->priority));
	/* Nothing has come: who it is cannot be known yet. */
	assert_int_equal(end_handshake(&p->server), -EAGAIN);
	assert_int_equal(end_handshake(&p->client), -EAGAIN);
	if (row->parts)
		move_in_parts(p);
	else
		pair_move(&p->client, &p->server, 0);
	assert_int_equal(end_handshake(&p->server), -EAGAIN);
	pair_drive(p);
	assert_int_equal(p->client_result, 0);
	assert_int_equal(p->server_result, 0);
}

static void test_asked(void **state)
{
	const struct row *row = *state;
	void *data = NULL;
	struct pair p;
	size_t len;

	meet(&p, row);
	if (!row->identity) {
		assert_int_equal(engine_request_auth(p.server.engine), -EOPNOTSUPP);
	} else {
		assert_int_equal(engine_request_auth(p.server.engine), 0);
		pair_move(&p.server, &p.client, 0);
		assert_int_equal(end_receive(&p.client), -EAGAIN);
		pair_move(&p.client, &p.server, 0);
		assert_int_equal(end_receive(&p.server), -EAGAIN);
		assert_int_equal(engine_peer_certificate(p.server.engine, &data, &len), 0);
		free(data);
	}
	pair_close(&p);
}

/* Of so many that what malloc keeps for the next does not count. */
static size_t heap_of(const struct row *row)
{
	static struct pair pairs[SESSIONS];
	size_t before = mallinfo2().uordblks, used;

	for (int i = 0; i < SESSIONS; i++) {
		meet(&pairs[i], row);
		end_close(&pairs[i].client);
	}
	used = mallinfo2().uordblks - before;
	for (int i = 0; i < SESSIONS; i++)
		end_close(&pairs[i].server);
	return used / SESSIONS;
}

/* GnuTLS keeps the messages of the handshake, more than a kilobyte. */
static void test_keeps_no_messages(void **state)
{
	size_t asked, not_asked;

	(void)state;
	not_asked = heap_of(&rows[0]);
	asked = heap_of(&rows[2]);
	/* A sanitizer's malloc counts nothing. */
	if (asked)
		assert_true(not_asked + 1024 < asked);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + 1];

	for (size_t i = 0; i < COUNT(rows); i++)
		tests[i] = UNIT_ROW(rows[i].title, test_asked, rows[i]);
	tests[COUNT(rows)] = (struct CMUnitTest)UNIT_CASE(test_keeps_no_messages);
	return cmocka_run_group_tests_name("enginereauth", tests, NULL, NULL);
}
