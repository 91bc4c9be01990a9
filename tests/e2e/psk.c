/* SPDX-License-Identifier: MIT */
/* Pre-shared keys: by options and by tags, good and wrong ones. */
#include "pskends.h"
#include "trace.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Weak: the preloaded program is not linked with the library, and finds them all the same. */
#pragma weak tls_credential_add
#pragma weak tls_credential_delete

static void by_options(void **state)
{
	static const int protocols[] = {IPPROTO_TLS, IPPROTO_TLS_1_2};
	struct psk_ends ends;

	(void)state;
	for (size_t i = 0; i < COUNT(protocols); i++) {
		psk_ends_open(&ends, psk_socket(protocols[i], "me", psk_key),
			      psk_socket(protocols[i], "me", psk_key));
		psk_agreed(&ends, "me");
		assert_fails(psk_set(ends.client, TLS_PSK, psk_key, 16), EISCONN);
		assert_fails(psk_set(ends.server, TLS_PSK_IDENTITY, "you", 3), EISCONN);
		psk_ends_close(&ends);
	}
}

/* Any byte, and as many as there may be; an identity told with its NUL. */
static void any_key(void **state)
{
	static const char identity[] =
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789a"
		"bcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456"
		"789abcdef";
	static const size_t lengths[] = {1, 48, 64, 65, 255, 256, 512};
	char secret[512];
	struct psk_ends ends;

	(void)state;
	assert_int_equal(strlen(identity), 128);
	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (char)(i * 7);
	for (size_t i = 0; i < COUNT(lengths); i++) {
		int listener = psk_tls(IPPROTO_TLS), client = psk_tls(IPPROTO_TLS);

		psk_tell(listener, identity, secret, lengths[i]);
		assert_ok(psk_set(client, TLS_PSK, secret, lengths[i]));
		assert_ok(psk_set(client, TLS_PSK_IDENTITY, identity, sizeof(identity)));
		assert_string_equal(tls_get_text(client, TLS_PSK_IDENTITY), identity);
		psk_ends_open(&ends, listener, client);
		psk_agreed(&ends, identity);
		psk_ends_close(&ends);
	}
}

static void told_anew(void **state)
{
	int listener = psk_socket(IPPROTO_TLS, "me", "another"), client = psk_tls(IPPROTO_TLS);
	struct psk_ends ends;

	(void)state;
	psk_tell(client, "you", "another", 7);
	psk_tell(client, "me", psk_key, strlen(psk_key));
	psk_tell(listener, "me", psk_key, strlen(psk_key));
	psk_ends_open(&ends, listener, client);
	psk_agreed(&ends, "me");
	psk_ends_close(&ends);
}

static void wrong(void **state)
{
	static const struct {
		const char *identity, *secret;
		int protocol, error;
		const char *server;
	} rows[] = {
		{"me", "sixteen bytes oF", IPPROTO_TLS, EPROTO, "the same at both ends?"},
		{"Me", "sixteen bytes of", IPPROTO_TLS, EPROTO, "none of those"},
		{"me", "sixteen bytes oF", IPPROTO_TLS_1_2, ECONNABORTED, "the same at both ends?"},
		{"m", "sixteen bytes of", IPPROTO_TLS_1_2, ECONNABORTED, "none of those"},
	};
	struct psk_ends ends;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		psk_ends_open(&ends, psk_socket(rows[i].protocol, "me", psk_key),
			      psk_socket(rows[i].protocol, rows[i].identity, rows[i].secret));
		psk_refused(&ends, rows[i].error, "the same at both ends?", rows[i].server);
		psk_ends_close(&ends);
	}
}

static void unusable(void **state)
{
	static const char many[513];
	int fd = psk_tls(IPPROTO_TLS);

	(void)state;
	assert_fails(psk_set(fd, TLS_PSK, "", 0), EINVAL);
	assert_fails(psk_set(fd, TLS_PSK, NULL, 0), EINVAL);
	assert_fails(psk_set(fd, TLS_PSK, NULL, 1), EFAULT);
	assert_fails(psk_set(fd, TLS_PSK, many, 513), EINVAL);
	assert_non_null(strstr(tls_get_text(fd, TLS_ERROR), "1 to 512 bytes"));
	assert_fails(psk_set(fd, TLS_PSK_IDENTITY, "", 0), EINVAL);
	assert_fails(psk_set(fd, TLS_PSK_IDENTITY, "", 1), EINVAL);
	assert_fails(psk_set(fd, TLS_PSK_IDENTITY, "a\0b", 3), EINVAL);
	assert_fails(psk_set(fd, TLS_PSK_IDENTITY, many + 1, 129), EINVAL);
	assert_non_null(strstr(tls_get_text(fd, TLS_ERROR), "1 to 128 bytes"));
	assert_fails(psk_no_text(fd, TLS_PSK_IDENTITY), ENOTCONN);
	assert_fails(psk_no_text(fd, TLS_PSK), ENOPROTOOPT);
	assert_ok(close(fd));
}

static void halves(void **state)
{
	static const struct {
		int option;
		const char *missing;
	} rows[] = {{TLS_PSK, "TLS_PSK_IDENTITY"}, {TLS_PSK_IDENTITY, "TLS_PSK too"}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int fd = psk_tls(IPPROTO_TLS);

		assert_ok(psk_set(fd, rows[i].option, "half", 4));
		assert_fails(listen(fd, 1), EINVAL);
		assert_non_null(strstr(tls_get_text(fd, TLS_ERROR), rows[i].missing));
		assert_fails(tls_connect(fd, AF_INET, 9), EINVAL);
		assert_non_null(strstr(tls_get_text(fd, TLS_ERROR), rows[i].missing));
		assert_ok(close(fd));
	}
}

static void add(sec_tag_t tag, enum tls_credential_type type, const char *text)
{
	assert_int_equal(tls_credential_add(tag, type, text, strlen(text)), 0);
}

static void drop(sec_tag_t tag)
{
	for (int type = TLS_CREDENTIAL_CA_CERTIFICATE; type <= TLS_CREDENTIAL_PSK_ID; type++)
		tls_credential_delete(tag, (enum tls_credential_type)type);
}

static int tagged(const sec_tag_t *tags, size_t n)
{
	int fd = psk_tls(IPPROTO_TLS_1_2);

	assert_ok(psk_set(fd, TLS_SEC_TAG_LIST, tags, n * sizeof(*tags)));
	return fd;
}

static void by_tags(void **state)
{
	static const sec_tag_t tags[] = {31, 32, 33};
	static const char *const names[] = {"one", "another", "third"};
	struct psk_ends ends;

	(void)state;
	for (size_t i = 0; i < COUNT(tags); i++) {
		char secret[32];

		snprintf(secret, sizeof(secret), "the secret of %s", names[i]);
		add(tags[i], TLS_CREDENTIAL_PSK, secret);
		add(tags[i], TLS_CREDENTIAL_PSK_ID, names[i]);
	}
	for (size_t i = 0; i < COUNT(tags); i++) {
		int client = tagged(tags + i, COUNT(tags) - i);

		assert_string_equal(tls_get_text(client, TLS_PSK_IDENTITY), names[i]);
		psk_ends_open(&ends, tagged(tags, COUNT(tags)), client);
		psk_agreed(&ends, names[i]);
		psk_ends_close(&ends);
	}
	/* One by options comes beside them, on a client before them. */
	for (int i = 0; i < 2; i++) {
		int listener = tagged(tags, 2), client = tagged(tags, 1);

		psk_tell(listener, "by option", psk_key, strlen(psk_key));
		if (i)
			psk_tell(client, "by option", psk_key, strlen(psk_key));
		psk_ends_open(&ends, listener, client);
		psk_agreed(&ends, i ? "by option" : "one");
		psk_ends_close(&ends);
	}
	for (size_t i = 0; i < COUNT(tags); i++)
		drop(tags[i]);
}

/* A list takes the place of what was told before, its keys too; a copy of them is kept. */
static void tags_replace(void **state)
{
	static const sec_tag_t tag = 34;
	int listener = psk_tls(IPPROTO_TLS), client = psk_socket(IPPROTO_TLS, "me", psk_key);
	struct psk_ends ends;

	(void)state;
	add(tag, TLS_CREDENTIAL_PSK, "the secret");
	add(tag, TLS_CREDENTIAL_PSK_ID, "tagged");
	psk_tell(listener, "me", psk_key, strlen(psk_key));
	assert_ok(psk_set(listener, TLS_SEC_TAG_LIST, &tag, sizeof(tag)));
	assert_string_equal(tls_get_text(listener, TLS_PSK_IDENTITY), "tagged");
	drop(tag);
	psk_ends_open(&ends, listener, client);
	psk_refused(&ends, EPROTO, "the same at both ends?", "none of those");
	psk_ends_close(&ends);
}

static void unusable_tags(void **state)
{
	static const sec_tag_t tag = 35;
	char many[600];
	const struct {
		size_t key, identity;
	} rows[] = {{8, 0}, {0, 8}, {513, 8}, {8, 129}, {8, 600}};

	(void)state;
	memset(many, 'x', sizeof(many));
	for (size_t i = 0; i < COUNT(rows); i++) {
		int fd = psk_socket(IPPROTO_TLS_1_2, "me", psk_key);

		if (rows[i].key)
			tls_credential_add(tag, TLS_CREDENTIAL_PSK, many, rows[i].key);
		if (rows[i].identity)
			tls_credential_add(tag, TLS_CREDENTIAL_PSK_ID, many, rows[i].identity);
		assert_fails(psk_set(fd, TLS_SEC_TAG_LIST, &tag, sizeof(tag)), EINVAL);
		assert_non_null(strstr(tls_get_text(fd, TLS_ERROR), "pre-shared key"));
		/* All is as it was. */
		assert_string_equal(tls_get_text(fd, TLS_PSK_IDENTITY), "me");
		assert_ok(close(fd));
		drop(tag);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(by_options), CASE(any_key),      CASE(told_anew),
		CASE(wrong),	  CASE(unusable),     CASE(halves),
		CASE(by_tags),	  CASE(tags_replace), CASE(unusable_tags),
	};

	return compare_main("psk", NULL, 0, tests, COUNT(tests));
}
