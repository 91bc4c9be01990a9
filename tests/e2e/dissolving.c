/* SPDX-License-Identifier: MIT */
/*
 * connect to AF_UNSPEC, which makes a socket as it was before its connection, in each state
 * and with threads that wait; and sockets that are shut down before they are connected.
 */
#include "settle.h"
#include "trace.h"
#include "waiting.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <tlssock.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000 };

static char got[16];

static int dissolve(int fd)
{
	const struct sockaddr unspecified = {.sa_family = AF_UNSPEC};

	return connect(fd, &unspecified, sizeof(unspecified));
}

static int revents(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};

	return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

static int socket_error(int fd)
{
	int error = -1;
	socklen_t len = sizeof(error);

	assert_ok(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
	return error;
}

/* The socket is good for another connection, that says something both ways. */
static void connects_again(struct link *l, struct trace *t, int fd)
{
	struct connecting connecting;
	struct link again = {.client = fd};

	assert_ok(fcntl(fd, F_SETFL, 0));
	if (l->protocol == IPPROTO_TLS) {
		tls_set_text(fd, TLS_HOSTNAME, "localhost");
		tls_set_text(fd, TLS_TRUSTED_PEER_CERTIFICATES, zoo("ca.pem"));
	}
	connecting_start(&connecting, fd, l->family, l->port);
	again.server = (int)assert_ok(accept(l->listener, NULL, NULL));
	if (l->protocol == IPPROTO_TLS)
		assert_ok(setsockopt(again.server, IPPROTO_TLS, TLS_HANDSHAKE, NULL, 0));
	CALL(t, connecting_finish(&connecting));
	CALL(t, send(fd, "again", 5, 0));
	trace_bytes(t, got, CALL(t, recv(again.server, got, sizeof(got), 0)));
	CALL(t, send(again.server, "fine", 4, 0));
	trace_bytes(t, got, CALL(t, recv(fd, got, sizeof(got), 0)));
	CALL(t, revents(fd));
	close(again.server);
}

static void open_one(struct link *l, struct trace *t)
{
	union net_address address;
	socklen_t len = sizeof(address);
	int n = -1;

	CALL(t, send(l->server, "unread", 6, 0));
	CALL(t, recv(l->client, got, 2, 0));
	CALL(t, dissolve(l->client));
	CALL(t, revents(l->client));
	CALL(t, ioctl(l->client, FIONREAD, &n));
	trace_note(t, "%d there", n);
	CALL(t, getpeername(l->client, &address.any, &len));
	CALL(t, recv(l->client, got, 4, 0));
	CALL(t, recv(l->client, got, 4, 0));
	CALL(t, send(l->client, "x", 1, 0));
	CALL(t, revents(l->client));
	CALL(t, recv(l->server, got, 4, 0));
	connects_again(l, t, l->client);
}

static void send_first(struct link *l, struct trace *t)
{
	CALL(t, dissolve(l->client));
	CALL(t, send(l->client, "x", 1, 0));
	CALL(t, send(l->client, "x", 1, 0));
	CALL(t, shutdown(l->client, SHUT_WR));
	CALL(t, dissolve(l->client));
	connects_again(l, t, l->client);
}

static void error_first(struct link *l, struct trace *t)
{
	CALL(t, dissolve(l->client));
	CALL(t, socket_error(l->client));
	CALL(t, socket_error(l->client));
	CALL(t, recv(l->client, got, 4, 0));
	CALL(t, revents(l->client));
}

static void connect_first(struct link *l, struct trace *t)
{
	CALL(t, dissolve(l->client));
	connects_again(l, t, l->client);
	CALL(t, socket_error(l->client));
}

/* The end that was accepted becomes a client, too. */
static void server_end(struct link *l, struct trace *t)
{
	CALL(t, dissolve(l->server));
	connects_again(l, t, l->server);
}

static void after_ends(struct link *l, struct trace *t)
{
	CALL(t, shutdown(l->client, SHUT_WR));
	CALL(t, recv(l->server, got, 4, 0));
	link_drop(&l->server);
	CALL(t, recv(l->client, got, 4, 0));
	CALL(t, dissolve(l->client));
	connects_again(l, t, l->client);
}

static void then_listen(struct link *l, struct trace *t)
{
	CALL(t, dissolve(l->server));
	if (l->protocol == IPPROTO_TLS) {
		tls_set_text(l->server, TLS_CERTIFICATE_CHAIN, zoo("good.pem"));
		tls_set_text(l->server, TLS_PRIVATE_KEY, zoo("good.key"));
	}
	CALL(t, listen(l->server, 3));
	CALL(t, dissolve(l->server));
	CALL(t, accept(l->server, NULL, NULL));
	CALL(t, listen(l->server, 3));
	CALL(t, dissolve(l->server));
	connects_again(l, t, l->server);
}

static void fresh(struct link *l, struct trace *t)
{
	const struct sockaddr unspecified = {.sa_family = AF_UNSPEC};
	int fd = (int)assert_ok(socket(l->family, SOCK_STREAM, l->protocol));

	CALL(t, dissolve(fd));
	CALL(t, revents(fd));
	CALL(t, connect(fd, &unspecified, 2));
	CALL(t, connect(fd, &unspecified, 1));
	CALL(t, connect(fd, &unspecified, 0));
	connects_again(l, t, fd);
	close(fd);
}

static void edges(struct link *l, struct trace *t)
{
	int epfd = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));
	struct epoll_event event = {0};

	net_epoll(epfd, EPOLL_CTL_ADD, l->client, EPOLLIN | EPOLLOUT | EPOLLET, 1);
	CALL(t, epoll_wait(epfd, &event, 1, 0));
	CALL(t, epoll_wait(epfd, &event, 1, 0));
	CALL(t, dissolve(l->client));
	CALL(t, epoll_wait(epfd, &event, 1, 0));
	CALL(t, event.events);
	CALL(t, epoll_wait(epfd, &event, 1, 0));
	connects_again(l, t, l->client);
	CALL(t, epoll_wait(epfd, &event, 1, 0));
	CALL(t, event.events);
	close(epfd);
}

static ssize_t by_poll(struct waiting *w)
{
	struct pollfd p = {.fd = w->fd, .events = POLLIN};
	int n = poll(&p, 1, PATIENCE_MS);

	return n < 0 ? n : p.revents;
}

static ssize_t by_accept(struct waiting *w)
{
	return accept(w->fd, NULL, NULL);
}

static ssize_t by_send(struct waiting *w)
{
	return send(w->fd, "x", 1, 0);
}

static ssize_t by_recv(struct waiting *w)
{
	return recv(w->fd, w->buf, sizeof(w->buf), 0);
}

static void with_waiter(struct trace *t, int fd, waiting_call *call)
{
	struct waiting w;

	waiting_start_in(&w, fd, call);
	CALL(t, dissolve(fd));
	waiting_finish(&w);
	trace_note(t, "the waiter: %zd, error %d", w.result, w.result < 0 ? w.error : 0);
}

static void while_receiving(struct link *l, struct trace *t)
{
	with_waiter(t, l->client, by_recv);
	CALL(t, recv(l->client, got, 4, 0));
	connects_again(l, t, l->client);
}

static void while_polling(struct link *l, struct trace *t)
{
	with_waiter(t, l->client, by_poll);
	connects_again(l, t, l->client);
}

static void while_sending(struct link *l, struct trace *t)
{
	struct waiting w;

	settle_full(l->client, l->server);
	assert_ok(fcntl(l->client, F_SETFL, 0));
	/* What is sealed counts as accepted: the result is not TCP's. */
	waiting_start_in(&w, l->client, by_send);
	CALL(t, dissolve(l->client));
	waiting_finish(&w);
	connects_again(l, t, l->client);
}

static void while_accepting(struct link *l, struct trace *t)
{
	uint16_t port;
	int fd = tls_listen(l->family, l->protocol, "good", &port);

	with_waiter(t, fd, by_accept);
	CALL(t, accept(fd, NULL, NULL));
	CALL(t, listen(fd, 3));
	close(fd);
}

static void shut_fresh(struct link *l, struct trace *t, int how)
{
	int fd = (int)assert_ok(socket(l->family, SOCK_STREAM, l->protocol));
	struct connecting connecting;
	int server;

	CALL(t, shutdown(fd, how));
	CALL(t, revents(fd));
	CALL(t, recv(fd, got, 4, 0));
	CALL(t, send(fd, "x", 1, 0));
	if (l->protocol == IPPROTO_TLS) {
		tls_set_text(fd, TLS_HOSTNAME, "localhost");
		tls_set_text(fd, TLS_TRUSTED_PEER_CERTIFICATES, zoo("ca.pem"));
	}
	connecting_start(&connecting, fd, l->family, l->port);
	server = (int)assert_ok(accept(l->listener, NULL, NULL));
	if (l->protocol == IPPROTO_TLS)
		assert_ok(setsockopt(server, IPPROTO_TLS, TLS_HANDSHAKE, NULL, 0));
	CALL(t, connecting_finish(&connecting));
	CALL(t, send(fd, "x", 1, 0));
	CALL(t, send(server, "hello", 5, 0));
	settle(server, fd);
	trace_bytes(t, got, CALL(t, recv(fd, got, sizeof(got), MSG_DONTWAIT)));
	CALL(t, recv(fd, got, sizeof(got), MSG_DONTWAIT));
	CALL(t, shutdown(fd, SHUT_WR));
	settle(fd, server);
	CALL(t, recv(server, got, sizeof(got), how == SHUT_RD ? MSG_WAITALL : 0));
	close(server);
	CALL(t, dissolve(fd));
	connects_again(l, t, fd);
	close(fd);
}

static void shut_for_reading(struct link *l, struct trace *t)
{
	shut_fresh(l, t, SHUT_RD);
}

static void shut_for_writing(struct link *l, struct trace *t)
{
	shut_fresh(l, t, SHUT_WR);
}

static void shut_wholly(struct link *l, struct trace *t)
{
	shut_fresh(l, t, SHUT_RDWR);
}

static void other_families(struct link *l, struct trace *t)
{
	static const socklen_t lengths[] = {1, 3, 15, 16, 23, 24, 28, 128};
	static const sa_family_t families[] = {AF_INET, AF_INET6, 77};
	int fd = (int)assert_ok(socket(l->family, SOCK_STREAM, l->protocol));

	for (size_t i = 0; i < COUNT(lengths) * COUNT(families); i++) {
		sa_family_t family = families[i % COUNT(families)];
		socklen_t len = lengths[i / COUNT(families)];
		struct sockaddr_storage address = {.ss_family = family};

		/* It would connect; or is mapped. */
		if (family == l->family || family == AF_INET)
			continue;
		trace_note(t, "family %d, length %d", family, (int)len);
		CALL(t, connect(fd, (struct sockaddr *)&address, len));
	}
	close(fd);
}

/* A handshake that nobody has finished; and one that failed. */
static void under_way(void **state)
{
	struct link link;

	(void)state;
	link_half_open(&link, AF_INET);
	assert_ok(dissolve(link.client));
	assert_ok(dissolve(link.server));
	assert_fails(recv(link.client, got, 4, 0), ECONNRESET);
	assert_fails(recv(link.client, got, 4, 0), ENOTCONN);
	link_close(&link);
}

static void after_failure(void **state)
{
	static struct trace t;
	struct connecting connecting;
	struct link link;
	uint16_t port;
	int fd, plain;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
	plain = net_listen(AF_INET, &port);
	connecting_start(&connecting, fd, AF_INET, port);
	close((int)assert_ok(accept(plain, NULL, NULL)));
	assert_int_equal(connecting_finish(&connecting), -1);
	close(plain);
	assert_ok(dissolve(fd));
	connects_again(&link, &t, fd);
	close(fd);
	link_close(&link);
}

static const struct compare_case cases[] = {
	{"open", open_one},
	{"then send", send_first},
	{"then SO_ERROR", error_first},
	{"then connect", connect_first},
	{"an accepted end", server_end},
	{"after both ends", after_ends},
	{"then listen", then_listen},
	{"a fresh one", fresh},
	{"edges", edges},
	{"while a thread receives", while_receiving},
	{"while a thread polls", while_polling},
	{"while a thread sends", while_sending},
	{"while a thread accepts", while_accepting},
	{"shut for reading before", shut_for_reading},
	{"shut for writing before", shut_for_writing},
	{"shut before", shut_wholly},
	{"addresses of other families", other_families},
};

int main(void)
{
	static const struct CMUnitTest tests[] = {CASE(under_way), CASE(after_failure)};

	signal(SIGPIPE, SIG_IGN);
	return compare_main("dissolving", cases, COUNT(cases), tests, COUNT(tests));
}
