/* SPDX-License-Identifier: MIT */
/* What a socket was told: copies, defaults by role, the environment. */
#include "settings.h"
#include "alloc.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <tlssock.h>

static const struct {
	int protocol, version;
	bool zephyr;
} protocols[] = {
	{IPPROTO_TLS, TLS_1_2, false},	  {IPPROTO_TLS_1_0, TLS_1_2, true},
	{IPPROTO_TLS_1_1, TLS_1_2, true}, {IPPROTO_TLS_1_2, TLS_1_2, true},
	{IPPROTO_TLS_1_3, TLS_1_3, true},
};

static void test_protocols(void **state)
{
	int known = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(protocols); i++) {
		struct settings *s = settings_new(protocols[i].protocol);

		assert_int_equal(settings_min_version(s->protocol), protocols[i].version);
		assert_int_equal(s->zephyr, protocols[i].zephyr);
		settings_put(s);
	}
	for (int protocol = -1; protocol < 1000; protocol++)
		known += settings_min_version(protocol) >= 0;
	assert_int_equal(known, COUNT(protocols));
}

static void set_texts(struct settings *s)
{
	static const int tags[] = {1, 2};

	assert_int_equal(settings_tell(s, SETTING_HOSTNAME, "name.example", 12), 0);
	assert_int_equal(settings_tell(s, SETTING_ALPN, "h2,http/1.1", 11), 0);
	assert_int_equal(settings_tell(s, SETTING_TAGS, tags, sizeof(tags)), 0);
	s->numbers[SETTING_HANDSHAKE_TIMEOUT] = 77;
	assert_int_equal(credential_spec_add(&s->spec, CREDENTIAL_CA, "/a", 2), 0);
	assert_int_equal(credential_spec_add_content(&s->spec, CREDENTIAL_KEY, "\x30\x00", 2), 0);
}

static void assert_texts(const struct settings *s)
{
	const struct setting *tags = &s->values[SETTING_TAGS];

	assert_string_equal(settings_text(s, SETTING_HOSTNAME), "name.example");
	assert_string_equal(settings_text(s, SETTING_ALPN), "h2,http/1.1");
	assert_int_equal(tags->len, 2 * sizeof(int));
	assert_int_equal(((const int *)tags->data)[1], 2);
	assert_int_equal(settings_timeout(s), 77);
	assert_int_equal(s->spec.count, 2);
	assert_string_equal(credential_spec_last(&s->spec, CREDENTIAL_CA), "/a");
	assert_int_equal(s->spec.items[1].kind, CREDENTIAL_DER);
}

static void test_copied_when_shared(void **state)
{
	struct settings *s = settings_new(IPPROTO_TLS), *alone = s, *shared;
	long live = alloc_live();

	(void)state;
	set_texts(s);
	assert_int_equal(settings_own(&alone), 0);
	assert_ptr_equal(alone, s);
	shared = settings_ref(s);
	assert_ptr_equal(shared, s);
	assert_int_equal(settings_own(&shared), 0);
	assert_ptr_not_equal(shared, s);
	assert_texts(shared);
	assert_true(credential_spec_equal(&shared->spec, &s->spec));
	assert_ptr_not_equal(settings_text(shared, SETTING_HOSTNAME),
			     settings_text(s, SETTING_HOSTNAME));
	assert_int_equal(settings_tell(shared, SETTING_ALPN, "x", 1), 0);
	assert_int_equal(settings_tell(shared, SETTING_HOSTNAME, NULL, 0), 0);
	assert_true(shared->values[SETTING_HOSTNAME].told);
	assert_null(settings_text(shared, SETTING_HOSTNAME));
	shared->numbers[SETTING_HANDSHAKE_TIMEOUT] = 1;
	assert_texts(s);
	settings_put(shared);
	assert_int_equal(settings_own(&s), 0);
	assert_texts(s);
	settings_put(s);
	assert_int_equal(alloc_live(), live - 1);
	settings_put(NULL);
}

static void test_no_memory_to_copy(void **state)
{
	struct settings *s = settings_new(IPPROTO_TLS), *shared;
	unsigned long at = 1, count;
	int r;

	(void)state;
	set_texts(s);
	do {
		long live = alloc_live();

		shared = settings_ref(s);
		alloc_start(at++);
		r = settings_own(&shared);
		count = alloc_stop();
		if (r < 0) {
			assert_int_equal(r, -ENOMEM);
			assert_ptr_equal(shared, s);
			assert_int_equal(alloc_live(), live);
		}
		settings_put(shared);
	} while (r < 0);
	assert_true(count >= 7 && at > count);
	assert_texts(s);
	settings_put(s);
}

static void test_role_defaults(void **state)
{
	struct settings *tls = settings_new(IPPROTO_TLS), *zephyr = settings_new(IPPROTO_TLS_1_2);

	(void)state;
	assert_int_equal(settings_peer_verify(tls, false), TLS_PEER_VERIFY_REQUIRED);
	assert_int_equal(settings_peer_verify(tls, true), TLS_PEER_VERIFY_NONE);
	assert_int_equal(settings_handshake_mode(tls, false), TLS_HANDSHAKE_INLINE);
	assert_int_equal(settings_handshake_mode(tls, true), TLS_HANDSHAKE_DEFERRED);
	assert_int_equal(settings_handshake_mode(zephyr, false), TLS_HANDSHAKE_INLINE);
	assert_int_equal(settings_handshake_mode(zephyr, true), TLS_HANDSHAKE_INLINE);
	assert_int_equal(settings_timeout(tls), 30000);
	assert_int_equal(credential_spec_add(&tls->spec, CREDENTIAL_CA, "/a", 2), 0);
	assert_int_equal(settings_peer_verify(tls, true), TLS_PEER_VERIFY_REQUIRED);
	for (int value = 0; value <= TLS_PEER_VERIFY_REQUIRED; value++) {
		tls->numbers[SETTING_PEER_VERIFY] = value;
		assert_int_equal(settings_peer_verify(tls, false), value);
		assert_int_equal(settings_peer_verify(tls, true), value);
	}
	for (int value = 0; value <= TLS_HANDSHAKE_DEFERRED; value++) {
		zephyr->numbers[SETTING_HANDSHAKE_MODE] = value;
		assert_int_equal(settings_handshake_mode(zephyr, false), value);
		assert_int_equal(settings_handshake_mode(zephyr, true), value);
	}
	settings_put(tls);
	settings_put(zephyr);
}

static struct {
	const char *cert, *key, *ca, *handshake, *passphrase;
} env;

static const char *fake_environment(const char *name)
{
	if (strcmp(name, "TLSSOCK_CERT") == 0)
		return env.cert;
	if (strcmp(name, "TLSSOCK_KEY") == 0)
		return env.key;
	if (strcmp(name, "TLSSOCK_CA") == 0)
		return env.ca;
	if (strcmp(name, "TLSSOCK_KEY_PASSPHRASE_FILE") == 0)
		return env.passphrase;
	return strcmp(name, "TLSSOCK_HANDSHAKE") == 0 ? env.handshake : NULL;
}

static int credentials(bool server, bool *identity)
{
	struct settings *s = settings_new(IPPROTO_TLS);
	struct credentials *c = NULL;
	char reason[512] = "";
	int r = settings_credentials(s, server, &c, reason, sizeof(reason));

	*identity = credentials_have_identity(c);
	credentials_put(c);
	settings_put(s);
	return r;
}

static void test_environment_credentials(void **state)
{
	char both[512];
	bool identity;

	(void)state;
	env.ca = "/nonexistent/ca.pem";
	settings_environment(fake_environment);
	assert_int_equal(credentials(false, &identity), -ENOENT);
	/* A server that verifies nobody needs no authorities. */
	assert_int_equal(credentials(true, &identity), 0);
	assert_false(identity);
	env.ca = zoo("ca.pem");
	snprintf(both, sizeof(both), "%s", zoo("good.pem"));
	env.cert = both;
	env.key = zoo("good.key");
	settings_environment(fake_environment);
	/* As a program does that sets its title. */
	both[0] = 'x';
	assert_int_equal(credentials(true, &identity), 0);
	assert_true(identity);
	both[0] = '/';
	/* Without a key's file the certificate's holds both; this one does not. */
	env.key = NULL;
	settings_environment(fake_environment);
	assert_int_equal(credentials(true, &identity), -EINVAL);
	snprintf(both, sizeof(both), "%s", zoo("none.pem"));
	env.cert = both;
	settings_environment(fake_environment);
	assert_int_equal(credentials(true, &identity), -ENOENT);
	memset(&env, 0, sizeof(env));
	settings_environment(fake_environment);
	assert_int_equal(credentials(true, &identity), 0);
	assert_false(identity);
}

/* Of the environment's own key; one that the socket was told is not opened with it. */
static void test_environment_passphrase(void **state)
{
	struct settings *s = settings_new(IPPROTO_TLS);
	struct credentials *c = NULL;
	char reason[512] = "";
	bool identity;

	(void)state;
	env.cert = zoo("good.pem");
	env.key = zoo("good.pbes2.key");
	settings_environment(fake_environment);
	assert_int_equal(credentials(true, &identity), -EACCES);
	env.passphrase = zoo("wrong-passphrase");
	settings_environment(fake_environment);
	assert_int_equal(credentials(true, &identity), -EACCES);
	env.passphrase = zoo("passphrase");
	settings_environment(fake_environment);
	assert_int_equal(credentials(true, &identity), 0);
	assert_true(identity);
	credential_spec_add(&s->spec, CREDENTIAL_CHAIN, env.cert, strlen(env.cert));
	credential_spec_add(&s->spec, CREDENTIAL_KEY, env.key, strlen(env.key));
	assert_int_equal(settings_credentials(s, true, &c, reason, sizeof(reason)), -EACCES);
	settings_put(s);
	env.passphrase = "/none";
	settings_environment(fake_environment);
	assert_int_equal(credentials(true, &identity), -ENOENT);
	memset(&env, 0, sizeof(env));
	settings_environment(fake_environment);
}

/* What the socket was told comes before the environment. */
static void test_socket_before_environment(void **state)
{
	struct settings *s = settings_new(IPPROTO_TLS);
	struct credentials *c = NULL;
	const char *ca = zoo("ca.pem");
	char reason[512] = "";

	(void)state;
	env.ca = "/nonexistent/ca.pem";
	settings_environment(fake_environment);
	assert_int_equal(credential_spec_add(&s->spec, CREDENTIAL_CA, ca, strlen(ca)), 0);
	assert_int_equal(settings_credentials(s, false, &c, reason, sizeof(reason)), 0);
	assert_int_equal(s->spec.count, 1);
	credentials_put(c);
	settings_put(s);
	memset(&env, 0, sizeof(env));
	settings_environment(fake_environment);
}

/* The last one: there is no way back to "not told". */
static void test_environment_handshake(void **state)
{
	struct settings *s = settings_new(IPPROTO_TLS);

	(void)state;
	env.handshake = "sometimes";
	settings_environment(fake_environment);
	assert_int_equal(settings_handshake_mode(s, false), TLS_HANDSHAKE_INLINE);
	assert_int_equal(settings_handshake_mode(s, true), TLS_HANDSHAKE_DEFERRED);
	env.handshake = "deferred";
	settings_environment(fake_environment);
	assert_int_equal(settings_handshake_mode(s, false), TLS_HANDSHAKE_DEFERRED);
	env.handshake = "inline";
	settings_environment(fake_environment);
	assert_int_equal(settings_handshake_mode(s, true), TLS_HANDSHAKE_INLINE);
	s->numbers[SETTING_HANDSHAKE_MODE] = TLS_HANDSHAKE_DEFERRED;
	assert_int_equal(settings_handshake_mode(s, false), TLS_HANDSHAKE_DEFERRED);
	settings_put(s);
}

static void test_spec(void **state)
{
	struct credential_spec spec = {0}, copy = {0};

	(void)state;
	assert_int_equal(credential_spec_add(&spec, CREDENTIAL_CA, "", 0), -EINVAL);
	assert_false(credential_spec_has(&spec, CREDENTIAL_CA));
	assert_null(credential_spec_last(&spec, CREDENTIAL_CA));
	assert_int_equal(credential_spec_add(&spec, CREDENTIAL_CA, "/first", 6), 0);
	assert_int_equal(credential_spec_add(&spec, CREDENTIAL_CHAIN, "pkcs11:token=t", 14), 0);
	assert_int_equal(credential_spec_add(&spec, CREDENTIAL_CA, "/second", 7), 0);
	assert_string_equal(credential_spec_last(&spec, CREDENTIAL_CA), "/second");
	assert_int_equal(spec.items[0].kind, CREDENTIAL_PATH);
	assert_int_equal(spec.items[1].kind, CREDENTIAL_URL);
	assert_int_equal(credential_spec_copy(&copy, &spec), 0);
	assert_true(credential_spec_equal(&copy, &spec));
	credential_spec_drop(&copy, CREDENTIAL_CA);
	assert_int_equal(copy.count, 1);
	assert_false(credential_spec_equal(&copy, &spec));
	assert_false(credential_spec_has(&copy, CREDENTIAL_CA));
	assert_true(credential_spec_has(&copy, CREDENTIAL_CHAIN));
	credential_spec_fini(&spec);
	credential_spec_fini(&copy);
	assert_int_equal(spec.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_CASE(test_protocols),
		UNIT_CASE(test_copied_when_shared),
		UNIT_CASE(test_no_memory_to_copy),
		UNIT_CASE(test_role_defaults),
		UNIT_CASE(test_spec),
		UNIT_CASE(test_environment_credentials),
		UNIT_CASE(test_environment_passphrase),
		UNIT_CASE(test_socket_before_environment),
		UNIT_CASE(test_environment_handshake),
	};

	return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
