/* SPDX-License-Identifier: MIT */
/* Both roles against the peers on plain GnuTLS and plain OpenSSL, with what they can do. */
#include "peer.h"
#include "stream.h"
#include "trace.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

/* How the peer's records look; the arguments are the peer's own. */
static const struct manner {
	const char *title, *bytes;
	const char *args[4];
} manners[] = {
	{"whole records", "1000000", {NULL}},
	{"tiny records", "2000", {"--record-size", "1"}},
	{"odd records", "300000", {"--record-size", "1013"}},
	{"key updates", "300000", {"--key-update-every", "12", "--record-size", "5000"}},
	{"tickets late", "100000", {"--tickets", "late"}},
	{"tickets never", "100000", {"--tickets", "never"}},
	{"empty records", "20000", {"--empty-every", "2", "--record-size", "999"}},
};

struct meeting {
	const struct manner *manner;
	const char *program, *version;
	int family;
	char title[128];
};

/* OpenSSL sends no empty records, nor GnuTLS with TLS 1.2; TLS 1.2 has no key update. */
static int possible(const char *program, const char *version, const struct manner *manner)
{
	int tls13 = strcmp(version, "1.3") == 0;

	if (strcmp(manner->title, "key updates") == 0)
		return tls13;
	if (strcmp(manner->title, "empty records") == 0)
		return tls13 && strcmp(program, "gnutls-peer") == 0;
	return 1;
}

static void send_stream(int fd, size_t n)
{
	char *all = malloc(n);
	size_t sent = 0;

	stream_fill(0, all, n);
	while (sent < n)
		sent += (size_t)assert_ok(send(fd, all + sent, n - sent, 0));
	free(all);
}

/* With buffers of changing size, so that records and reads never agree for long. */
static void receive_stream(int fd, size_t n)
{
	char buf[30000];
	size_t at = 0;

	for (size_t size = 1; at < n; size = size * 7 % 29989 + 1) {
		ssize_t got = assert_ok(recv(fd, buf, size, 0));

		assert_true(got > 0);
		assert_int_equal(stream_mismatch(at, buf, (size_t)got), got);
		at += (size_t)got;
	}
	assert_int_equal(at, n);
}

static void check_version(int fd, const struct meeting *m)
{
	assert_int_equal(tls_get_int(fd, TLS_CHOSEN_VERSION),
			 strcmp(m->version, "1.3") == 0 ? TLS_1_3 : TLS_1_2);
}

static void as_client(void **state)
{
	const struct meeting *m = *state;
	const struct manner *manner = m->manner;
	size_t n = (size_t)atol(manner->bytes);
	struct native_peer peer;
	int fd;
	char c;

	peer_listen(&peer, m->program, m->family, "good", "--mode", "answer", "--version",
		    m->version, "--bytes", manner->bytes, "--connections", "1", manner->args[0],
		    manner->args[1], manner->args[2], manner->args[3], NULL);
	fd = tls_socket(m->family, IPPROTO_TLS, "localhost");
	assert_ok(tls_connect(fd, m->family, peer.port));
	check_version(fd, m);
	send_stream(fd, n);
	receive_stream(fd, n);
	assert_int_equal(recv(fd, &c, 1, 0), 0);
	assert_ok(close(fd));
	peer_received(&peer, n, "limit");
	assert_null(strstr(peer.proc.text, "failed"));
	assert_int_equal(proc_finish(&peer.proc), 0);
}

static void as_server(void **state)
{
	const struct meeting *m = *state;
	const struct manner *manner = m->manner;
	size_t n = (size_t)atol(manner->bytes);
	struct native_peer peer;
	uint16_t port;
	int listener = tls_listen(m->family, IPPROTO_TLS, "good", &port), fd;
	char c;

	peer_connect(&peer, m->program, m->family, port, "--mode", "exchange", "--version",
		     m->version, "--bytes", manner->bytes, manner->args[0], manner->args[1],
		     manner->args[2], manner->args[3], NULL);
	fd = (int)assert_ok(accept(listener, NULL, NULL));
	receive_stream(fd, n);
	check_version(fd, m);
	assert_int_equal(recv(fd, &c, 1, 0), 0); /* its half is closed, ours is not */
	send_stream(fd, n);
	assert_ok(close(fd));
	assert_ok(close(listener));
	peer_received(&peer, n, "close_notify");
	assert_null(strstr(peer.proc.text, "failed"));
	assert_int_equal(proc_finish(&peer.proc), 0);
}

int main(void)
{
	static const char *const programs[] = {"gnutls-peer", "openssl-peer"};
	static const char *const versions[] = {"1.2", "1.3"};
	static struct meeting meetings[4 * COUNT(manners)];
	struct CMUnitTest tests[2 * COUNT(meetings)];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(meetings); i++) {
		struct meeting *m = &meetings[i];

		m->manner = &manners[i / 4];
		m->program = programs[i % 2];
		m->version = versions[i / 2 % 2];
		m->family = i / 4 % 2 ? AF_INET6 : AF_INET;
		if (!possible(m->program, m->version, m->manner))
			continue;
		snprintf(m->title, sizeof(m->title), "%s, TLS %s, %s", m->program, m->version,
			 m->manner->title);
		tests[n++] = ROW_CASE(m->title, as_client, m);
		tests[n++] = ROW_CASE(m->title, as_server, m);
	}
	return compare_main("peers", NULL, 0, tests, n);
}
