/* SPDX-License-Identifier: MIT */
/* Which name is verified when the program only called getaddrinfo() and connect(). */
#include "peer.h"
#include "trace.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

size_t fake_names_count(void);

static struct addrinfo *resolve(const char *name, uint16_t port)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *result = NULL;
	char service[16];

	snprintf(service, sizeof(service), "%u", port);
	assert_int_equal(getaddrinfo(name, service, &hints, &result), 0);
	return result;
}

static int trusting(int family)
{
	return tls_socket(family, IPPROTO_TLS, NULL);
}

static void start(struct native_peer *peer, const char *identity)
{
	peer_listen(peer, "gnutls-peer", AF_INET, identity, "--mode", "source", "--bytes", "1",
		    "--connections", "1", NULL);
}

/* Finish a connection that worked: which name the server was asked for. */
static void finish(int fd, struct native_peer *peer, const char *sni)
{
	char *line = proc_line(&peer->proc, "handshake ok"), c;

	if (!strstr(line, sni))
		fail_msg("not %s: %s", sni, line);
	free(line);
	assert_int_equal(recv(fd, &c, 1, 0), 1);
	assert_ok(close(fd));
	assert_int_equal(proc_finish(&peer->proc), 0);
}

static void pointer_in_result(void **state)
{
	struct native_peer peer;
	struct addrinfo *result;
	int fd = trusting(AF_INET);

	(void)state;
	start(&peer, "wildcard");
	result = resolve("one.example.test", peer.port);
	assert_ok(connect(fd, result->ai_addr, result->ai_addrlen));
	freeaddrinfo(result);
	finish(fd, &peer, "sni=one.example.test ");
}

/* Two names of one address: the pointer tells which was meant. */
static void pointers_tell(void **state)
{
	static const char *const names[] = {"one.example.test", "two.example.test"};
	struct addrinfo *results[2];

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct native_peer peer;
		char sni[64];
		int fd = trusting(AF_INET);

		start(&peer, "wildcard");
		results[0] = resolve(names[0], peer.port);
		results[1] = resolve(names[1], peer.port);
		assert_ok(connect(fd, results[i]->ai_addr, results[i]->ai_addrlen));
		freeaddrinfo(results[0]);
		freeaddrinfo(results[1]);
		snprintf(sni, sizeof(sni), "sni=%s ", names[i]);
		finish(fd, &peer, sni);
	}
}

/* A copy of the address, the result freed: the one name that it had. */
static void copied(void **state)
{
	struct native_peer peer;
	struct addrinfo *result;
	union net_address address = {0};
	int fd = trusting(AF_INET6);

	(void)state;
	peer_listen(&peer, "gnutls-peer", AF_INET6, "wildcard", "--mode", "source", "--bytes", "1",
		    "--connections", "1", NULL);
	result = resolve("six.example.test", peer.port);
	memcpy(&address, result->ai_addr, result->ai_addrlen);
	freeaddrinfo(result);
	assert_ok(connect(fd, &address.any, sizeof(address.in6)));
	finish(fd, &peer, "sni=six.example.test ");
}

/*
 * A copy of an address with two names is not guessed at: whoever owns the other
 * name could else stand in for the one that was meant.
 */
static void ambiguous(void **state)
{
	struct native_peer peer;
	struct addrinfo *one, *two;
	union net_address address = {0};
	socklen_t length;
	int fd = trusting(AF_INET);

	(void)state;
	start(&peer, "wildcard");
	one = resolve("one.example.test", peer.port);
	two = resolve("two.example.test", peer.port);
	length = one->ai_addrlen;
	memcpy(&address, one->ai_addr, length);
	freeaddrinfo(one);
	freeaddrinfo(two);
	assert_true(connect(fd, &address.any, length) < 0);
	assert_non_null(strstr(tls_get_text(fd, TLS_ERROR), "TLS_HOSTNAME"));
	close(fd);

	/* Told which, it goes on. */
	fd = tls_socket(AF_INET, IPPROTO_TLS, "two.example.test");
	assert_ok(connect(fd, &address.any, length));
	finish(fd, &peer, "sni=two.example.test ");
}

/* As socat has it: bound to the target's address, which was asked for as such. */
static void bound_to_it(void **state)
{
	const struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
	struct addrinfo *target, *own;
	union net_address to, from;
	uint16_t port;
	int fd = trusting(AF_INET);

	(void)state;
	close(net_listen(AF_INET, &port));
	target = resolve("own.example.test", port);
	memcpy(&to, target->ai_addr, target->ai_addrlen);
	freeaddrinfo(target);
	assert_int_equal(getaddrinfo("127.0.0.3", NULL, &hints, &own), 0);
	memcpy(&from, own->ai_addr, own->ai_addrlen);
	freeaddrinfo(own);
	assert_fails(connect(fd, &to.any, sizeof(to.in)), EPROTO);
	assert_non_null(strstr(tls_get_text(fd, TLS_ERROR), "several names"));
	assert_ok(bind(fd, &from.any, sizeof(from.in)));
	assert_fails(connect(fd, &to.any, sizeof(to.in)), ECONNREFUSED);
	close(fd);
}

/* TLS_HOSTNAME comes before every name that was looked up. */
static void set_name_wins(void **state)
{
	struct native_peer peer;
	struct addrinfo *result;
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");

	(void)state;
	start(&peer, "good");
	result = resolve("one.example.test", peer.port);
	assert_ok(connect(fd, result->ai_addr, result->ai_addrlen));
	freeaddrinfo(result);
	finish(fd, &peer, "sni=localhost ");
}

/* The name that was looked up is verified, not only sent. */
static void verified(void **state)
{
	struct native_peer peer;
	struct addrinfo *result;
	int fd = trusting(AF_INET);

	(void)state;
	peer_listen(&peer, "gnutls-peer", AF_INET, "good", "--connections", "1", NULL);
	result = resolve("one.example.test", peer.port);
	assert_fails(connect(fd, result->ai_addr, result->ai_addrlen), EPROTO);
	freeaddrinfo(result);
	assert_non_null(strstr(tls_get_text(fd, TLS_ERROR), "one.example.test"));
	close(fd);
	proc_finish(&peer.proc);
}

/*
 * An address that was never looked up is its own name: no SNI, and the IP SAN
 * counts. The mapped form of an IPv4 address is that address.
 */
static void literal(void **state)
{
	static const char *const texts[] = {"::ffff:127.0.0.1", "127.0.0.1"};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct native_peer peer;
		union net_address address = {0};
		int family = i == 0 ? AF_INET6 : AF_INET, fd = trusting(family);

		start(&peer, "ip-only");
		address.any.sa_family = (sa_family_t)family;
		address.in.sin_port = htons(peer.port);
		assert_int_equal(inet_pton(family, texts[i],
					   i == 0 ? (void *)&address.in6.sin6_addr
						  : (void *)&address.in.sin_addr),
				 1);
		assert_ok(connect(fd, &address.any,
				  i == 0 ? sizeof(address.in6) : sizeof(address.in)));
		finish(fd, &peer, "sni=- ");
	}
}

static socklen_t host_address(struct sockaddr_host *address, const char *name, uint16_t port)
{
	*address = (struct sockaddr_host){.sh_family = AF_HOSTNAME, .sh_port = htons(port)};
	memcpy(address->sh_addr.name, name, strlen(name) + 1);
	return sizeof(*address);
}

/* AF_HOSTNAME: names of one address and of two, the second of which is the one. */
static const struct reached {
	const char *title, *name, *sni;
	int family; /* the server's */
} reached[] = {
	{"AF_HOSTNAME to IPv4", "one.example.test", "sni=one.example.test ", AF_INET},
	{"AF_HOSTNAME to IPv6", "six.example.test", "sni=six.example.test ", AF_INET6},
	{"AF_HOSTNAME to both, IPv6 answers", "both.example.test", "sni=both.example.test ",
	 AF_INET6},
	{"AF_HOSTNAME to both, IPv6 refuses", "both.example.test", "sni=both.example.test ",
	 AF_INET},
};

static void by_host_name(void **state)
{
	const struct reached *row = *state;
	struct native_peer peer;
	struct sockaddr_host address;
	union net_address got;
	socklen_t length = sizeof(got);
	int fd = trusting(AF_HOSTNAME);

	peer_listen(&peer, "gnutls-peer", row->family, "wildcard", "--mode", "source", "--bytes",
		    "1", "--connections", "1", NULL);
	assert_ok(connect(fd, (struct sockaddr *)&address,
			  host_address(&address, row->name, peer.port)));
	assert_ok(getpeername(fd, &got.any, &length));
	assert_int_equal(IN6_IS_ADDR_V4MAPPED(&got.in6.sin6_addr), row->family == AF_INET);
	finish(fd, &peer, row->sni);
}

/* It is the name that is verified, and whom it leads to must not matter. */
static void host_name_is_verified(void **state)
{
	struct native_peer peer;
	struct sockaddr_host address;
	int fd = trusting(AF_HOSTNAME);

	(void)state;
	start(&peer, "good");
	assert_fails(connect(fd, (struct sockaddr *)&address,
			     host_address(&address, "one.example.test", peer.port)),
		     EPROTO);
	assert_non_null(strstr(tls_get_text(fd, TLS_ERROR), "one.example.test"));
	close(fd);
	proc_finish(&peer.proc);
}

static void all_refuse(void **state)
{
	struct sockaddr_host address;
	uint16_t port;
	int fd = trusting(AF_HOSTNAME);

	(void)state;
	close(net_listen(AF_INET, &port));
	assert_fails(connect(fd, (struct sockaddr *)&address,
			     host_address(&address, "both.example.test", port)),
		     ECONNREFUSED);
	close(fd);
}

/* An IPv4 peer of an AF_HOSTNAME socket shows as a v4-mapped address. */
static void mapped_peer(void **state)
{
	struct native_peer peer;
	struct sockaddr_host address;
	union net_address got;
	socklen_t length = sizeof(got);
	int fd = trusting(AF_HOSTNAME);

	(void)state;
	start(&peer, "wildcard");
	assert_ok(connect(fd, (struct sockaddr *)&address,
			  host_address(&address, "one.example.test", peer.port)));
	assert_ok(getpeername(fd, &got.any, &length));
	assert_int_equal(got.any.sa_family, AF_INET6);
	assert_true(IN6_IS_ADDR_V4MAPPED(&got.in6.sin6_addr));
	assert_int_equal(ntohs(got.in6.sin6_port), peer.port);
	finish(fd, &peer, "sni=one.example.test ");
}

static const struct CMUnitTest others[] = {
	CASE(literal), /* first: later the address has names */
	CASE(pointer_in_result), CASE(pointers_tell),	      CASE(copied),
	CASE(ambiguous),	 CASE(set_name_wins),	      CASE(verified),
	CASE(bound_to_it),	 CASE(host_name_is_verified), CASE(all_refuse),
	CASE(mapped_peer),
};

int main(void)
{
	struct CMUnitTest tests[COUNT(others) + COUNT(reached)];
	size_t n = 0;

	if (fake_names_count() == 0)
		return 1;
	for (; n < COUNT(others); n++)
		tests[n] = others[n];
	for (size_t i = 0; i < COUNT(reached); i++)
		tests[n++] = ROW_CASE(reached[i].title, by_host_name, ROW(reached[i]));
	return compare_main("names", NULL, 0, tests, n);
}
