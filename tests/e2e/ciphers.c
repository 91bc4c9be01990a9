/* SPDX-License-Identifier: MIT */
/* Versions, cipher suites, groups: what is told decides what is agreed on, with any peer. */
#include "peer.h"
#include "trace.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

enum { MAX_LIST = 4, ANY = -1 };

/* Told to one end, with what both then have; NULL or 0: whatever it is. */
static const struct told {
	const char *title;
	int list[MAX_LIST]; /* TLS_CIPHERSUITE_LIST */
	const char *disable, *priority, *groups;
	int min, max;
	int version, suite; /* 0: no connection */
	const char *group;
} rows[] = {
	{.title = "a list of one",
	 .list = {0x1302},
	 .min = ANY,
	 .max = ANY,
	 .version = TLS_1_3,
	 .suite = 0x1302},
	{.title = "a list of one for 1.2",
	 .list = {0xc02c},
	 .min = ANY,
	 .max = ANY,
	 .version = TLS_1_2,
	 .suite = 0xc02c},
	{.title = "a list, best first",
	 .list = {0xcca9, 0xc02b},
	 .min = ANY,
	 .max = TLS_1_2,
	 .version = TLS_1_2,
	 .suite = 0xcca9},
	{.title = "one disabled",
	 .disable = "TLS_AES_256_GCM_SHA384",
	 .min = TLS_1_3,
	 .max = ANY,
	 .version = TLS_1_3,
	 .suite = ANY},
	{.title = "1.2 at most", .min = ANY, .max = TLS_1_2, .version = TLS_1_2, .suite = ANY},
	{.title = "1.3 at least", .min = TLS_1_3, .max = ANY, .version = TLS_1_3, .suite = ANY},
	{.title = "a group",
	 .groups = "SECP384R1",
	 .min = TLS_1_3,
	 .max = ANY,
	 .version = TLS_1_3,
	 .suite = ANY,
	 .group = "SECP384R1"},
	{.title = "a priority string",
	 .priority = "NORMAL:-CIPHER-ALL:+CHACHA20-POLY1305",
	 .min = TLS_1_3,
	 .max = ANY,
	 .version = TLS_1_3,
	 .suite = 0x1303},
};

static void tell(int fd, const struct told *row)
{
	size_t n = 0;

	while (n < MAX_LIST && row->list[n])
		n++;
	if (n)
		assert_ok(setsockopt(fd, IPPROTO_TLS, TLS_CIPHERSUITE_LIST, row->list,
				     (socklen_t)(n * sizeof(int))));
	if (row->disable)
		tls_set_text(fd, TLS_DISABLE_CIPHER, row->disable);
	if (row->priority)
		tls_set_text(fd, TLS_PRIORITY, row->priority);
	if (row->groups)
		tls_set_text(fd, TLS_GROUPS, row->groups);
	if (row->min != ANY)
		tls_set_int(fd, TLS_VERSION_MIN, row->min);
	if (row->max != ANY)
		tls_set_int(fd, TLS_VERSION_MAX, row->max);
}

/* A version that the run does not allow. */
static bool beyond(const struct told *row)
{
	return row->version == TLS_1_3 && test_version() != TLS_1_3;
}

static void has(int fd, const struct told *row)
{
	struct tls_info info;
	socklen_t size = sizeof(info);

	assert_ok(getsockopt(fd, IPPROTO_TLS, TLS_INFO, &info, &size));
	assert_int_equal(info.version, row->version);
	assert_int_equal(tls_get_int(fd, TLS_CIPHERSUITE_USED), info.cipher);
	if (row->suite != ANY)
		assert_int_equal(info.cipher, row->suite);
	if (row->group)
		assert_string_equal(info.group, row->group);
	if (row->disable)
		assert_string_not_equal(info.cipher_name, row->disable);
}

static void client_told(void **state)
{
	static const char *const programs[] = {"gnutls-peer", "openssl-peer"};
	const struct told *row = *state;
	struct native_peer peer;

	for (size_t i = 0; i < COUNT(programs) && !beyond(row); i++) {
		int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");

		peer_listen(&peer, programs[i], AF_INET, "good", "--connections", "1", NULL);
		tell(fd, row);
		assert_ok(tls_connect(fd, AF_INET, peer.port));
		has(fd, row);
		close(fd);
		proc_finish(&peer.proc);
	}
}

static void server_told(void **state)
{
	static const char *const programs[] = {"gnutls-peer", "openssl-peer"};
	const struct told *row = *state;
	struct native_peer peer;
	uint16_t port;

	for (size_t i = 0; i < COUNT(programs) && !beyond(row); i++) {
		int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port), fd;
		char c;

		tell(listener, row);
		peer_connect(&peer, programs[i], AF_INET, port, "--mode", "source", "--bytes", "1",
			     NULL);
		fd = (int)assert_ok(accept(listener, NULL, NULL));
		assert_int_equal(recv(fd, &c, 1, 0), 1);
		has(fd, row);
		close(fd);
		close(listener);
		assert_int_equal(proc_finish(&peer.proc), 0);
	}
}

/* Both ends are ours, and have nothing in common. */
static void nothing_in_common(void **state)
{
	static const int one[] = {0xc02b}, other[] = {0xc02c};
	struct connecting connecting;
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port), fd;
	int client = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
	char c;

	(void)state;
	assert_ok(setsockopt(listener, SOL_TLS, TLS_CIPHERSUITE_LIST, one, sizeof(one)));
	assert_ok(setsockopt(client, SOL_TLS, TLS_CIPHERSUITE_LIST, other, sizeof(other)));
	connecting_start(&connecting, client, AF_INET, port);
	fd = (int)assert_ok(accept(listener, NULL, NULL));
	assert_fails(recv(fd, &c, 1, 0), EPROTO);
	assert_fails(connecting_finish(&connecting), EPROTO);
	assert_non_null(strstr(tls_get_text(client, TLS_ERROR), "alert"));
	close(fd);
	close(client);
	close(listener);
}

/*
 * GnuTLS's parts of two suites make up others: of these none is taken, whatever the peer
 * would rather have.
 */
static void only_the_listed(void **state)
{
	static const int list[] = {0xc02b, 0x009f}; /* ECDHE with AES-128, DHE with AES-256 */
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
	struct native_peer peer;

	(void)state;
	assert_ok(setsockopt(fd, SOL_TLS, TLS_CIPHERSUITE_LIST, list, sizeof(list)));
	peer_listen(&peer, "openssl-peer", AF_INET, "good", "--connections", "1", "--version",
		    "1.2", "--ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384", NULL);
	assert_fails(tls_connect(fd, AF_INET, peer.port), EPROTO);
	assert_non_null(strstr(tls_get_text(fd, TLS_ERROR), "not among those"));
	close(fd);
	proc_finish(&peer.proc);
}

static void read_back(void **state)
{
	static const int list[] = {0x1302, 0xc02f};
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost"), back[64];
	socklen_t size = sizeof(back);

	(void)state;
	assert_ok(getsockopt(fd, SOL_TLS, TLS_CIPHERSUITE_LIST, back, &size));
	assert_true(size > 5 * sizeof(int));
	assert_non_null(strstr(tls_get_text(fd, TLS_TRUSTED_CIPHERS), "TLS_ECDHE_RSA_WITH_"));
	assert_ok(setsockopt(fd, SOL_TLS, TLS_CIPHERSUITE_LIST, list, sizeof(list)));
	size = 4;
	assert_fails(getsockopt(fd, SOL_TLS, TLS_CIPHERSUITE_LIST, back, &size), ERANGE);
	if (test_version() == TLS_1_3) {
		assert_int_equal(size, sizeof(list));
		assert_ok(getsockopt(fd, SOL_TLS, TLS_CIPHERSUITE_LIST, back, &size));
		assert_memory_equal(back, list, sizeof(list));
		assert_string_equal(tls_get_text(fd, TLS_TRUSTED_CIPHERS),
				    "TLS_AES_256_GCM_SHA384:TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
		tls_set_text(fd, TLS_ENABLE_CIPHER, "ECDHE-ECDSA-AES256-GCM-SHA384");
		tls_set_text(fd, TLS_ENABLE_CIPHER, "ECDHE-ECDSA-AES256-GCM-SHA384");
		tls_set_text(fd, TLS_DISABLE_CIPHER, "TLS_AES_256_GCM_SHA384");
		tls_set_text(fd, TLS_DISABLE_CIPHER, "TLS_AES_256_GCM_SHA384");
		assert_string_equal(tls_get_text(fd, TLS_TRUSTED_CIPHERS),
				    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:"
				    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384");
	}
	tls_set_int(fd, TLS_VERSION_MIN, TLS_1_0);
	assert_int_equal(tls_get_int(fd, TLS_VERSION_MIN), TLS_1_2);
	assert_int_equal(tls_get_int(fd, TLS_VERSION_MAX), TLS_1_3);
	tls_set_text(fd, TLS_GROUPS, "X25519:SECP256R1");
	assert_string_equal(tls_get_text(fd, TLS_GROUPS), "X25519:SECP256R1");
	assert_ok(setsockopt(fd, SOL_TLS, TLS_GROUPS, "", 0));
	assert_string_equal(tls_get_text(fd, TLS_GROUPS), "");
	close(fd);
}

static void wrong_values(void **state)
{
	static const int unknown[] = {0x1301, 0x4242}, weak[] = {0x0005};
	static const struct {
		int option;
		const char *text;
		int error;
	} texts[] = {
		{TLS_DISABLE_CIPHER, "NO-SUCH-CIPHER", EINVAL},
		{TLS_ENABLE_CIPHER, "RC4-SHA", EINVAL},
		{TLS_ENABLE_CIPHER, "TLS_RSA_WITH_NULL_SHA256", EINVAL},
		{TLS_PRIORITY, "NONSENSE", EINVAL},
		{TLS_PRIORITY, "NONE:+VERS-TLS1.1:+RSA:+AES-128-CBC:+SHA1", EPROTO},
		{TLS_GROUPS, "X25519:NOGROUP", EINVAL},
	};
	int fd = tls_socket(AF_INET, IPPROTO_TLS_1_2, "localhost");

	(void)state;
	assert_fails(setsockopt(fd, SOL_TLS, TLS_CIPHERSUITE_LIST, unknown, sizeof(unknown)),
		     EINVAL);
	assert_fails(setsockopt(fd, SOL_TLS, TLS_CIPHERSUITE_LIST, weak, sizeof(weak)), EINVAL);
	assert_fails(setsockopt(fd, SOL_TLS, TLS_CIPHERSUITE_LIST, unknown, 5), EINVAL);
	for (size_t i = 0; i < COUNT(texts); i++) {
		assert_fails(setsockopt(fd, SOL_TLS, texts[i].option, texts[i].text,
					(socklen_t)strlen(texts[i].text)),
			     texts[i].error);
		assert_string_not_equal(tls_get_text(fd, TLS_ERROR), "");
	}
	assert_fails(setsockopt(fd, SOL_TLS, TLS_VERSION_MAX, &(int){TLS_1_1}, sizeof(int)),
		     EINVAL);
	assert_fails(setsockopt(fd, SOL_TLS, TLS_VERSION_MIN, &(int){4}, sizeof(int)), EINVAL);
	tls_set_int(fd, TLS_VERSION_MAX, TLS_1_2);
	assert_fails(setsockopt(fd, SOL_TLS, TLS_VERSION_MIN, &(int){TLS_1_3}, sizeof(int)),
		     EINVAL);
	assert_fails(setsockopt(fd, SOL_TLS, TLS_MAX_FRAGMENT_LENGTH, &(int){5}, sizeof(int)),
		     EINVAL);
	close(fd);
	if (test_version() == TLS_1_2)
		return;
	fd = tls_socket(AF_INET, IPPROTO_TLS_1_3, "localhost");
	assert_fails(setsockopt(fd, SOL_TLS, TLS_VERSION_MAX, &(int){TLS_1_2}, sizeof(int)),
		     EINVAL);
	close(fd);
}

/* A peer that keeps to it sends no greater records, and all arrives. */
static void short_records(void **state)
{
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
	struct native_peer peer;
	struct tls_info info;
	socklen_t size = sizeof(info);
	char buf[4096];

	(void)state;
	tls_set_int(fd, TLS_MAX_FRAGMENT_LENGTH, 2);
	assert_int_equal(tls_get_int(fd, TLS_MAX_FRAGMENT_LENGTH), 2);
	peer_listen(&peer, "openssl-peer", AF_INET, "good", "--connections", "1", "--mode",
		    "source", "--bytes", "4096", NULL);
	assert_ok(tls_connect(fd, AF_INET, peer.port));
	assert_int_equal(recv(fd, buf, sizeof(buf), MSG_WAITALL), sizeof(buf));
	assert_ok(getsockopt(fd, IPPROTO_TLS, TLS_INFO, &info, &size));
	assert_int_equal(info.records_in, 4);
	close(fd);
	proc_finish(&peer.proc);
}

static const struct CMUnitTest others[] = {CASE(nothing_in_common), CASE(only_the_listed),
					   CASE(read_back), CASE(wrong_values),
					   CASE(short_records)};

int main(void)
{
	struct CMUnitTest tests[COUNT(others) + 2 * COUNT(rows)];
	char titles[2 * COUNT(rows)][64];
	size_t n = 0;

	for (; n < COUNT(others); n++)
		tests[n] = others[n];
	for (size_t i = 0; i < 2 * COUNT(rows); i++) {
		const struct told *row = &rows[i / 2];

		snprintf(titles[i], sizeof(titles[i]), "%s: %s", i % 2 ? "server" : "client",
			 row->title);
		tests[n++] = ROW_CASE(titles[i], i % 2 ? server_told : client_told, ROW(*row));
	}
	return compare_main("ciphers", NULL, 0, tests, n);
}
