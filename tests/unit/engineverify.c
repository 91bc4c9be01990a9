/* SPDX-License-Identifier: MIT */
/* The program's word on a peer, and pinned keys, where memory is short too. */
#include "alloc.h"
#include "pair.h"
#include "pins.h"
#include "unit.h"

#include <errno.h>
#include <string.h>

static int calls;

static int allow(void *ctx, struct tls_cert *cert, int depth, uint32_t *flags)
{
	calls++;
	*flags = 0;
	return ctx || depth || !cert->raw.len;
}

/* The wire's own memory does not count. */
static size_t carry(struct end *from, struct end *to)
{
	size_t n;

	alloc_pause(true);
	n = pair_move(from, to, 0);
	alloc_pause(false);
	return n;
}

/* Until nothing moves any more. */
static void drive(struct pair *p)
{
	size_t moved;

	do {
		if (p->client_result == -EAGAIN)
			p->client_result = end_handshake(&p->client);
		moved = carry(&p->client, &p->server);
		if (p->server_result == -EAGAIN)
			p->server_result = end_handshake(&p->server);
		moved += carry(&p->server, &p->client);
	} while (moved);
}

static void open_asked(struct pair *p, int version)
{
	struct end_options client = end_client(version), server = end_server(version);
	union {
		int (*function)(void *, struct tls_cert *, int, uint32_t *);
		void *pointer;
	} cb = {allow};
	const struct tls_cert_verify_cb callback = {cb.pointer, NULL};

	server.identity = "unknown-root";
	*p = (struct pair){.client_result = -EAGAIN, .server_result = -EAGAIN};
	end_open(&p->client, &client);
	end_open(&p->server, &server);
	assert_int_equal(settings_tell(p->client.engine->settings, SETTING_VERIFY_CALLBACK,
				       &callback, sizeof(callback)),
			 0);
	calls = 0;
}

/* The session waits for the verdict, and only one may fetch it. */
static void test_waits(void **state)
{
	int version = ((const struct versioned *)*state)->version;
	struct judgement *j;
	struct pair p;

	open_asked(&p, version);
	drive(&p);
	assert_int_equal(p.client_result, -EAGAIN);
	assert_int_equal(end_handshake(&p.client), -EAGAIN);
	j = engine_judgement(p.client.engine);
	assert_non_null(j);
	assert_true(judgement_take(j));
	assert_false(judgement_take(j));
	judgement_drop(j);
	assert_true(judgement_take(j));
	assert_int_equal(end_handshake(&p.client), -EAGAIN);
	assert_int_equal(calls, 0);
	judgement_run(j);
	assert_int_equal(calls, 1);
	assert_null(engine_judgement(p.client.engine));
	judgement_drop(j);
	assert_false(judgement_take(j));
	drive(&p);
	assert_int_equal(p.client_result, 0);
	assert_int_equal(p.server_result, 0);
	assert_int_equal(engine_verify_result(p.client.engine), 0);
	pair_close(&p);
}

/* Nobody is let in for want of memory, and nothing is left behind. */
static void test_no_memory(void **state)
{
	int version = ((const struct versioned *)*state)->version;
	unsigned long n = 1;
	long live = -1;
	bool again = true;

	for (unsigned long i = 1; again; i++) {
		struct judgement *j;
		struct pair p;

		open_asked(&p, version);
		alloc_start(i);
		drive(&p);
		j = engine_judgement(p.client.engine);
		if (j && judgement_take(j))
			judgement_run(j);
		drive(&p);
		n = alloc_stop();
		again = i <= n;
		assert_true(p.client_result != 0 || calls == 1);
		if (!again)
			assert_int_equal(p.client_result, 0);
		pair_close(&p);
		if (live >= 0)
			assert_true(alloc_live() <= live);
		live = alloc_live();
	}
	assert_true(n >= 3); /* the sentence, the question, the certificate */
}

static void test_pins(void **state)
{
	static const char hex[] =
		"00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF;"
		"sha256//ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=";
	uint8_t *pins = NULL;

	(void)state;
	alloc_start(1);
	assert_int_equal(pins_read(hex, strlen(hex), &pins), -ENOMEM);
	alloc_stop();
	assert_null(pins);
	assert_int_equal(pins_read(hex, sizeof(hex), &pins), 2);
	assert_memory_equal(pins, pins + PIN_SIZE, PIN_SIZE);
	assert_true(pins_have(pins, (size_t)2 * PIN_SIZE, pins + PIN_SIZE));
	assert_false(pins_have(pins, PIN_SIZE, pins + 1));
	assert_false(pins_have(pins, 0, pins));
	free(pins);
	/* Every beginning of it is refused, but for the whole first one. */
	for (size_t n = 0; n < strlen(hex); n++)
		if (n != PIN_SIZE && n != (size_t)2 * PIN_SIZE)
			assert_int_equal(pins_read(hex, n, &pins), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		versioned_case(TLS_1_2, "the session waits for the verdict", test_waits, NULL),
		versioned_case(TLS_1_3, "the session waits for the verdict", test_waits, NULL),
		versioned_case(TLS_1_2, "without memory nobody passes", test_no_memory, NULL),
		versioned_case(TLS_1_3, "without memory nobody passes", test_no_memory, NULL),
		UNIT_CASE(test_pins),
	};

	return cmocka_run_group_tests_name("engineverify", tests, NULL, NULL);
}
