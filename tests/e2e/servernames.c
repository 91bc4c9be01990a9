/* SPDX-License-Identifier: MIT */
/* Which of a server's chains a client is shown: by the name that it asks for, and its keys. */
#include "proc.h"
#include "trace.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

#pragma weak tls_credential_add
#pragma weak tls_credential_delete

enum { FIRST_TAG = 40 };

/* What the server has, the first of them its default. */
static const char *const chains[] = {"good",  "wildcard",     "site", "site-rsa",
				     "exact", "wildcard-rsa", "idn"};

static void set_chains(int fd)
{
	for (size_t i = 0; i < COUNT(chains); i++) {
		tls_set_text(fd, TLS_CERTIFICATE_CHAIN, zoo("%s.pem", chains[i]));
		tls_set_text(fd, TLS_PRIVATE_KEY, zoo("%s.key", chains[i]));
	}
}

/* A name, what the client can use, and what it is shown; NULL: nothing. */
struct asking {
	const char *name;
	const char *priority; /* GnuTLS's; NULL: the default */
	const char *ciphers;  /* OpenSSL's, for TLS 1.2 */
	const char *sigalgs;  /* OpenSSL's, for TLS 1.3 */
	const char *shown, *shown_strict;
};

#define RSA_ONLY                                                                                   \
	"NORMAL:-ECDHE-ECDSA:-SIGN-ALL:+SIGN-RSA-SHA256:+SIGN-RSA-PSS-RSAE-SHA256", "aRSA",        \
		"RSA-PSS+SHA256:RSA+SHA256"
#define ECDSA_ONLY                                                                                 \
	"NORMAL:-ECDHE-RSA:-DHE-RSA:-RSA:-SIGN-ALL:+SIGN-ECDSA-SHA256:"                            \
	"+SIGN-ECDSA-SECP256R1-SHA256",                                                            \
		"aECDSA", "ECDSA+SHA256"
#define ANY NULL, NULL, NULL

static const struct asking askings[] = {
	{"localhost", ANY, "good", "good"},
	{"a.example.test", ANY, "wildcard", "wildcard"},
	{"A.Example.TEST", ANY, "wildcard", "wildcard"},
	{"a.example.test", RSA_ONLY, "wildcard-rsa", "wildcard-rsa"},
	{"a.example.test", ECDSA_ONLY, "wildcard", "wildcard"},
	{"exact.example.test", ANY, "exact", "exact"},
	{"exact.example.test", RSA_ONLY, "wildcard-rsa", "wildcard-rsa"},
	{"site.example.test", ANY, "site", "site"},
	{"site.example.test", RSA_ONLY, "site-rsa", "site-rsa"},
	{"site.example.test", ECDSA_ONLY, "site", "site"},
	{"xn--bcher-kva.example", ANY, "idn", "idn"},
	{"a.b.example.test", ANY, "good", NULL},
	{"example.test", ANY, "good", NULL},
	{"other.example", ANY, "good", NULL},
	{"other.example", RSA_ONLY, "site-rsa", NULL},
	{NULL, ANY, "good", "good"},
	{NULL, RSA_ONLY, "site-rsa", "site-rsa"},
};

static int listen_with_chains(uint16_t *port, bool strict)
{
	union net_address address;
	socklen_t length = net_loopback(&address, AF_INET, 0);
	int fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));

	set_chains(fd);
	if (strict)
		tls_set_int(fd, TLS_UNKNOWN_NAME, 1);
	assert_ok(bind(fd, &address.any, length));
	assert_ok(listen(fd, 8));
	assert_ok(getsockname(fd, &address.any, &length));
	*port = ntohs(address.in.sin_port);
	return fd;
}

/* One that takes whom it does not know by the default, and one that refuses them. */
struct listeners {
	int fds[2];
	uint16_t ports[2];
};

static void listeners_open(struct listeners *l)
{
	for (int strict = 0; strict < 2; strict++)
		l->fds[strict] = listen_with_chains(&l->ports[strict], strict);
}

static void listeners_close(const struct listeners *l)
{
	for (int strict = 0; strict < 2; strict++)
		assert_ok(close(l->fds[strict]));
}

/* What the server can read of it. */
static void assert_asked(int fd, const char *name)
{
	static const int options[] = {TLS_SERVER_NAME, TLS_HOSTNAME};
	char text[8];

	for (size_t i = 0; i < COUNT(options); i++)
		if (name)
			assert_string_equal(tls_get_text(fd, options[i]), name);
		else
			assert_fails(getsockopt(fd, IPPROTO_TLS, options[i], text,
						&(socklen_t){sizeof(text)}),
				     ENOTCONN);
}

/* The server's end: a handshake, or the refusal that it was told to make. */
static void serve(int listener, const struct asking *a, const char *shown)
{
	int fd = (int)assert_ok(accept(listener, NULL, NULL));

	if (shown) {
		assert_int_equal(tls_get_int(fd, TLS_CHOSEN_VERSION), test_version());
		assert_asked(fd, a->name);
	} else {
		assert_fails(recv(fd, (char[1]){0}, 1, 0), EPROTO);
		assert_non_null(strstr(tls_get_text(fd, TLS_ERROR), a->name));
	}
	close(fd);
}

static void by_us(void **state)
{
	struct listeners listeners;

	(void)state;
	listeners_open(&listeners);
	for (size_t i = 0; i < 2 * COUNT(askings); i++) {
		const struct asking *a = &askings[i / 2];
		const char *shown = i % 2 ? a->shown_strict : a->shown;
		struct connecting connecting;
		int client = tls_socket(AF_INET, IPPROTO_TLS, a->name);
		char subject[64];

		if (!a->name)
			assert_ok(setsockopt(client, IPPROTO_TLS, TLS_HOSTNAME, NULL, 0));
		if (a->priority)
			tls_set_text(client, TLS_PRIORITY, a->priority);
		tls_set_int(client, TLS_PEER_VERIFY, TLS_PEER_VERIFY_OPTIONAL);
		connecting_start(&connecting, client, AF_INET, listeners.ports[i % 2]);
		serve(listeners.fds[i % 2], a, shown);
		if (shown) {
			snprintf(subject, sizeof(subject), "CN=Test %s", shown);
			assert_ok(connecting_finish(&connecting));
			assert_string_equal(tls_get_text(client, TLS_PEER_IDENTITY), subject);
		} else {
			assert_fails(connecting_finish(&connecting), EPROTO);
			assert_non_null(strstr(tls_get_text(client, TLS_ERROR), "name"));
		}
		close(client);
	}
	listeners_close(&listeners);
}

static void by_openssl(void **state)
{
	bool tls12 = test_version() == TLS_1_2;
	struct listeners listeners;

	(void)state;
	listeners_open(&listeners);
	for (size_t i = 0; i < 2 * COUNT(askings); i++) {
		const struct asking *a = &askings[i / 2];
		const char *shown = i % 2 ? a->shown_strict : a->shown;
		const char *restricted = tls12 ? "-cipher" : "-sigalgs";
		char address[32], expected[64];
		struct proc proc;

		if (i % 2 && shown)
			continue;
		snprintf(address, sizeof(address), "127.0.0.1:%u", listeners.ports[i % 2]);
		snprintf(expected, sizeof(expected), "subject=CN = Test %s", shown ? shown : "");
		proc_start(&proc, "openssl", "s_client", "-connect", address,
			   tls12 ? "-tls1_2" : "-tls1_3", a->name ? "-servername" : "-noservername",
			   a->name ? a->name : "-showcerts", a->sigalgs ? restricted : NULL,
			   tls12 ? a->ciphers : a->sigalgs, NULL);
		serve(listeners.fds[i % 2], a, shown);
		free(proc_line(&proc, shown ? expected : "unrecognized name"));
		proc_finish(&proc);
	}
	listeners_close(&listeners);
}

static void by_gnutls(void **state)
{
	uint16_t number;
	int listener = listen_with_chains(&number, false);

	(void)state;
	for (size_t i = test_version() == TLS_1_3; i < COUNT(askings); i += 2) {
		const struct asking *a = &askings[i];
		char port[16], sni[64], expected[64];
		struct proc proc;

		snprintf(port, sizeof(port), "%u", number);
		snprintf(sni, sizeof(sni), "--sni-hostname=%s", a->name ? a->name : "");
		snprintf(expected, sizeof(expected), "subject `CN=Test %s'", a->shown);
		proc_start(&proc, "gnutls-cli", "--insecure", "--port", port, "127.0.0.1",
			   a->name ? sni : "--disable-sni", "--priority",
			   a->priority ? a->priority : "NORMAL", NULL);
		serve(listener, a, a->shown);
		free(proc_line(&proc, expected));
		proc_finish(&proc);
	}
	assert_ok(close(listener));
}

/* The same by tags, a tag for each chain. */
static void by_tags(void **state)
{
	static const char *const names[] = {"a.example.test", "site.example.test", "localhost"};
	static const char *const shown[] = {"CN=Test wildcard", "CN=Test site", "CN=Test good"};
	sec_tag_t tags[COUNT(chains)];
	union net_address address;
	socklen_t length = net_loopback(&address, AF_INET, 0);
	int fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));

	(void)state;
	for (size_t i = 0; i < COUNT(chains); i++) {
		static const char *const suffixes[] = {"pem", "key"};
		char text[8192];

		tags[i] = FIRST_TAG + (int)i;
		for (int k = 0; k < 2; k++) {
			FILE *f = fopen(zoo("%s.%s", chains[i], suffixes[k]), "re");
			size_t n = fread(text, 1, sizeof(text), f);

			fclose(f);
			assert_int_equal(tls_credential_add(tags[i],
							    (enum tls_credential_type)(2 + k), text,
							    n),
					 0);
		}
	}
	assert_ok(setsockopt(fd, IPPROTO_TLS, TLS_SEC_TAG_LIST, tags, sizeof(tags)));
	for (size_t i = 0; i < 2 * COUNT(chains); i++)
		tls_credential_delete(tags[i / 2], (enum tls_credential_type)(2 + i % 2));
	assert_ok(bind(fd, &address.any, length));
	assert_ok(listen(fd, 8));
	assert_ok(getsockname(fd, &address.any, &length));
	for (size_t i = 0; i < COUNT(names); i++) {
		int client = tls_socket(AF_INET, IPPROTO_TLS, names[i]), server;
		struct connecting connecting;

		connecting_start(&connecting, client, AF_INET, ntohs(address.in.sin_port));
		server = (int)assert_ok(accept(fd, NULL, NULL));
		assert_int_equal(tls_get_int(server, TLS_CHOSEN_VERSION), test_version());
		assert_ok(connecting_finish(&connecting));
		assert_string_equal(tls_get_text(client, TLS_PEER_IDENTITY), shown[i]);
		close(client);
		close(server);
	}
	close(fd);
}

static void option(void **state)
{
	int fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));

	(void)state;
	assert_int_equal(tls_get_int(fd, TLS_UNKNOWN_NAME), 0);
	tls_set_int(fd, TLS_UNKNOWN_NAME, 1);
	assert_int_equal(tls_get_int(fd, TLS_UNKNOWN_NAME), 1);
	assert_fails(setsockopt(fd, IPPROTO_TLS, TLS_UNKNOWN_NAME, &(int){2}, sizeof(int)), EINVAL);
	assert_fails(setsockopt(fd, IPPROTO_TLS, TLS_UNKNOWN_NAME, &(int){-1}, sizeof(int)),
		     EINVAL);
	assert_fails(setsockopt(fd, IPPROTO_TLS, TLS_UNKNOWN_NAME, "x", 1), EINVAL);
	set_chains(fd);
	assert_string_equal(tls_get_text(fd, TLS_CERTIFICATE_CHAIN),
			    zoo("%s.pem", chains[COUNT(chains) - 1]));
	close(fd);
}

static const struct CMUnitTest tests[] = {CASE(by_us), CASE(by_openssl), CASE(by_gnutls),
					  CASE(by_tags), CASE(option)};

int main(void)
{
	return compare_main("server names", NULL, 0, tests, COUNT(tests));
}
