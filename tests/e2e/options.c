/* SPDX-License-Identifier: MIT */
/* The options of tlssock.h: what can be set and read, when, and each way of being wrong. */
#include "trace.h"
#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

enum kind { INT, LONG, TEXT, LIST, STRUCT, NOTHING };

/* When an option that can be read has something to say. */
enum when { NEVER, ALWAYS, ONCE_SET, CONNECTED, ELSEWHERE };

enum { NOT_IN_1_2 = -1 };

#define OPTION(name, kind, settable, late, readable)                                               \
	{                                                                                          \
#name, name, kind, settable, late, readable                                        \
	}

/* Every option: check-options compares it with the manual. */
static const struct option {
	const char *name;
	int number;
	enum kind kind;
	bool settable;
	int late; /* the error on a connected socket, where it is set to four zero bytes */
	enum when readable;
} options[] = {
	OPTION(TLS_SEC_TAG_LIST, LIST, true, EISCONN, ALWAYS),
	OPTION(TLS_DTLS_ROLE, INT, true, EISCONN, ALWAYS),
	OPTION(TLS_ROLE, INT, true, EISCONN, ALWAYS),
	OPTION(TLS_DTLS_HANDSHAKE_TIMEOUT_MIN, INT, true, EISCONN, ALWAYS),
	OPTION(TLS_DTLS_HANDSHAKE_TIMEOUT_MAX, INT, true, EISCONN, ALWAYS),
	OPTION(TLS_DTLS_HANDSHAKE_ON_CONNECT, INT, true, EISCONN, ALWAYS),
	OPTION(TLS_CERT_NOCOPY, INT, true, EISCONN, NEVER),
	OPTION(TLS_NATIVE, INT, true, EISCONN, NEVER),
	OPTION(TLS_DTLS_CID, INT, false, 0, NEVER),
	OPTION(TLS_HOSTNAME_ZEPHYR, TEXT, true, EISCONN, NEVER),
	OPTION(TLS_PEER_VERIFY, INT, true, EISCONN, ALWAYS),
	OPTION(TLS_CIPHERSUITE_LIST, LIST, true, EISCONN, ALWAYS),
	OPTION(TLS_CIPHERSUITE_USED, INT, false, 0, CONNECTED),
	OPTION(TLS_MAX_FRAGMENT_LENGTH, INT, true, EISCONN, ALWAYS),
	OPTION(TLS_DISABLE_CIPHER, TEXT, true, EISCONN, NEVER),
	OPTION(TLS_ENABLE_CIPHER, TEXT, true, EISCONN, NEVER),
	OPTION(TLS_TRUSTED_CIPHERS, TEXT, false, 0, ALWAYS),
	OPTION(TLS_VERSION_MIN, INT, true, EISCONN, ALWAYS),
	OPTION(TLS_VERSION_MAX, INT, true, EISCONN, ALWAYS),
	OPTION(TLS_PRIORITY, TEXT, true, EISCONN, ALWAYS),
	OPTION(TLS_GROUPS, TEXT, true, EISCONN, ALWAYS),
	OPTION(TLS_ALPN_LIST, LIST, true, EISCONN, ALWAYS),
	OPTION(TLS_HOSTNAME, TEXT, true, EISCONN, ONCE_SET),
	OPTION(TLS_TRUSTED_PEER_CERTIFICATES, TEXT, true, EISCONN, NEVER),
	OPTION(TLS_CERTIFICATE_CHAIN, TEXT, true, EISCONN, ONCE_SET),
	OPTION(TLS_PRIVATE_KEY, TEXT, true, EISCONN, NEVER),
	OPTION(TLS_ALPN, TEXT, true, EISCONN, ALWAYS),
	OPTION(TLS_PEER_IDENTITY, TEXT, false, 0, CONNECTED),
	OPTION(TLS_PEER_CERTIFICATE_CHAIN, TEXT, false, 0, CONNECTED),
	OPTION(TLS_CHOSEN_CIPHER, TEXT, false, 0, CONNECTED),
	OPTION(TLS_ERROR, TEXT, false, 0, ALWAYS),
	OPTION(TLS_CHOSEN_VERSION, INT, false, 0, CONNECTED),
	OPTION(TLS_PEER_CERTIFICATE, STRUCT, false, 0, CONNECTED),
	OPTION(TLS_INFO, STRUCT, false, 0, CONNECTED),
	OPTION(TLS_HANDSHAKE_MODE, INT, true, EISCONN, ALWAYS),
	OPTION(TLS_HANDSHAKE_TIMEOUT, INT, true, 0, ALWAYS),
	OPTION(TLS_ALLOW_TRUNCATION, INT, true, 0, ALWAYS),
	OPTION(TLS_DTLS_CID_STATUS, INT, false, 0, NEVER),
	OPTION(TLS_DTLS_CID_VALUE, STRUCT, false, 0, NEVER),
	OPTION(TLS_DTLS_PEER_CID_VALUE, STRUCT, false, 0, NEVER),
	OPTION(TLS_SESSION_CACHE, INT, true, EISCONN, ALWAYS),
	OPTION(TLS_SESSION_CACHE_PURGE, NOTHING, true, 0, NEVER),
	OPTION(TLS_CERT_VERIFY_RESULT, INT, false, 0, CONNECTED),
	OPTION(TLS_CERT_VERIFY_CALLBACK, STRUCT, true, EISCONN, NEVER),
	OPTION(TLS_SERVER_NAME, TEXT, false, 0, ELSEWHERE),
	OPTION(TLS_SESSION_TTL, LONG, true, EISCONN, ALWAYS),
	OPTION(TLS_REQUEST_PEER_AUTH, INT, true, EISCONN, ALWAYS),
	OPTION(TLS_ID, LONG, false, 0, ALWAYS),
	OPTION(TLS_CONTEXT, LONG, true, EISCONN, ALWAYS),
	OPTION(TLS_SESSION_REUSE, INT, true, EISCONN, ALWAYS),
	OPTION(TLS_RESUMED_SESSION, INT, false, 0, CONNECTED),
	OPTION(TLS_REVOCATION_CHECKS, INT, true, EISCONN, ALWAYS),
	OPTION(TLS_OCSP_STAPLED_CHECKS, INT, true, EISCONN, ALWAYS),
	OPTION(TLS_OCSP_CHECKS, INT, true, EISCONN, ALWAYS),
	OPTION(TLS_CRL_CHECKS, INT, true, EISCONN, ALWAYS),
	OPTION(TLS_CACHED_REV_CHECKS, INT, true, EISCONN, ALWAYS),
	OPTION(TLS_SERVER_OCSP_STAPLING, INT, true, EISCONN, ALWAYS),
	OPTION(TLS_OCSP_RESPONSE, TEXT, true, EISCONN, NEVER),
	OPTION(TLS_CRL, TEXT, true, EISCONN, NEVER),
	OPTION(TLS_WANT, INT, false, 0, ALWAYS),
	OPTION(TLS_HANDSHAKE, NOTHING, true, 0, NEVER),
	OPTION(TLS_KEY_UPDATE, INT, true, NOT_IN_1_2, NEVER),
	OPTION(TLS_CHANNEL_BINDING, TEXT, true, EINVAL, CONNECTED),
	OPTION(TLS_EXPORTER, TEXT, true, EINVAL, ELSEWHERE),
	OPTION(TLS_PEER_PIN, STRUCT, true, EISCONN, NEVER),
	OPTION(TLS_INSECURE_NO_VERIFY, INT, true, EISCONN, NEVER),
	OPTION(TLS_UNKNOWN_NAME, INT, true, EISCONN, ALWAYS),
	OPTION(TLS_KEY_PASSPHRASE_FILE, TEXT, true, EISCONN, NEVER),
	OPTION(TLS_TICKET_KEY_FILE, TEXT, true, EISCONN, NEVER),
	OPTION(TLS_EARLY_DATA, INT, true, EISCONN, ALWAYS),
	OPTION(TLS_PSK, STRUCT, true, EISCONN, NEVER),
	OPTION(TLS_PSK_IDENTITY, TEXT, true, EISCONN, ONCE_SET),
	OPTION(TLS_ACCEPTABLE_CAS, TEXT, false, 0, ELSEWHERE),
	OPTION(TLS_RELOAD, NOTHING, true, EOPNOTSUPP, NEVER),
};

static int get(int fd, int option, void *value, socklen_t size)
{
	return getsockopt(fd, IPPROTO_TLS, option, value, &size);
}

/* Reading what only a connection has: ENOTCONN, and nobody dies of it. */
static void before_connect(void **state)
{
	const struct option *row = *state;
	int fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));
	char value[4096];

	if (row->readable == NEVER)
		assert_fails(get(fd, row->number, value, sizeof(value)), ENOPROTOOPT);
	else if (row->readable != ALWAYS)
		assert_fails(get(fd, row->number, value, sizeof(value)), ENOTCONN);
	else
		assert_ok(get(fd, row->number, value, sizeof(value)));
	if (!row->settable)
		assert_fails(setsockopt(fd, IPPROTO_TLS, row->number, value, sizeof(int)),
			     ENOPROTOOPT);
	close(fd);
}

static bool has_size(enum kind kind, socklen_t size)
{
	switch (kind) {
	case INT:
		return size == sizeof(int);
	case LONG:
		return size == sizeof(long);
	case LIST:
		return size && size % sizeof(int) == 0;
	default:
		return true;
	}
}

static void wrong_size(void **state)
{
	static const socklen_t sizes[] = {0, 1, 3, 4, 5, 8, 9};
	const struct option *row = *state;
	int fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));
	char value[9] = {0};
	socklen_t negative = (socklen_t)INT_MIN;

	for (size_t i = 0; i < COUNT(sizes) && row->settable; i++)
		if (!has_size(row->kind, sizes[i]))
			assert_fails(setsockopt(fd, IPPROTO_TLS, row->number, value, sizes[i]),
				     EINVAL);
	if (row->settable)
		assert_fails(setsockopt(fd, IPPROTO_TLS, row->number, NULL, sizeof(int)), EFAULT);
	/* Negative ones, as the kernel has it. */
	if (row->settable)
		assert_fails(setsockopt(fd, IPPROTO_TLS, row->number, value, (socklen_t)-1),
			     EINVAL);
	if (row->readable != NEVER)
		assert_fails(getsockopt(fd, IPPROTO_TLS, row->number, value, &negative), EINVAL);
	close(fd);
}

/* On a connected socket most settings come too late. */
static void when_connected(void **state)
{
	const struct option *row = *state;
	struct link link;
	char value[8192] = {0};
	int ret;

	link_open(&link, IPPROTO_TLS, AF_INET);
	ret = setsockopt(link.client, IPPROTO_TLS, row->number, value, sizeof(int));
	if (!row->settable)
		assert_fails(ret, ENOPROTOOPT);
	else if (row->late == NOT_IN_1_2 ? test_version() == TLS_1_2 : row->late)
		assert_fails(ret, row->late == NOT_IN_1_2 ? EOPNOTSUPP : row->late);
	else
		assert_ok(ret);
	if (row->readable == NEVER)
		assert_fails(get(link.client, row->number, value, sizeof(value)), ENOPROTOOPT);
	else if (row->readable == CONNECTED)
		assert_ok(get(link.client, row->number, value, sizeof(value)));
	link_close(&link);
}

/* Text that does not fit: ERANGE, the size needed, and that size is then right. */
static void too_small(void **state)
{
	static const int texts[] = {TLS_HOSTNAME, TLS_PEER_IDENTITY, TLS_PEER_CERTIFICATE_CHAIN,
				    TLS_CHOSEN_CIPHER};
	struct link link;
	char value[8192];

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	for (size_t i = 0; i < COUNT(texts); i++) {
		socklen_t size = 2, needed;

		assert_fails(getsockopt(link.client, IPPROTO_TLS, texts[i], value, &size), ERANGE);
		needed = size;
		assert_in_range(needed, 3, sizeof(value));
		assert_ok(getsockopt(link.client, IPPROTO_TLS, texts[i], value, &size));
		assert_int_equal(size, needed);
		assert_int_equal(strlen(value) + 1, needed);
		size = needed - 1;
		assert_fails(getsockopt(link.client, IPPROTO_TLS, texts[i], value, &size), ERANGE);
	}
	link_close(&link);
}

static void small_int(void **state)
{
	int fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));
	char value[16];
	socklen_t size = 2;

	(void)state;
	assert_true(getsockopt(fd, IPPROTO_TLS, TLS_PEER_VERIFY, value, &size) < 0);
	size = sizeof(value);
	assert_ok(getsockopt(fd, IPPROTO_TLS, TLS_PEER_VERIFY, value, &size));
	assert_int_equal(size, sizeof(int));
	close(fd);
}

static void unknown(void **state)
{
	int fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS)), value = 1;
	int plain = (int)assert_ok(socket(AF_INET, SOCK_STREAM, 0));

	(void)state;
	assert_fails(setsockopt(fd, IPPROTO_TLS, 9999, &value, sizeof(value)), ENOPROTOOPT);
	assert_fails(get(fd, 9999, &value, sizeof(value)), ENOPROTOOPT);
	assert_fails(setsockopt(fd, 7777, TLS_HOSTNAME, "x", 1), ENOPROTOOPT);
	assert_true(setsockopt(plain, IPPROTO_TLS, TLS_HOSTNAME, "x", 1) < 0);
	assert_fails(setsockopt(-1, IPPROTO_TLS, TLS_HOSTNAME, "x", 1), EBADF);
	/* What is the kernel's stays the kernel's. */
	assert_ok(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, sizeof(value)));
	assert_ok(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof(value)));
	close(plain);
	close(fd);
}

/* Both levels are one. */
static void both_levels(void **state)
{
	int fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS)), value = 1;
	socklen_t size = sizeof(value);

	(void)state;
	assert_ok(setsockopt(fd, SOL_TLS, TLS_PEER_VERIFY, &value, sizeof(value)));
	value = 9;
	assert_ok(getsockopt(fd, IPPROTO_TLS, TLS_PEER_VERIFY, &value, &size));
	assert_int_equal(value, TLS_PEER_VERIFY_OPTIONAL);
	close(fd);
}

static void out_of_range(void **state)
{
	static const struct {
		int option, value;
	} rows[] = {{TLS_PEER_VERIFY, 3},      {TLS_PEER_VERIFY, -1},
		    {TLS_HANDSHAKE_MODE, 2},   {TLS_HANDSHAKE_MODE, -1},
		    {TLS_ALLOW_TRUNCATION, 2}, {TLS_ALLOW_TRUNCATION, -1}};
	int fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int before = tls_get_int(fd, rows[i].option);

		assert_fails(
			setsockopt(fd, IPPROTO_TLS, rows[i].option, &rows[i].value, sizeof(int)),
			EINVAL);
		assert_int_equal(tls_get_int(fd, rows[i].option), before);
	}
	close(fd);
}

static void int_values(void **state)
{
	static const struct {
		int option, initial, value;
	} rows[] = {{TLS_PEER_VERIFY, TLS_PEER_VERIFY_REQUIRED, TLS_PEER_VERIFY_NONE},
		    {TLS_HANDSHAKE_MODE, TLS_HANDSHAKE_INLINE, TLS_HANDSHAKE_DEFERRED},
		    {TLS_ALLOW_TRUNCATION, 0, 1},
		    {TLS_HANDSHAKE_TIMEOUT, -1, 1234}};
	int fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (rows[i].initial >= 0)
			assert_int_equal(tls_get_int(fd, rows[i].option), rows[i].initial);
		tls_set_int(fd, rows[i].option, rows[i].value);
		assert_int_equal(tls_get_int(fd, rows[i].option), rows[i].value);
	}
	close(fd);
}

/* With the NUL or without, as a name or as a path. */
static void strings(void **state)
{
	int fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));

	(void)state;
	assert_ok(setsockopt(fd, IPPROTO_TLS, TLS_HOSTNAME, "localhostXX", 9));
	assert_string_equal(tls_get_text(fd, TLS_HOSTNAME), "localhost");
	assert_ok(setsockopt(fd, IPPROTO_TLS, TLS_HOSTNAME, "a.test", 7));
	assert_string_equal(tls_get_text(fd, TLS_HOSTNAME), "a.test");
	assert_ok(setsockopt(fd, IPPROTO_TLS, TLS_HOSTNAME_ZEPHYR, "b.test", 6));
	assert_string_equal(tls_get_text(fd, TLS_HOSTNAME), "b.test");
	assert_fails(setsockopt(fd, IPPROTO_TLS, TLS_HOSTNAME, "in\0side", 7), EINVAL);
	assert_string_equal(tls_get_text(fd, TLS_HOSTNAME), "b.test");
	assert_ok(setsockopt(fd, IPPROTO_TLS, TLS_TRUSTED_PEER_CERTIFICATES, zoo("ca.pem"),
			     (socklen_t)strlen(zoo("ca.pem")) + 1));
	close(fd);
}

/* A name that no host can have is refused when it is set. */
static void long_name(void **state)
{
	int fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));
	char name[5000];

	(void)state;
	memset(name, 'a', sizeof(name));
	assert_fails(setsockopt(fd, IPPROTO_TLS, TLS_HOSTNAME, name, sizeof(name)), EINVAL);
	close(fd);
}

static const struct CMUnitTest others[] = {
	CASE(too_small),    CASE(small_int),  CASE(unknown), CASE(both_levels),
	CASE(out_of_range), CASE(int_values), CASE(strings), CASE(long_name),
};

static const struct {
	const char *what;
	CMUnitTestFunction run;
} each[] = {{"before connect", before_connect},
	    {"wrong sizes", wrong_size},
	    {"when connected", when_connected}};

int main(void)
{
	static char titles[COUNT(each) * COUNT(options)][80];
	struct CMUnitTest tests[COUNT(titles) + COUNT(others)];
	size_t n = 0;

	for (; n < COUNT(titles); n++) {
		const struct option *row = &options[n / COUNT(each)];

		snprintf(titles[n], sizeof(titles[n]), "%s, %s", row->name,
			 each[n % COUNT(each)].what);
		tests[n] = ROW_CASE(titles[n], each[n % COUNT(each)].run, ROW(*row));
	}
	for (size_t i = 0; i < COUNT(others); i++)
		tests[n++] = others[i];
	return compare_main("options", NULL, 0, tests, n);
}
