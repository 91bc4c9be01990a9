/* SPDX-License-Identifier: MIT */
/* Pre-shared keys in settings: found by identity, checked, and wiped. */
#include "psk.h"
#include "alloc.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <tlssock.h>

static struct settings *new_settings(void)
{
	struct settings *s = settings_new(IPPROTO_TLS);

	assert_non_null(s);
	return s;
}

static void tell(struct settings *s, enum setting_value which, const char *text)
{
	assert_int_equal(settings_tell(s, which, text, strlen(text)), 0);
}

static void tell_list(struct settings *s, const char *const names[], size_t n)
{
	struct psk_list list = {0};

	for (size_t i = 0; i < n; i++) {
		char secret[32];
		int len = snprintf(secret, sizeof(secret), "key of %s", names[i]);

		assert_int_equal(psk_list_key(&list, secret, (size_t)len), 0);
		assert_int_equal(psk_list_identity(&list, names[i], strlen(names[i])), 0);
	}
	assert_int_equal(list.halves, 2 * n);
	assert_int_equal(settings_tell(s, SETTING_PSK_LIST, list.data, list.len), 0);
	psk_list_fini(&list);
	assert_null(list.data);
}

static void assert_is(const struct psk *psk, const char *identity, const char *key)
{
	assert_int_equal(psk->identity_len, strlen(identity));
	assert_memory_equal(psk->identity, identity, strlen(identity));
	assert_int_equal(psk->key_len, strlen(key));
	assert_memory_equal(psk->key, key, strlen(key));
}

static void nothing_told(void **state)
{
	struct settings *s = new_settings();
	struct psk psk;

	(void)state;
	assert_false(psk_told(s));
	assert_false(psk_only(s));
	assert_true(psk_takes_certificate(s));
	assert_false(psk_first(s, &psk));
	assert_false(psk_find(s, "x", 1, &psk));
	assert_int_equal(psk_check(s, NULL, 0), 0);
	settings_put(s);
}

static void found(void **state)
{
	static const char *const names[] = {"a", "ab", "abc"};
	struct settings *s = new_settings(), *copy;
	struct psk psk;

	(void)state;
	tell_list(s, names, COUNT(names));
	assert_true(psk_first(s, &psk));
	assert_is(&psk, "a", "key of a");
	tell(s, SETTING_PSK, "secret");
	tell(s, SETTING_PSK_IDENTITY, "told");
	assert_true(psk_first(s, &psk));
	assert_is(&psk, "told", "secret");
	/* A copy, whose original goes. */
	copy = settings_ref(s);
	assert_int_equal(settings_own(&copy), 0);
	settings_put(s);
	assert_true(psk_find(copy, "told", 4, &psk));
	assert_is(&psk, "told", "secret");
	assert_true(psk_find(copy, "ab", 2, &psk));
	assert_is(&psk, "ab", "key of ab");
	assert_true(psk_find(copy, "abc", 3, &psk));
	assert_is(&psk, "abc", "key of abc");
	assert_false(psk_find(copy, "abcd", 4, &psk));
	assert_false(psk_find(copy, "b", 1, &psk));
	assert_false(psk_find(copy, "", 0, &psk));
	settings_put(copy);
}

/* What a client with a key may be shown, by what else it was told. */
static const struct beside {
	const char *title;
	bool ca, chain;
	int verify;
	bool only, takes;
} besides[] = {
	{"beside: nothing", false, false, UNSET, true, false},
	{"beside: nothing, required", false, false, TLS_PEER_VERIFY_REQUIRED, true, false},
	{"beside: trust", true, false, UNSET, false, true},
	{"beside: trust, optional", true, false, TLS_PEER_VERIFY_OPTIONAL, false, true},
	{"beside: trust, none", true, false, TLS_PEER_VERIFY_NONE, true, false},
	{"beside: a chain", false, true, UNSET, false, true},
	{"beside: a chain, none", false, true, TLS_PEER_VERIFY_NONE, false, false},
};

static void beside(void **state)
{
	const struct beside *row = *state;
	struct settings *s = new_settings();

	tell(s, SETTING_PSK, "secret");
	tell(s, SETTING_PSK_IDENTITY, "told");
	s->numbers[SETTING_PEER_VERIFY] = row->verify;
	if (row->ca)
		assert_int_equal(credential_spec_add(&s->spec, CREDENTIAL_CA, "x", 1), 0);
	if (row->chain)
		assert_int_equal(credential_spec_add(&s->spec, CREDENTIAL_CHAIN, "x", 1), 0);
	assert_int_equal(psk_only(s), row->only);
	assert_int_equal(psk_takes_certificate(s), row->takes);
	settings_put(s);
}

static void halves(void **state)
{
	static const enum setting_value which[] = {SETTING_PSK, SETTING_PSK_IDENTITY};
	char reason[128];
	struct psk psk;

	(void)state;
	for (size_t i = 0; i < COUNT(which); i++) {
		struct settings *s = new_settings();

		tell(s, which[i], "half");
		assert_true(psk_told(s));
		assert_false(psk_first(s, &psk));
		assert_int_equal(psk_check(s, reason, sizeof(reason)), -EINVAL);
		assert_non_null(strstr(reason, "belong together"));
		tell(s, which[!i], "other");
		assert_int_equal(psk_check(s, reason, sizeof(reason)), 0);
		settings_put(s);
	}
}

static void refused(void **state)
{
	static const char many[PSK_MAX_KEY + 1] = "x";
	struct psk_list list = {0};
	size_t len;

	(void)state;
	assert_int_equal(psk_list_key(&list, many, 0), -EINVAL);
	assert_int_equal(psk_list_key(&list, many, PSK_MAX_KEY + 1), -EINVAL);
	assert_int_equal(psk_list_identity(&list, "", 0), -EINVAL);
	assert_int_equal(psk_list_identity(&list, "", 1), -EINVAL);
	assert_int_equal(psk_list_identity(&list, "a\0b", 3), -EINVAL);
	assert_int_equal(psk_list_identity(&list, many, PSK_MAX_IDENTITY + 2), -EINVAL);
	assert_int_equal(list.halves, 0);
	len = 2;
	assert_int_equal(psk_check_identity("a", &len), 0);
	assert_int_equal(len, 1);
	assert_int_equal(psk_check_key(PSK_MAX_KEY), 0);
}

/* Without memory the list is as it was. */
static void no_memory(void **state)
{
	struct psk_list list = {0};

	(void)state;
	assert_int_equal(psk_list_key(&list, "key", 3), 0);
	alloc_start(1);
	assert_int_equal(psk_list_identity(&list, "identity", 8), -ENOMEM);
	alloc_stop();
	assert_int_equal(list.halves, 1);
	assert_int_equal(psk_list_identity(&list, "identity", 8), 0);
	assert_int_equal(list.halves, 2);
	psk_list_fini(&list);
}

int main(void)
{
	struct CMUnitTest tests[5 + COUNT(besides)] = {
		UNIT_CASE(nothing_told), UNIT_CASE(found),     UNIT_CASE(halves),
		UNIT_CASE(refused),	 UNIT_CASE(no_memory),
	};

	for (size_t i = 0; i < COUNT(besides); i++)
		tests[5 + i] = UNIT_ROW(besides[i].title, beside, besides[i]);
	return cmocka_run_group_tests_name("psk", tests, NULL, NULL);
}
