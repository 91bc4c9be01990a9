/* SPDX-License-Identifier: MIT */
#include "net.h"
#include "test.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <tlssock.h>
#include <unistd.h>

socklen_t net_loopback(union net_address *address, int family, uint16_t port)
{
	memset(address, 0, sizeof(*address));
	address->any.sa_family = (sa_family_t)family;
	address->in.sin_port = htons(port); /* sin6_port lies at the same place */
	if (family == AF_INET6) {
		address->in6.sin6_addr = in6addr_loopback;
		return sizeof(address->in6);
	}
	address->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return sizeof(address->in);
}

static int bind_and_listen(int fd, int family, uint16_t *port)
{
	union net_address address;
	socklen_t length = net_loopback(&address, family, 0);

	assert_ok(bind(fd, &address.any, length));
	assert_ok(listen(fd, 128));
	assert_ok(getsockname(fd, &address.any, &length));
	*port = ntohs(address.in.sin_port);
	return fd;
}

int net_listen(int family, uint16_t *port)
{
	int fd = (int)assert_ok(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));

	return bind_and_listen(fd, family, port);
}

int net_connect(int family, uint16_t port)
{
	int fd = (int)assert_ok(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));

	assert_ok(tls_connect(fd, family, port));
	return fd;
}

void tls_set_text(int fd, int option, const char *text)
{
	assert_ok(setsockopt(fd, IPPROTO_TLS, option, text, (socklen_t)strlen(text)));
}

void tls_set_int(int fd, int option, int value)
{
	assert_ok(setsockopt(fd, IPPROTO_TLS, option, &value, sizeof(value)));
}

int tls_get_int(int fd, int option)
{
	int value = -1;
	socklen_t length = sizeof(value);

	assert_ok(getsockopt(fd, IPPROTO_TLS, option, &value, &length));
	assert_int_equal(length, sizeof(value));
	return value;
}

const char *tls_get_text(int fd, int option)
{
	static char ring[4][8192];
	static size_t next;
	char *text = ring[next++ % COUNT(ring)];
	socklen_t length = sizeof(ring[0]);

	assert_ok(getsockopt(fd, IPPROTO_TLS, option, text, &length));
	assert_true(length > 0 && text[length - 1] == '\0');
	return text;
}

int tls_listen(int family, int protocol, const char *identity, uint16_t *port)
{
	int fd = (int)assert_ok(socket(family, SOCK_STREAM, protocol));

	if (protocol != IPPROTO_TCP) {
		tls_set_text(fd, TLS_CERTIFICATE_CHAIN, zoo("%s.pem", identity));
		tls_set_text(fd, TLS_PRIVATE_KEY, zoo("%s.key", identity));
	}
	return bind_and_listen(fd, family, port);
}

int tls_socket(int family, int protocol, const char *name)
{
	int fd = (int)assert_ok(socket(family, SOCK_STREAM, protocol));

	if (protocol == IPPROTO_TCP)
		return fd;
	tls_set_text(fd, TLS_TRUSTED_PEER_CERTIFICATES, zoo("ca.pem"));
	if (name)
		tls_set_text(fd, TLS_HOSTNAME, name);
	return fd;
}

int tls_connect(int fd, int family, uint16_t port)
{
	union net_address address;
	socklen_t length = net_loopback(&address, family, port);

	return connect(fd, &address.any, length);
}

static void *connect_in_thread(void *arg)
{
	struct connecting *c = arg;

	c->result = tls_connect(c->fd, c->family, c->port);
	c->error = errno;
	return NULL;
}

void connecting_start(struct connecting *connecting, int fd, int family, uint16_t port)
{
	*connecting = (struct connecting){.fd = fd, .family = family, .port = port};
	assert_int_equal(pthread_create(&connecting->thread, NULL, connect_in_thread, connecting),
			 0);
}

int connecting_finish(struct connecting *connecting)
{
	pthread_join(connecting->thread, NULL);
	errno = connecting->error;
	return connecting->result;
}

void net_epoll(int epfd, int op, int fd, uint32_t events, uint32_t data)
{
	struct epoll_event event = {.events = events, .data.u32 = data};

	assert_ok(epoll_ctl(epfd, op, fd, &event));
}

void link_open(struct link *link, int protocol, int family)
{
	struct connecting connecting;

	*link = (struct link){protocol, family, 0, -1, -1, -1};
	link->listener = tls_listen(family, protocol, "good", &link->port);
	link->client = tls_socket(family, protocol, "localhost");
	connecting_start(&connecting, link->client, family, link->port);
	link->server = (int)assert_ok(accept(link->listener, NULL, NULL));
	/* The handshake of an accepted socket runs in the first call that needs it. */
	if (protocol != IPPROTO_TCP)
		assert_int_equal(tls_get_int(link->server, TLS_CHOSEN_VERSION), test_version());
	assert_ok(connecting_finish(&connecting));
	/* Nagle's algorithm would make what a call finds a matter of time. */
	assert_ok(setsockopt(link->client, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)));
	assert_ok(setsockopt(link->server, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)));
}

void link_half_open(struct link *link, int family)
{
	char c;

	*link = (struct link){IPPROTO_TLS, family, 0, -1, -1, -1};
	link->listener = tls_listen(family, IPPROTO_TLS, "good", &link->port);
	link->client = tls_socket(family, IPPROTO_TLS, "localhost");
	assert_ok(fcntl(link->client, F_SETFL, O_NONBLOCK));
	assert_fails(tls_connect(link->client, family, link->port), EINPROGRESS);
	assert_fails(recv(link->client, &c, 1, 0), EAGAIN);
	link->server = (int)assert_ok(accept4(link->listener, NULL, NULL, SOCK_NONBLOCK));
}

void link_finish(struct link *link)
{
	char c;

	assert_ok(fcntl(link->client, F_SETFL, 0));
	assert_ok(fcntl(link->server, F_SETFL, 0));
	assert_int_equal(send(link->client, "f", 1, 0), 1);
	assert_int_equal(recv(link->server, &c, 1, 0), 1);
}

void link_drop(int *fd)
{
	if (*fd >= 0)
		assert_ok(close(*fd));
	*fd = -1;
}

void link_close(struct link *link)
{
	link_drop(&link->client);
	link_drop(&link->server);
	link_drop(&link->listener);
}
