/* SPDX-License-Identifier: MIT */
/* Pinned keys, and a server that asks for certificates. */
#include "ends.h"
#include "trace.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

/* The pin of a certificate of the zoo, as raw bytes, hexadecimal and base64. */
static void pin_of(const char *identity, unsigned char raw[32], char hex[65], char base64[64])
{
	FILE *file = fopen(zoo("%s.pem", identity), "re");
	X509 *x = PEM_read_X509(file, NULL, NULL, NULL);
	unsigned char *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);

	fclose(file);
	SHA256(der, (size_t)n, raw);
	OPENSSL_free(der);
	X509_free(x);
	for (int i = 0; i < 32; i++)
		sprintf(hex + 2 * i, "%02X", raw[i]);
	strcpy(base64, "sha256//");
	EVP_EncodeBlock((unsigned char *)base64 + 8, raw, 32);
}

static int set_pin(int fd, const void *pin, size_t len)
{
	return setsockopt(fd, IPPROTO_TLS, TLS_PEER_PIN, pin, (socklen_t)len);
}

enum pin_form { RAW, HEX, BASE64, SEVERAL, AGAIN, ANOTHER, ANOTHER_UNVERIFIED, UNVERIFIED, WRONG };

static const struct pin_row {
	const char *title, *identity;
	enum pin_form form;
	int error;
} pin_rows[] = {
	{"raw", "good", RAW, 0},
	{"hexadecimal", "good", HEX, 0},
	{"base64", "good", BASE64, 0},
	{"one of several", "good", SEVERAL, 0},
	{"set again", "good", AGAIN, 0},
	{"another's", "good", ANOTHER, EPROTO},
	{"another's, unverified", "good", ANOTHER_UNVERIFIED, EPROTO},
	{"unverified", "self-signed", UNVERIFIED, 0},
	{"right, of one that is refused", "self-signed", RAW, EPROTO},
};

static void set_pins(int fd, const struct pin_row *row)
{
	unsigned char raw[32], other[32];
	char hex[65], base64[64], other_hex[65], other_base64[64], both[160];

	pin_of(row->identity, raw, hex, base64);
	pin_of("client", other, other_hex, other_base64);
	snprintf(both, sizeof(both), "%s;%s", other_hex, base64);
	switch (row->form) {
	case HEX:
		assert_ok(set_pin(fd, hex, 64));
		break;
	case BASE64:
		assert_ok(set_pin(fd, base64, strlen(base64) + 1));
		break;
	case SEVERAL:
		assert_ok(set_pin(fd, both, strlen(both)));
		break;
	case ANOTHER:
	case ANOTHER_UNVERIFIED:
		assert_ok(set_pin(fd, other, sizeof(other)));
		break;
	case AGAIN:
		assert_ok(set_pin(fd, other_base64, strlen(other_base64)));
		assert_ok(set_pin(fd, raw, sizeof(raw)));
		break;
	default:
		assert_ok(set_pin(fd, raw, sizeof(raw)));
	}
	if (row->form == UNVERIFIED || row->form == ANOTHER_UNVERIFIED)
		tls_set_int(fd, TLS_INSECURE_NO_VERIFY, 1);
}

static void pin(void **state)
{
	const struct pin_row *row = *state;
	struct ends e;

	ends_open(&e, row->identity, "localhost");
	set_pins(e.client, row);
	ends_meet(&e);
	assert_int_equal(e.error, row->error);
	if (row->error && row->form != RAW)
		assert_non_null(strstr(tls_get_text(e.client, TLS_ERROR), "TLS_PEER_PIN"));
	ends_close(&e);
}

/* A server that takes any client must still see the key, and so a certificate. */
static void pin_of_client(void **state)
{
	static const struct {
		const char *identity;
		int error;
	} rows[] = {{"client", 0}, {"good-rsa", EPROTO}, {NULL, EPROTO}};
	unsigned char raw[32];
	char hex[65], base64[64];

	(void)state;
	pin_of("client", raw, hex, base64);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ends e;

		ends_open(&e, "good", "localhost");
		assert_ok(set_pin(e.listener, hex, 64));
		tls_set_int(e.listener, TLS_REQUEST_PEER_AUTH, 1);
		tls_set_int(e.listener, TLS_PEER_VERIFY, TLS_PEER_VERIFY_NONE);
		if (rows[i].identity)
			ends_show(e.client, rows[i].identity);
		ends_meet(&e);
		assert_int_equal(e.served, rows[i].error);
		ends_close(&e);
	}
}

static void pin_values(void **state)
{
	static const char *const bad[] = {
		"x",
		"sha256//AAAA",
		"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA!",
		"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=",
		"00000000000000000000000000000000000000000000000000000000000000zz",
		"0000000000000000000000000000000000000000000000000000000000000000;",
		";0000000000000000000000000000000000000000000000000000000000000000",
	};
	unsigned char raw[32] = {0};
	int fd = tls_socket(AF_INET, IPPROTO_TLS, NULL);
	struct ends e;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_fails(set_pin(fd, bad[i], strlen(bad[i])), EINVAL);
	assert_fails(set_pin(fd, NULL, 32), EFAULT);
	assert_ok(set_pin(fd, raw, 32));
	close(fd);
	ends_open(&e, "good", "localhost");
	assert_ok(set_pin(e.client, raw, 32));
	assert_ok(set_pin(e.client, NULL, 0));
	ends_meet(&e);
	assert_int_equal(e.error, 0);
	assert_fails(set_pin(e.client, raw, 32), EISCONN);
	ends_close(&e);
}

enum { ANY = -1 };

static const struct request_row {
	const char *title, *identity; /* of the client */
	int trust, request, mode;     /* ANY: not told */
	int error;
	bool shown;
} requests[] = {
	{"neither trust nor request", "client", 0, ANY, ANY, 0, false},
	{"trust alone asks", "client", 1, ANY, ANY, 0, true},
	{"trust alone requires", NULL, 1, ANY, ANY, EPROTO, false},
	{"trust, and not now", "client", 1, 0, ANY, 0, false},
	{"request requires", NULL, 1, 1, ANY, EPROTO, false},
	{"request without trust refuses", "client", 0, 1, ANY, EPROTO, true},
	{"request and optional", NULL, 1, 1, TLS_PEER_VERIFY_OPTIONAL, 0, false},
	{"request and none takes any", "self-signed", 0, 1, TLS_PEER_VERIFY_NONE, 0, true},
	{"request and none takes nobody, too", NULL, 0, 1, TLS_PEER_VERIFY_NONE, 0, false},
	{"required beats no request", NULL, 1, 0, TLS_PEER_VERIFY_REQUIRED, EPROTO, false},
};

static void request(void **state)
{
	const struct request_row *row = *state;
	char der[4096];
	socklen_t len = sizeof(der);
	struct ends e;
	int r;

	ends_open(&e, "good", "localhost");
	if (row->trust)
		tls_set_text(e.listener, TLS_TRUSTED_PEER_CERTIFICATES, zoo("ca.pem"));
	if (row->request != ANY)
		tls_set_int(e.listener, TLS_REQUEST_PEER_AUTH, row->request);
	if (row->mode != ANY)
		tls_set_int(e.listener, TLS_PEER_VERIFY, row->mode);
	if (row->identity)
		ends_show(e.client, row->identity);
	ends_meet(&e);
	assert_int_equal(e.served, row->error);
	r = getsockopt(e.server, IPPROTO_TLS, TLS_PEER_CERTIFICATE, der, &len);
	if (row->error)
		assert_int_not_equal(e.error, 0);
	else if (row->shown)
		assert_ok(r);
	else
		assert_fails(r, ENOTCONN);
	if (!row->error && !row->identity)
		assert_int_equal(tls_get_int(e.server, TLS_CERT_VERIFY_RESULT),
				 row->mode == TLS_PEER_VERIFY_NONE ? 0x80 : 0x40);
	ends_close(&e);
}

/* What the server's list says; there is no list where it does not ask. */
static void acceptable(void **state)
{
	static const struct {
		const char *trust, *names;
	} rows[] = {{"ca.pem", "CN=Test Root"},
		    {"two-roots.pem", "CN=Test Root\nCN=Unrelated Root"},
		    {NULL, NULL}};
	char got[8];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ends e;

		ends_open(&e, "good", "localhost");
		if (rows[i].trust)
			tls_set_text(e.listener, TLS_TRUSTED_PEER_CERTIFICATES,
				     zoo("%s", rows[i].trust));
		ends_show(e.client, "client");
		ends_meet(&e);
		assert_int_equal(e.error, 0);
		if (rows[i].names)
			assert_string_equal(tls_get_text(e.client, TLS_ACCEPTABLE_CAS),
					    rows[i].names);
		else
			assert_fails(getsockopt(e.client, SOL_TLS, TLS_ACCEPTABLE_CAS, got,
						&(socklen_t){sizeof(got)}),
				     ENOTCONN);
		assert_fails(getsockopt(e.server, SOL_TLS, TLS_ACCEPTABLE_CAS, got,
					&(socklen_t){sizeof(got)}),
			     ENOTCONN);
		ends_close(&e);
	}
}

static const struct CMUnitTest others[] = {CASE(acceptable), CASE(pin_of_client), CASE(pin_values)};

int main(void)
{
	struct CMUnitTest tests[COUNT(pin_rows) + COUNT(requests) + COUNT(others)];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(pin_rows); i++)
		tests[n++] = ROW_CASE(pin_rows[i].title, pin, ROW(pin_rows[i]));
	for (size_t i = 0; i < COUNT(requests); i++)
		tests[n++] = ROW_CASE(requests[i].title, request, ROW(requests[i]));
	for (size_t i = 0; i < COUNT(others); i++)
		tests[n++] = others[i];
	return compare_main("peerpins", NULL, 0, tests, n);
}
