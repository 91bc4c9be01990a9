/* SPDX-License-Identifier: MIT */
/* What clients may resume: found by all of the digest, bounded, for a time, some once. */
#include "sessioncache.h"

#include "alloc.h"
#include "unit.h"

#include <string.h>

static const uint8_t *digest_of(int n)
{
	static uint8_t ring[4][SESSION_DIGEST];
	static size_t next;
	uint8_t *digest = ring[next++ % COUNT(ring)];

	memset(digest, 'd', SESSION_DIGEST);
	memcpy(digest + SESSION_DIGEST - sizeof(n), &n, sizeof(n));
	return digest;
}

static void put(int n, const char *text, bool once, int64_t expires_s)
{
	const struct session s = {.data = (void *)(uintptr_t)text,
				  .len = strlen(text) + 1,
				  .once = once,
				  .verified = once,
				  .expires_s = expires_s,
				  .purges = sessioncache_purges()};

	sessioncache_put(digest_of(n), &s);
}

/* "" if there is none. */
static const char *taken(int n, int64_t now_s)
{
	static char text[32];
	struct session s = {0};

	text[0] = '\0';
	if (sessioncache_take(digest_of(n), now_s, &s))
		memcpy(text, s.data, s.len);
	session_fini(&s);
	return text;
}

static void test_every_byte_of_the_digest(void **state)
{
	struct session s = {0};
	uint8_t digest[SESSION_DIGEST];

	(void)state;
	put(1, "one", false, 10);
	for (size_t i = 0; i < SESSION_DIGEST; i++) {
		memcpy(digest, digest_of(1), sizeof(digest));
		digest[i] ^= 1;
		assert_false(sessioncache_take(digest, 0, &s));
	}
	assert_string_equal(taken(1, 0), "one");
	sessioncache_purge();
}

/* What a connection of before brings after it is as old as the rest. */
static void test_late(void **state)
{
	const unsigned int before = sessioncache_purges();
	struct session late = {.data = (void *)(uintptr_t) "late", .len = 5, .expires_s = 10};

	(void)state;
	put(1, "one", true, 10);
	sessioncache_purge();
	assert_string_equal(taken(1, 0), "");
	late.purges = before;
	sessioncache_put(digest_of(1), &late);
	assert_string_equal(taken(1, 0), "");
	late.purges = sessioncache_purges();
	sessioncache_put(digest_of(1), &late);
	assert_string_equal(taken(1, 0), "late");
	sessioncache_purge();
}

static void test_once_and_again(void **state)
{
	struct session s = {0};

	(void)state;
	put(1, "ticket", true, 10);
	put(2, "session", false, 10);
	assert_true(sessioncache_take(digest_of(1), 0, &s));
	assert_true(s.verified && s.once);
	session_fini(&s);
	assert_null(s.data);
	assert_string_equal(taken(1, 0), "");
	assert_string_equal(taken(2, 0), "session");
	assert_string_equal(taken(2, 0), "session");
	put(2, "newer", false, 10);
	assert_string_equal(taken(2, 0), "newer");
	sessioncache_drop(digest_of(2));
	assert_string_equal(taken(2, 0), "");
	sessioncache_purge();
}

static void test_tickets_newest_first_and_bounded(void **state)
{
	char text[8] = "ticket0";

	(void)state;
	for (text[6] = '0'; text[6] < '0' + SESSIONS_PER_DIGEST + 2; text[6]++)
		put(1, text, true, 10);
	while (text[6]-- > '2')
		assert_string_equal(taken(1, 0), text);
	assert_string_equal(taken(1, 0), "");
}

static void test_time(void **state)
{
	(void)state;
	put(1, "short", false, 10);
	assert_string_equal(taken(1, 9), "short");
	assert_string_equal(taken(1, 10), "");
	assert_string_equal(taken(1, 9), ""); /* it is gone */
}

static void test_least_recently_used(void **state)
{
	(void)state;
	for (int i = 0; i < SESSIONS_MOST; i++)
		put(i, "s", false, 10);
	assert_string_equal(taken(0, 0), "s");
	put(SESSIONS_MOST, "s", false, 10);
	assert_string_equal(taken(1, 0), "");
	assert_string_equal(taken(0, 0), "s");
	for (int i = 2; i <= SESSIONS_MOST; i++)
		assert_string_equal(taken(i, 0), "s");
	sessioncache_purge();
	for (int i = 0; i <= SESSIONS_MOST; i++)
		assert_string_equal(taken(i, 0), "");
}

static void test_no_memory(void **state)
{
	struct session s = {0};

	(void)state;
	put(1, "old", false, 10);
	alloc_start(1);
	put(1, "new", false, 10);
	assert_int_equal(alloc_stop(), 1);
	assert_string_equal(taken(1, 0), "old");
	alloc_start(1);
	assert_false(sessioncache_take(digest_of(1), 0, &s));
	assert_int_equal(alloc_stop(), 1);
	assert_string_equal(taken(1, 0), "old");
	sessioncache_purge();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_CASE(test_every_byte_of_the_digest),
		UNIT_CASE(test_once_and_again),
		UNIT_CASE(test_late),
		UNIT_CASE(test_tickets_newest_first_and_bounded),
		UNIT_CASE(test_time),
		UNIT_CASE(test_least_recently_used),
		UNIT_CASE(test_no_memory),
	};

	return cmocka_run_group_tests_name("sessioncache", tests, NULL, NULL);
}
