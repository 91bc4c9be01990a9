/* SPDX-License-Identifier: MIT */
/* Settings of sockets that were told the same: one copy. */
#include "settingsshare.h"
#include "alloc.h"
#include "unit.h"

#include <string.h>
#include <tlssock.h>

enum { SPECIAL = 4, MANY = 20 };

static struct settings *told(int timeout)
{
	struct settings *s = settings_new(IPPROTO_TLS);

	assert_int_equal(settings_tell(s, SETTING_HOSTNAME, "name.example", 12), 0);
	assert_int_equal(settings_tell(s, SETTING_PSK, "secret", 6), 0);
	assert_int_equal(credential_spec_add(&s->spec, CREDENTIAL_CA, "/a", 2), 0);
	s->numbers[SETTING_HANDSHAKE_TIMEOUT] = timeout;
	return s;
}

static struct settings *shared(int timeout)
{
	struct settings *s = told(timeout);

	settingsshare(&s);
	return s;
}

static void test_same(void **state)
{
	struct settings *a = told(1), *b = told(1), *own = a;
	long live = alloc_live();

	(void)state;
	settingsshare(&a);
	settingsshare(&a);
	settingsshare(&b);
	assert_ptr_equal(a, own);
	assert_ptr_equal(b, own);
	assert_true(alloc_live() <= live - 5);
	settings_put(a);
	assert_string_equal(settings_text(b, SETTING_HOSTNAME), "name.example");
	settings_put(b);
	/* Nobody has it: what follows is not found in freed memory. */
	b = shared(1);
	settings_put(b);
}

/* One of them is told something else. */
static void test_changed(void **state)
{
	struct settings *a = shared(1), *b = shared(1), *c;

	(void)state;
	assert_int_equal(settings_own(&b), 0);
	assert_ptr_not_equal(a, b);
	b->numbers[SETTING_HANDSHAKE_TIMEOUT] = 2;
	assert_int_equal(a->numbers[SETTING_HANDSHAKE_TIMEOUT], 1);
	/* What nobody else has is to be changed in its place, and is not found any more. */
	assert_int_equal(settings_own(&a), 0);
	c = shared(1);
	assert_ptr_not_equal(c, a);
	assert_int_equal(settings_tell(a, SETTING_PSK, "other!", 6), 0);
	assert_string_equal(settings_text(c, SETTING_PSK), "secret");
	settings_put(a);
	settings_put(b);
	settings_put(c);
}

/* Each difference counts. */
static void test_different(void **state)
{
	struct settings *all[SPECIAL + 2 * SETTING_VALUES + SETTING_NUMBERS];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++)
		all[i] = told(1);
	for (int i = 0; i < SETTING_NUMBERS; i++)
		all[n++]->numbers[i] = 5;
	for (int i = 0; i < SETTING_VALUES; i++) {
		settings_tell(all[n++], (enum setting_value)i, "y", 1);
		settings_tell(all[n++], (enum setting_value)i, NULL, 0);
	}
	all[n++]->protocol = IPPROTO_TLS_1_2;
	all[n++]->zephyr = true;
	credential_spec_add(&all[n++]->spec, CREDENTIAL_CRL, "/a", 2);
	settings_tell(all[n++], SETTING_PSK, "secreT", 6);
	assert_int_equal(n, COUNT(all));
	for (size_t i = 0; i < n; i++) {
		struct settings *usual = shared(1), *was = all[i];

		settingsshare(&all[i]);
		assert_ptr_equal(all[i], was);
		settings_put(usual);
	}
	for (size_t i = 0; i < n; i++)
		settings_put(all[i]);
}

/* More than can be found: those that cannot stay as they are. */
static void test_many(void **state)
{
	struct settings *all[MANY], *again;

	(void)state;
	for (int i = 0; i < MANY; i++)
		all[i] = shared(i);
	again = shared(MANY - 1);
	assert_ptr_equal(again, all[MANY - 1]);
	settings_put(again);
	again = shared(0);
	assert_ptr_not_equal(again, all[0]);
	settings_put(again);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(all[i]->numbers[SETTING_HANDSHAKE_TIMEOUT], i);
		settings_put(all[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_CASE(test_same),
		UNIT_CASE(test_changed),
		UNIT_CASE(test_different),
		UNIT_CASE(test_many),
	};

	return cmocka_run_group_tests_name("settingsshare", tests, NULL, NULL);
}
