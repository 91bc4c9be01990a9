/* SPDX-License-Identifier: MIT */
/* The verdict on a server's certificate, for each animal of the zoo, and on weak protocols. */
#include "peer.h"
#include "trace.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

enum verdict { PASS, FAIL };

struct exhibit {
	const char *identity, *name; /* NULL: no TLS_HOSTNAME, so the literal address */
	enum verdict verdict;
	const char *says; /* in TLS_ERROR, beside the peer's address */
};

static const struct exhibit exhibits[] = {
	{"good", "localhost", PASS, NULL},
	{"good", "LOCALHOST", PASS, NULL},
	{"good", NULL, PASS, NULL},
	{"good-rsa", "localhost", PASS, NULL},
	{"chained", "localhost", PASS, NULL},
	{"long-chain", "localhost", PASS, NULL},
	{"wildcard", "a.example.test", PASS, NULL},
	{"multi-san", "a.example.test", PASS, NULL},
	{"multi-san", "b.example.test", PASS, NULL},
	{"multi-san", "localhost", PASS, NULL},
	{"ip-only", NULL, PASS, NULL},
	{"ip-only", "127.0.0.1", PASS, NULL},
	{"idn", "xn--bcher-kva.example", PASS, NULL},
	{"idn",
	 "b\xc3\xbc"
	 "cher.example",
	 PASS, NULL},
	{"exact", "exact.example.test", PASS, NULL},
	{"permitted", "www.permitted.test", PASS, NULL},
	{"expired", "localhost", FAIL, "expired"},
	{"not-yet-valid", "localhost", FAIL, "valid"},
	{"wrong-name", "localhost", FAIL, "localhost"},
	{"self-signed", "localhost", FAIL, "refused"},
	{"unknown-root", "localhost", FAIL, "refused"},
	{"incomplete", "localhost", FAIL, "refused"},
	{"weak-key", "localhost", FAIL, "refused"},
	{"sha1", "localhost", FAIL, "refused"},
	{"md5", "localhost", FAIL, "refused"},
	{"wrong-usage", "localhost", FAIL, "refused"},
	{"constrained", "localhost", FAIL, "refused"},
	{"directory", "localhost", PASS, NULL},
	{"directory-other", "localhost", FAIL, "not allowed to issue"},
	{"directory-comma", "localhost", FAIL, "not allowed to issue"},
	{"critical", "localhost", FAIL, "a critical extension that is not known here"},
	{"nul-name", "localhost", FAIL, "but for \"localhost?.evil.example\""},
	{"wildcard-misuse", "localhost", FAIL, "localhost"},
	{"wildcard-misuse", "example.com", FAIL, "example.com"},
	{"wildcard-misuse", "foo.example.test", FAIL, "foo.example.test"},
	{"wildcard", "example.test", FAIL, "example.test"},
	{"wildcard", "a.b.example.test", FAIL, "a.b.example.test"},
	{"exact", "x.exact.example.test", FAIL, "x.exact.example.test"},
	{"multi-san", "c.example.test", FAIL, "c.example.test"},
	{"ip-as-dns", NULL, FAIL, "but for \"127.0.0.1\" (which is no IP address in it)"},
	{"ip-as-dns", "127.0.0.1", FAIL, "127.0.0.1"},
	{"ip-only", "localhost", FAIL, "localhost"},
	{"wrong-name", NULL, FAIL, "127.0.0.1"},
	{"client", "localhost", FAIL, "refused"},
	{"below-expired", "localhost", FAIL, "in its chain expired on 2020-01-01"},
	{"below-weak", "localhost", FAIL, "too weak"},
	{"below-no-authority", "localhost", FAIL, "not a certificate authority"},
	{"too-deep", "localhost", FAIL, "not allowed to issue"},
	{"forged", "localhost", FAIL, "signature"},
	/* certtool and openssl take it: here a common name is none of a host (RFC 9525, 2). */
	{"cn-only", "localhost", FAIL, "common name"},
};

/* One exhibit with one version and one library's server. */
struct showing {
	const struct exhibit *exhibit;
	const char *version, *program;
	char title[160];
};

static int trusting_socket(const struct exhibit *exhibit)
{
	int fd = tls_socket(AF_INET, IPPROTO_TLS, exhibit->name);

	/* MD5 needs a root of its own: without it the failure would have another cause. */
	if (strcmp(exhibit->identity, "md5") == 0)
		tls_set_text(fd, TLS_TRUSTED_PEER_CERTIFICATES, zoo("md5-ca.pem"));
	return fd;
}

static void check_refusal(int fd, const struct exhibit *exhibit)
{
	const char *text = tls_get_text(fd, TLS_ERROR);

	if (!strstr(text, exhibit->says) || !strstr(text, "127.0.0.1") ||
	    !strstr(text, "verifying"))
		fail_msg("TLS_ERROR: %s", text);
}

static void show(void **state)
{
	const struct showing *showing = *state;
	const struct exhibit *exhibit = showing->exhibit;
	struct native_peer peer;
	int fd;
	char c;

	peer_listen(&peer, showing->program, AF_INET, exhibit->identity, "--version",
		    showing->version, "--mode", "source", "--bytes", "1", "--connections", "1",
		    NULL);
	fd = trusting_socket(exhibit);
	if (exhibit->verdict == PASS) {
		assert_ok(tls_connect(fd, AF_INET, peer.port));
		assert_int_equal(recv(fd, &c, 1, 0), 1);
	} else {
		assert_fails(tls_connect(fd, AF_INET, peer.port), EPROTO);
		check_refusal(fd, exhibit);
		assert_true(send(fd, "x", 1, MSG_NOSIGNAL) < 0);
	}
	assert_ok(close(fd));
	proc_finish(&peer.proc);
}

/* The same bad certificate passes where the program says that it does not care. */
static void unverified(void **state)
{
	static const int modes[] = {TLS_PEER_VERIFY_NONE, TLS_PEER_VERIFY_OPTIONAL};

	(void)state;
	for (size_t i = 0; i < COUNT(modes); i++) {
		struct native_peer peer;
		struct tls_info info = {.verified = 9};
		socklen_t length = sizeof(info);
		int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");

		peer_listen(&peer, "openssl-peer", AF_INET, "expired", "--mode", "source",
			    "--connections", "1", NULL);
		tls_set_int(fd, TLS_PEER_VERIFY, modes[i]);
		assert_ok(tls_connect(fd, AF_INET, peer.port));
		assert_ok(getsockopt(fd, IPPROTO_TLS, TLS_INFO, &info, &length));
		assert_int_equal(info.verified, 0);
		close(fd);
		assert_int_equal(proc_finish(&peer.proc), 0);
	}
}

/* Length 0: the chain is checked, the name is not. */
static void nameless(void **state)
{
	static const struct {
		const char *identity;
		int error;
	} rows[] = {{"wrong-name", 0}, {"unknown-root", EPROTO}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct native_peer peer;
		int fd = tls_socket(AF_INET, IPPROTO_TLS, NULL), ret;

		peer_listen(&peer, "gnutls-peer", AF_INET, rows[i].identity, "--connections", "1",
			    NULL);
		assert_ok(setsockopt(fd, IPPROTO_TLS, TLS_HOSTNAME, NULL, 0));
		ret = tls_connect(fd, AF_INET, peer.port);
		if (rows[i].error)
			assert_fails(ret, rows[i].error);
		else
			assert_ok(ret);
		close(fd);
		proc_finish(&peer.proc);
	}
}

/* Without trust anchors of our own the system's are used, and the zoo's root is not there. */
static void system_trust(void **state)
{
	struct native_peer peer;
	int fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));

	(void)state;
	peer_listen(&peer, "gnutls-peer", AF_INET, "good", "--connections", "1", NULL);
	assert_fails(tls_connect(fd, AF_INET, peer.port), EPROTO);
	close(fd);
	proc_finish(&peer.proc);
}

/* A server that offers nothing better than this. */
struct weakness {
	const char *title, *program, *identity, *version, *ciphers, *extra;
};

static const struct weakness weaknesses[] = {
	{"TLS 1.1 and 1.0", "openssl-peer", "good", "1.1", "ALL@SECLEVEL=0", NULL},
	{"RC4", "gnutls-peer", "good-rsa", "1.2",
	 "NONE:+VERS-TLS1.2:+ARCFOUR-128:+SHA1:+MD5:+RSA:+ECDHE-RSA:+SIGN-ALL:+COMP-NULL:+GROUP-"
	 "ALL",
	 NULL},
	{"3DES", "gnutls-peer", "good-rsa", "1.2",
	 "NONE:+VERS-TLS1.2:+3DES-CBC:+SHA1:+RSA:+ECDHE-RSA:+SIGN-ALL:+COMP-NULL:+GROUP-ALL", NULL},
	{"NULL encryption", "openssl-peer", "good-rsa", "1.2", "eNULL@SECLEVEL=0", NULL},
	{"anonymous", "openssl-peer", "good", "1.2", "aNULL@SECLEVEL=0", NULL},
	{"a 1024-bit DH group", "openssl-peer", "good-rsa", "1.2",
	 "DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0", "--small-dh"},
};

static void too_weak(void **state)
{
	const struct weakness *row = *state;
	struct native_peer peer;
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");

	peer_listen(&peer, row->program, AF_INET, row->identity, "--version", row->version,
		    "--ciphers", row->ciphers, "--connections", "1", row->extra, NULL);
	assert_fails(tls_connect(fd, AF_INET, peer.port), EPROTO);
	assert_true(send(fd, "x", 1, MSG_NOSIGNAL) < 0);
	close(fd);
	proc_finish(&peer.proc);
}

/* A client that wants nothing better than this, and our server. */
static void too_weak_a_client(void **state)
{
	const struct weakness *row = *state;
	struct native_peer peer;
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, row->identity, &port), fd;
	char c, *line;

	peer_connect(&peer, row->program, AF_INET, port, "--version", row->version, "--ciphers",
		     row->ciphers, "--mode", "source", "--bytes", "1", NULL);
	fd = (int)assert_ok(accept(listener, NULL, NULL));
	assert_fails(recv(fd, &c, 1, 0), EPROTO);
	line = proc_line(&peer.proc, "handshake ");
	assert_non_null(strstr(line, "handshake failed"));
	free(line);
	close(fd);
	close(listener);
	proc_finish(&peer.proc);
}

/* The control: the peer itself can be reached by one who accepts the weakness. */
static void weak_server_works(void **state)
{
	const struct weakness *row = *state;
	struct native_peer server, client;
	char *line;

	peer_listen(&server, row->program, AF_INET, row->identity, "--version", row->version,
		    "--ciphers", row->ciphers, "--mode", "sink", "--connections", "1", row->extra,
		    NULL);
	peer_connect(&client, row->program, AF_INET, server.port, "--version", row->version,
		     "--ciphers", row->ciphers, "--mode", "source", NULL);
	line = proc_line(&client.proc, "handshake ");
	if (!strstr(line, "handshake ok"))
		fail_msg("the control failed: %s", line);
	free(line);
	proc_finish(&client.proc);
	proc_finish(&server.proc);
}

static const struct CMUnitTest others[] = {CASE(unverified), CASE(nameless), CASE(system_trust)};

int main(void)
{
	static const char *const versions[] = {"1.2", "1.3"};
	static const char *const programs[] = {"gnutls-peer", "openssl-peer"};
	static struct showing showings[2 * COUNT(exhibits)];
	struct CMUnitTest tests[COUNT(showings) + 3 * COUNT(weaknesses) + COUNT(others)];
	size_t n = 0;

	for (; n < COUNT(showings); n++) {
		struct showing *s = &showings[n];

		/* Each server library meets each version, in half the runs that all would be. */
		s->exhibit = &exhibits[n / 2];
		s->version = versions[n % 2];
		s->program = programs[(n / 2 + n) % 2];
		snprintf(s->title, sizeof(s->title), "%s for %s must %s: %s, TLS %s",
			 s->exhibit->identity, s->exhibit->name ? s->exhibit->name : "the address",
			 s->exhibit->verdict == PASS ? "pass" : "fail", s->program, s->version);
		tests[n] = ROW_CASE(s->title, show, s);
	}
	for (size_t i = 0; i < COUNT(weaknesses); i++) {
		tests[n++] = ROW_CASE(weaknesses[i].title, too_weak, ROW(weaknesses[i]));
		tests[n++] = ROW_CASE("control", weak_server_works, ROW(weaknesses[i]));
		/* The group is the server's choice. */
		if (!weaknesses[i].extra)
			tests[n++] = ROW_CASE("a client", too_weak_a_client, ROW(weaknesses[i]));
	}
	for (size_t i = 0; i < COUNT(others); i++)
		tests[n++] = others[i];
	return compare_main("certificates", NULL, 0, tests, n);
}
