/* SPDX-License-Identifier: MIT */
/*
 * Who the peer is: the result of its verification, and the program's own word on it.
 */
#include "ends.h"
#include "trace.h"

#include <errno.h>
#include <openssl/x509.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

static const struct result_row {
	const char *identity, *name;
	unsigned int bits;
} results[] = {
	{"good", "localhost", 0},
	{"good", "example.org", 0x04},
	{"expired", "localhost", 0x01},
	{"not-yet-valid", "localhost", 0x200},
	{"unknown-root", "localhost", 0x08},
	{"self-signed", "localhost", 0x08},
	{"forged", "localhost", 0x08},
	{"too-deep", "localhost", 0x08},
	{"wrong-usage", "localhost", 0x1000},
	{"weak-key", "localhost", 0x10000},
	{"sha1", "localhost", 0x4000},
	{"below-weak", "localhost", 0x10000},
	{"expired", "example.org", 0x05},
};

/* Optional: the connection is up, with the reasons; required: it is not, with the same. */
static void result(void **state)
{
	const struct result_row *row = *state;

	for (int mode = TLS_PEER_VERIFY_NONE; mode <= TLS_PEER_VERIFY_REQUIRED; mode++) {
		bool refused = row->bits && mode == TLS_PEER_VERIFY_REQUIRED;
		struct ends e;

		ends_open(&e, row->identity, row->name);
		assert_fails(getsockopt(e.client, SOL_TLS, TLS_CERT_VERIFY_RESULT, &(int){0},
					&(socklen_t){4}),
			     ENOTCONN);
		tls_set_int(e.client, TLS_PEER_VERIFY, mode);
		ends_meet(&e);
		assert_int_equal(e.error, refused ? EPROTO : 0);
		assert_int_equal(tls_get_int(e.client, TLS_CERT_VERIFY_RESULT),
				 mode == TLS_PEER_VERIFY_NONE ? 0x80 : row->bits);
		ends_close(&e);
	}
}

/* What a callback is to do, and what it has seen. */
static struct {
	uint32_t take, give; /* flags */
	int answer;
	int calls, depths; /* how often; a bit for each depth */
	uint32_t seen;
	const char *file; /* whose certificate depth 0 must be */
	int other;	  /* a socket to use meanwhile */
	int fd;		  /* the very one */
	bool wrong;
} told;

static int callback(void *ctx, struct tls_cert *cert, int depth, uint32_t *flags)
{
	const unsigned char *der = cert->raw.p;
	X509 *x = d2i_X509(NULL, &der, (long)cert->raw.len);
	int error;

	told.calls++;
	told.depths |= 1 << depth;
	told.seen |= *flags;
	told.wrong |= ctx != &told || !x || cert->raw.tag != 0x30;
	X509_free(x);
	*flags = (*flags & ~told.take) | told.give;
	/* No lock is held: the socket's error can be asked for, but it is not open yet. */
	told.wrong |= getsockopt(told.fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){4}) < 0;
	told.wrong |= send(told.fd, "x", 1, MSG_NOSIGNAL) >= 0 || errno != EALREADY;
	if (told.other)
		told.wrong |= send(told.other, "x", 1, MSG_NOSIGNAL) != 1;
	return told.answer;
}

static void set_callback(int fd)
{
	union {
		int (*function)(void *, struct tls_cert *, int, uint32_t *);
		void *pointer;
	} cb = {callback};
	const struct tls_cert_verify_cb value = {cb.pointer, &told};

	assert_ok(setsockopt(fd, SOL_TLS, TLS_CERT_VERIFY_CALLBACK, &value, sizeof(value)));
	told.fd = fd;
}

static const struct said_row {
	const char *title, *identity, *name;
	int mode;
	uint32_t take, give;
	int answer;
	uint32_t seen, result;
	int depths, error;
} said[] = {
	{"good, and nothing said", "good", "localhost", 2, 0, 0, 0, 0, 0, 1, 0},
	{"good, and refused", "good", "localhost", 2, 0, 0, -1, 0, 0, 1, EPROTO},
	{"good, and flagged", "good", "localhost", 2, 0, 0x100, 0, 0, 0x100, 1, EPROTO},
	{"good, flagged, optional", "good", "localhost", 1, 0, 0x100, 0, 0, 0x100, 1, 0},
	{"good, refused, optional", "good", "localhost", 1, 0, 0, 7, 0, 0, 1, EPROTO},
	{"unknown, and taken", "unknown-root", "localhost", 2, 0x08, 0, 0, 0x08, 0, 1, 0},
	{"unknown, and left", "unknown-root", "localhost", 2, 0, 0, 0, 0x08, 0x08, 1, EPROTO},
	{"one of two reasons taken", "expired", "example.org", 2, 0x04, 0, 0, 0x05, 0x01, 1,
	 EPROTO},
	{"long chain", "long-chain", "localhost", 2, 0, 0, 0, 0, 0, 0x1f, 0},
	{"the one above", "below-expired", "localhost", 2, 0x01, 0, 0, 0x01, 0, 3, 0},
};

static void callback_says(void **state)
{
	const struct said_row *row = *state;
	struct link other;
	struct ends e;

	link_open(&other, IPPROTO_TLS, AF_INET);
	memset(&told, 0, sizeof(told));
	told.take = row->take;
	told.give = row->give;
	told.answer = row->answer;
	told.other = other.client;
	ends_open(&e, row->identity, row->name);
	tls_set_int(e.client, TLS_PEER_VERIFY, row->mode);
	set_callback(e.client);
	ends_meet(&e);
	assert_int_equal(e.error, row->error);
	assert_false(told.wrong);
	assert_int_equal(told.depths, row->depths);
	assert_int_equal(told.seen, row->seen);
	assert_int_equal(tls_get_int(e.client, TLS_CERT_VERIFY_RESULT), row->result);
	if (row->answer || row->give)
		assert_true(!row->error || strstr(tls_get_text(e.client, TLS_ERROR),
						  "TLS_CERT_VERIFY_CALLBACK refused"));
	ends_close(&e);
	link_close(&other);
}

/* A server's, on what its client shows; and without verification nobody is called. */
static void callback_of_server(void **state)
{
	struct ends e;

	(void)state;
	for (int mode = TLS_PEER_VERIFY_NONE; mode <= TLS_PEER_VERIFY_REQUIRED; mode++) {
		memset(&told, 0, sizeof(told));
		told.answer = -5;
		ends_open(&e, "good", "localhost");
		tls_set_text(e.listener, TLS_TRUSTED_PEER_CERTIFICATES, zoo("ca.pem"));
		tls_set_int(e.listener, TLS_PEER_VERIFY, mode);
		set_callback(e.listener);
		told.fd = -1;
		ends_show(e.client, "client");
		ends_meet(&e);
		assert_int_equal(told.calls, mode != TLS_PEER_VERIFY_NONE);
		assert_int_equal(e.served, mode == TLS_PEER_VERIFY_NONE ? 0 : EPROTO);
		ends_close(&e);
	}
}

static void callback_values(void **state)
{
	int fd = tls_socket(AF_INET, IPPROTO_TLS, NULL);
	struct tls_cert_verify_cb none = {NULL, &told};
	struct ends e;

	(void)state;
	assert_fails(setsockopt(fd, SOL_TLS, TLS_CERT_VERIFY_CALLBACK, &none, 4), EINVAL);
	assert_fails(getsockopt(fd, SOL_TLS, TLS_CERT_VERIFY_CALLBACK, &none,
				&(socklen_t){sizeof(none)}),
		     ENOPROTOOPT);
	close(fd);
	ends_open(&e, "good", "localhost");
	set_callback(e.client);
	assert_ok(setsockopt(e.client, SOL_TLS, TLS_CERT_VERIFY_CALLBACK, &none, sizeof(none)));
	told.calls = 0;
	ends_meet(&e);
	assert_int_equal(e.error, 0);
	assert_int_equal(told.calls, 0);
	assert_fails(setsockopt(e.client, SOL_TLS, TLS_CERT_VERIFY_CALLBACK, &none, sizeof(none)),
		     EISCONN);
	ends_close(&e);
}

static const struct CMUnitTest others[] = {CASE(callback_of_server), CASE(callback_values)};

int main(void)
{
	struct CMUnitTest tests[COUNT(results) + COUNT(said) + COUNT(others)];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(results); i++)
		tests[n++] = ROW_CASE(results[i].identity, result, ROW(results[i]));
	for (size_t i = 0; i < COUNT(said); i++)
		tests[n++] = ROW_CASE(said[i].title, callback_says, ROW(said[i]));
	for (size_t i = 0; i < COUNT(others); i++)
		tests[n++] = others[i];
	return compare_main("peerauth", NULL, 0, tests, n);
}
