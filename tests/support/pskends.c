/* SPDX-License-Identifier: MIT */
#include "pskends.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

const char psk_key[] = "sixteen bytes of";

int psk_tls(int protocol)
{
	return (int)assert_ok(socket(AF_INET, SOCK_STREAM, protocol));
}

int psk_set(int fd, int option, const void *value, size_t len)
{
	return setsockopt(fd, IPPROTO_TLS, option, value, (socklen_t)len);
}

void psk_tell(int fd, const char *identity, const void *secret, size_t len)
{
	assert_ok(psk_set(fd, TLS_PSK_IDENTITY, identity, strlen(identity)));
	assert_ok(psk_set(fd, TLS_PSK, secret, len));
}

int psk_socket(int protocol, const char *identity, const char *secret)
{
	int fd = psk_tls(protocol);

	psk_tell(fd, identity, secret, strlen(secret));
	return fd;
}

void psk_ends_open(struct psk_ends *ends, int listener, int client)
{
	struct connecting connecting;
	union net_address address;
	socklen_t length = net_loopback(&address, AF_INET, 0);

	assert_ok(bind(listener, &address.any, length));
	assert_ok(listen(listener, 1));
	assert_ok(getsockname(listener, &address.any, &length));
	*ends = (struct psk_ends){.listener = listener, .client = client};
	tls_set_int(listener, TLS_HANDSHAKE_MODE, TLS_HANDSHAKE_DEFERRED);
	connecting_start(&connecting, client, AF_INET, ntohs(address.in.sin_port));
	ends->server = (int)assert_ok(accept(listener, NULL, NULL));
	(void)!setsockopt(ends->server, IPPROTO_TLS, TLS_HANDSHAKE, NULL, 0);
	ends->connected = connecting_finish(&connecting);
	ends->connect_error = errno;
}

void psk_ends_close(struct psk_ends *ends)
{
	assert_ok(close(ends->client));
	assert_ok(close(ends->server));
	assert_ok(close(ends->listener));
}

struct tls_info psk_info(int fd)
{
	struct tls_info info = {0};
	socklen_t len = sizeof(info);

	assert_ok(getsockopt(fd, IPPROTO_TLS, TLS_INFO, &info, &len));
	return info;
}

int psk_no_text(int fd, int option)
{
	char text[256];
	socklen_t len = sizeof(text);

	return getsockopt(fd, IPPROTO_TLS, option, text, &len);
}

/* Both ends know each other by the psk_key of an identity. */
void psk_agreed(const struct psk_ends *ends, const char *identity)
{
	const int fds[] = {ends->client, ends->server};
	char c;

	errno = ends->connect_error;
	assert_ok(ends->connected);
	for (size_t i = 0; i < COUNT(fds); i++) {
		struct tls_info info = psk_info(fds[i]);

		assert_int_equal(info.version, test_version());
		assert_int_equal(info.verified, 1);
		assert_int_equal(info.resumed, 0);
		/* With a secret of its own for each connection. */
		assert_string_not_equal(info.group, "");
		assert_string_equal(tls_get_text(fds[i], TLS_PSK_IDENTITY), identity);
		assert_fails(psk_no_text(fds[i], TLS_PEER_IDENTITY), ENOTCONN);
		assert_fails(psk_no_text(fds[i], TLS_PSK), ENOPROTOOPT);
		assert_int_equal(send(fds[i], "x", 1, 0), 1);
		assert_int_equal(recv(fds[!i], &c, 1, 0), 1);
	}
}

void psk_refused(const struct psk_ends *ends, int error, const char *client, const char *server)
{
	char c;

	/* In TLS 1.3 a client may be done before the server refuses it. */
	if (ends->connected == 0) {
		assert_fails(recv(ends->client, &c, 1, 0), error);
	} else {
		errno = ends->connect_error;
		assert_fails(ends->connected, error);
	}
	assert_fails(recv(ends->server, &c, 1, 0), error);
	if (!strstr(tls_get_text(ends->client, TLS_ERROR), client) ||
	    !strstr(tls_get_text(ends->server, TLS_ERROR), server))
		fail_msg("client: %s\nserver: %s", tls_get_text(ends->client, TLS_ERROR),
			 tls_get_text(ends->server, TLS_ERROR));
}
