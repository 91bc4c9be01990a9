/* SPDX-License-Identifier: MIT */
#include "visit.h"
#include "test.h"
#include <stdbool.h>
#include <tlssock.h>
#include <unistd.h>

enum { RECORD_HEADER = 5, MESSAGE_HEADER = 4, HANDSHAKE = 22, CLIENT_HELLO = 1 };
enum { TICKET = 35, PRE_SHARED_KEY = 41 };

int visit_stay(int listener, uint16_t port, int fd, int *server)
{
	struct connecting connecting;
	int resumed;
	char c = 0;

	connecting_start(&connecting, fd, AF_INET, port);
	*server = (int)assert_ok(accept(listener, NULL, NULL));
	resumed = tls_get_int(*server, TLS_RESUMED_SESSION);
	assert_ok(connecting_finish(&connecting));
	assert_int_equal(tls_get_int(fd, TLS_RESUMED_SESSION), resumed);
	assert_int_equal(tls_get_int(fd, TLS_CHOSEN_VERSION), test_version());
	assert_int_equal(send(fd, "u", 1, 0), 1);
	assert_int_equal(recv(*server, &c, 1, 0), 1);
	assert_int_equal(c, 'u');
	assert_int_equal(send(*server, "d", 1, 0), 1);
	assert_int_equal(recv(fd, &c, 1, 0), 1);
	assert_int_equal(c, 'd');
	return resumed;
}

int visit(int listener, uint16_t port, int fd)
{
	int server, resumed = visit_stay(listener, port, fd, &server);

	assert_ok(close(fd));
	assert_ok(close(server));
	return resumed;
}

int visit_again(int listener, uint16_t port)
{
	return visit(listener, port, tls_socket(AF_INET, IPPROTO_TLS, "localhost"));
}

void visit_purge(void)
{
	int fd = tls_socket(AF_INET, IPPROTO_TLS, NULL);

	assert_ok(setsockopt(fd, SOL_TLS, TLS_SESSION_CACHE_PURGE, NULL, 0));
	close(fd);
}

/* 0 past the end. */
static size_t number(const uint8_t *p, const uint8_t *end, size_t at, size_t bytes)
{
	size_t n = 0;

	for (size_t i = 0; i < bytes; i++)
		n = n << 8 | (p + at + i < end ? p[at + i] : 0);
	return n;
}

static bool shows_ticket(const uint8_t *p, const uint8_t *end)
{
	p += RECORD_HEADER + MESSAGE_HEADER + 2 + 32;
	p += 1 + number(p, end, 0, 1);
	p += 2 + number(p, end, 0, 2);
	p += 1 + number(p, end, 0, 1);
	end = p + 2 + number(p, end, 0, 2);
	for (p += 2; p < end; p += 4 + number(p, end, 2, 2)) {
		size_t type = number(p, end, 0, 2);

		if (type == PRE_SHARED_KEY || (type == TICKET && number(p, end, 2, 2) > 0))
			return true;
	}
	return false;
}

const char *visit_hellos(const void *bytes, size_t length, char *text, size_t size)
{
	const uint8_t *p = bytes, *end = p + length;
	size_t n = 0;

	for (; end - p > RECORD_HEADER + MESSAGE_HEADER + 2 && n + 1 < size; p++) {
		/* A record and a message that begins in it, of versions 3.x both. */
		if (p[0] != HANDSHAKE || p[1] != 3 || p[5] != CLIENT_HELLO || p[6] != 0 ||
		    p[9] != 3 || p[10] != 3 ||
		    number(p, end, 3, 2) != number(p, end, 6, 3) + MESSAGE_HEADER)
			continue;
		text[n++] = shows_ticket(p, end) ? '+' : '-';
	}
	text[n] = '\0';
	return text;
}
