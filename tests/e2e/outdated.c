/* SPDX-License-Identifier: MIT */
/*
 * Versions and cipher suites that must not be spoken any more, offered by a peer that the
 * test plays: its hello alone is answered by an alert, and by nothing else. The control is
 * the same hello with what may be spoken. Nothing that a program says brings them back.
 */
#include "ends.h"
#include "settle.h"
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

enum { RECORD_HEADER = 5, RECORD_MOST = 16384, ALERT = 21, HANDSHAKE = 22, FATAL = 2 };
enum { CLIENT_HELLO = 1, SERVER_HELLO = 2 };
enum { SSL_3_0 = 0x0300, TLS_1_0_WIRE = 0x0301, TLS_1_1_WIRE = 0x0302, TLS_1_2_WIRE = 0x0303 };

static const struct offer {
	const char *title;
	unsigned int version, suite;
	bool allowed;
} offers[] = {
	{"control, ECDSA", TLS_1_2_WIRE, 0xc02b, true},
	{"control, RSA", TLS_1_2_WIRE, 0xc02f, true},
	{"SSL 3.0", SSL_3_0, 0x002f, false},
	{"SSL 3.0, a suite of today", SSL_3_0, 0xc02b, false},
	{"TLS 1.0", TLS_1_0_WIRE, 0xc009, false},
	{"TLS 1.0, a suite of today", TLS_1_0_WIRE, 0xc02b, false},
	{"TLS 1.1", TLS_1_1_WIRE, 0xc009, false},
	{"TLS 1.1, a suite of today", TLS_1_1_WIRE, 0xc02b, false},
	{"nothing at all", TLS_1_2_WIRE, 0x0000, false},
	{"NULL, RSA", TLS_1_2_WIRE, 0x003b, false},
	{"NULL, ECDHE", TLS_1_2_WIRE, 0xc006, false},
	{"export, RC4", TLS_1_2_WIRE, 0x0003, false},
	{"export, DES", TLS_1_2_WIRE, 0x0008, false},
	{"export, DHE", TLS_1_2_WIRE, 0x0014, false},
	{"export, 1024 bits", TLS_1_2_WIRE, 0x0062, false},
	{"RC4, MD5", TLS_1_2_WIRE, 0x0004, false},
	{"RC4, ECDHE", TLS_1_2_WIRE, 0xc007, false},
	{"DES", TLS_1_2_WIRE, 0x0009, false},
	{"3DES, RSA", TLS_1_2_WIRE, 0x000a, false},
	{"3DES, ECDHE", TLS_1_2_WIRE, 0xc008, false},
	{"anonymous DH", TLS_1_2_WIRE, 0x00a6, false},
	{"anonymous ECDH", TLS_1_2_WIRE, 0xc018, false},
};

/* All that GnuTLS has of them. */
static const char *const priorities[] = {
	NULL,
	"NORMAL:+VERS-TLS-ALL:+RSA:+NULL:+ARCFOUR-128:+3DES-CBC:+MD5:+ANON-DH:+ANON-ECDH:"
	"+SIGN-ALL:%PROFILE_VERY_WEAK",
};

/* Bytes of a message, in the order of the wire. */
struct wire {
	unsigned char bytes[256];
	size_t length;
};

static void put(struct wire *w, unsigned int value, size_t bytes)
{
	for (size_t i = bytes; i > 0; i--)
		w->bytes[w->length++] = (unsigned char)(value >> 8 * (i - 1));
}

/* What follows is as long as the number that stands before it. */
static size_t begin(struct wire *w, size_t bytes)
{
	put(w, 0, bytes);
	return w->length;
}

static void end(struct wire *w, size_t start, size_t bytes)
{
	size_t end = w->length, length = end - start;

	w->length = start - bytes;
	put(w, (unsigned int)length, bytes);
	w->length = end;
}

/* What a TLS 1.2 server wants to know before it chooses a suite with ECDHE. */
static void put_client_extensions(struct wire *w)
{
	static const unsigned int algorithms[] = {0x0403, 0x0804, 0x0401, 0x0203, 0x0201};

	put(w, 0x000a0004, 4); /* supported_groups */
	put(w, 0x00020017, 4);
	put(w, 0x000b0002, 4); /* ec_point_formats */
	put(w, 0x0100, 2);
	put(w, 0x000d, 2); /* signature_algorithms */
	put(w, 2 + sizeof(algorithms) / sizeof(algorithms[0]) * 2, 2);
	put(w, sizeof(algorithms) / sizeof(algorithms[0]) * 2, 2);
	for (size_t i = 0; i < COUNT(algorithms); i++)
		put(w, algorithms[i], 2);
}

/* A hello that says nothing but this version and this suite. */
static struct wire hello_of(const struct offer *offer, int type)
{
	struct wire w = {.length = 0};
	size_t record, message, extensions;

	put(&w, HANDSHAKE, 1);
	put(&w, offer->version, 2);
	record = begin(&w, 2);
	put(&w, (unsigned int)type, 1);
	message = begin(&w, 3);
	put(&w, offer->version, 2);
	for (unsigned int i = 0; i < 32; i++)
		put(&w, i * 7, 1); /* random */
	put(&w, 0, 1);		   /* session_id */
	if (type == CLIENT_HELLO)
		put(&w, 2, 2);
	put(&w, offer->suite, 2);
	if (type == CLIENT_HELLO)
		put(&w, 1, 1);
	put(&w, 0, 1); /* no compression */
	if (offer->version > SSL_3_0) {
		extensions = begin(&w, 2);
		if (type == CLIENT_HELLO)
			put_client_extensions(&w);
		put(&w, 0xff010001, 4); /* renegotiation_info */
		put(&w, 0, 1);
		end(&w, extensions, 2);
	}
	end(&w, message, 3);
	end(&w, record, 2);
	return w;
}

static void say_hello(int fd, const struct offer *offer, int type)
{
	struct wire w = hello_of(offer, type);

	assert_int_equal(send(fd, w.bytes, w.length, 0), w.length);
}

/* Reads a record. Returns its length, 0 at the end. */
static size_t read_record(int fd, unsigned char *record)
{
	ssize_t n = recv(fd, record, RECORD_HEADER, MSG_WAITALL);
	size_t length;

	if (n == 0)
		return 0;
	assert_int_equal(n, RECORD_HEADER);
	length = (size_t)record[3] << 8 | record[4];
	assert_in_range(length, 1, RECORD_MOST);
	assert_int_equal(recv(fd, record + RECORD_HEADER, length, MSG_WAITALL), length);
	return RECORD_HEADER + length;
}

/* The library's end, once the hello has come, and all that it says to the test's. */
static void judge(int fd, int peer, const struct offer *offer, int answer)
{
	static unsigned char record[RECORD_HEADER + RECORD_MOST];

	settle(peer, fd);
	assert_fails(setsockopt(fd, IPPROTO_TLS, TLS_HANDSHAKE, NULL, 0),
		     offer->allowed ? EAGAIN : EPROTO);
	if (offer->allowed && answer) {
		assert_int_equal(read_record(peer, record) > RECORD_HEADER, 1);
		assert_int_equal(record[0], HANDSHAKE);
		assert_int_equal(record[RECORD_HEADER], answer);
	} else if (offer->allowed) {
		assert_fails(recv(peer, record, 1, MSG_DONTWAIT), EAGAIN);
	} else {
		assert_true(send(fd, "secret", 6, MSG_NOSIGNAL) < 0);
		assert_int_equal(read_record(peer, record), RECORD_HEADER + 2);
		assert_int_equal(record[0], ALERT);
		assert_int_equal(record[RECORD_HEADER], FATAL);
		assert_int_equal(read_record(peer, record), 0);
	}
}

static void as_client(void **state)
{
	static unsigned char record[RECORD_HEADER + RECORD_MOST];
	const struct offer *offer = *state;
	uint16_t port;

	for (size_t i = 0; i < COUNT(priorities); i++) {
		int listener = net_listen(AF_INET, &port), server;
		int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");

		if (priorities[i])
			tls_set_text(fd, TLS_PRIORITY, priorities[i]);
		assert_ok(fcntl(fd, F_SETFL, O_NONBLOCK));
		assert_fails(tls_connect(fd, AF_INET, port), EINPROGRESS);
		server = (int)assert_ok(accept(listener, NULL, NULL));
		assert_fails(setsockopt(fd, IPPROTO_TLS, TLS_HANDSHAKE, NULL, 0), EAGAIN);
		read_record(server, record);
		assert_int_equal(record[RECORD_HEADER], CLIENT_HELLO);
		say_hello(server, offer, SERVER_HELLO);
		judge(fd, server, offer, 0);
		close(fd);
		close(server);
		close(listener);
	}
}

static void as_server(void **state)
{
	const struct offer *offer = *state;
	uint16_t port;

	for (size_t i = 0; i < COUNT(priorities); i++) {
		int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port), fd, client;

		ends_show(listener, "good-rsa");
		if (priorities[i])
			tls_set_text(listener, TLS_PRIORITY, priorities[i]);
		client = net_connect(AF_INET, port);
		say_hello(client, offer, CLIENT_HELLO);
		fd = (int)assert_ok(accept4(listener, NULL, NULL, SOCK_NONBLOCK));
		judge(fd, client, offer, SERVER_HELLO);
		close(fd);
		close(client);
		close(listener);
	}
}

int main(void)
{
	static char titles[2 * COUNT(offers)][64];
	struct CMUnitTest tests[COUNT(titles)];

	for (size_t i = 0; i < COUNT(titles); i++) {
		const struct offer *offer = &offers[i / 2];

		snprintf(titles[i], sizeof(titles[i]), "%s: %s", i % 2 ? "server" : "client",
			 offer->title);
		tests[i] = ROW_CASE(titles[i], i % 2 ? as_server : as_client, ROW(*offer));
	}
	return compare_main("outdated", NULL, 0, tests, COUNT(tests));
}
