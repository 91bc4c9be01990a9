/* SPDX-License-Identifier: MIT */
#include "gate.h"
#include "proc.h"
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

enum { RECORD_HEADER = 5, TCP_STATE_ESTABLISHED = 1 };

void gate_listen(struct gate *gate, int family, uint16_t *port)
{
	*gate = (struct gate){.listener = net_listen(family, port)};
}

void gate_connect(struct gate *gate, int family, uint16_t target)
{
	gate->near = (int)assert_ok(accept4(gate->listener, NULL, NULL, SOCK_CLOEXEC));
	gate->far = net_connect(family, target);
	for (int i = 0; i < 2; i++)
		assert_ok(setsockopt(i ? gate->near : gate->far, IPPROTO_TCP, TCP_NODELAY,
				     &(int){1}, sizeof(int)));
	gate->up = (struct lane){.from = gate->near, .to = gate->far};
	gate->down = (struct lane){.from = gate->far, .to = gate->near};
}

/* What is there now. Returns false if nothing was. */
static bool fetch(struct lane *lane)
{
	ssize_t n;

	if (lane->ended)
		return false;
	if (lane->room - lane->length < 1 << 16) {
		lane->room = 2 * lane->room + (1 << 16);
		lane->bytes = realloc(lane->bytes, lane->room);
	}
	n = recv(lane->from, lane->bytes + lane->length, lane->room - lane->length, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return false;
	lane->ended = n <= 0;
	lane->length += n > 0 ? (size_t)n : 0;
	lane->came += n > 0 ? (uint64_t)n : 0;
	return true;
}

static struct tcp_info info_of(int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	assert_ok(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	return info;
}

static void give_time(int64_t *deadline)
{
	if (*deadline == 0)
		*deadline = test_now_ms() + TEST_DEADLINE_MS;
	if (test_now_ms() > *deadline)
		fail_msg("what was sent does not arrive");
	sched_yield();
}

void gate_collect(struct lane *lane, int sender)
{
	struct tcp_info info = info_of(sender);
	int64_t deadline = 0;

	while (info.tcpi_notsent_bytes > 0 ||
	       lane->came < info.tcpi_bytes_sent - info.tcpi_bytes_retrans) {
		if (!fetch(lane))
			give_time(&deadline);
		info = info_of(sender);
	}
}

size_t gate_record(struct lane *lane)
{
	int64_t deadline = 0;
	size_t n = 0;

	while (n == 0) {
		if (lane->length >= RECORD_HEADER)
			n = RECORD_HEADER + ((size_t)(uint8_t)lane->bytes[3] << 8) +
			    (uint8_t)lane->bytes[4];
		if (n > lane->length)
			n = 0;
		if (n == 0 && !fetch(lane))
			give_time(&deadline);
	}
	return n;
}

/* Counted from here: the receiver's own count includes the handshake. */
static void until_received(int receiver, uint64_t bytes)
{
	int64_t deadline = 0;

	while (receiver >= 0 && info_of(receiver).tcpi_bytes_received < bytes)
		give_time(&deadline);
}

void gate_pass(struct lane *lane, size_t n, int receiver)
{
	assert_true(n <= lane->length);
	assert_int_equal(send(lane->to, lane->bytes, n, MSG_NOSIGNAL), n);
	lane->length -= n;
	lane->passed += n;
	memmove(lane->bytes, lane->bytes + n, lane->length);
	until_received(receiver, lane->passed);
}

static void until_state_changes(int receiver)
{
	int64_t deadline = 0;

	while (receiver >= 0 && info_of(receiver).tcpi_state == TCP_STATE_ESTABLISHED)
		give_time(&deadline);
}

void gate_pass_end(struct lane *lane, int receiver)
{
	assert_ok(shutdown(lane->to, SHUT_WR));
	until_state_changes(receiver);
}

void gate_reset(struct gate *gate, int client)
{
	struct linger reset = {.l_onoff = 1};

	assert_ok(setsockopt(gate->near, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)));
	assert_ok(close(gate->near));
	gate->near = -1;
	until_state_changes(client);
}

void gate_move(struct gate *gate)
{
	for (int i = 0; i < 2; i++) {
		struct lane *lane = i ? &gate->down : &gate->up;

		while (fetch(lane))
			;
		if (lane->length)
			gate_pass(lane, lane->length, -1);
	}
}

void gate_close(struct gate *gate)
{
	if (gate->near >= 0)
		close(gate->near);
	close(gate->far);
	close(gate->listener);
	free(gate->up.bytes);
	free(gate->down.bytes);
}

/* One step of a handshake. Returns true once it is done. */
static bool shake(int fd, int protocol)
{
	if (fd < 0 || protocol == IPPROTO_TCP)
		return fd >= 0;
	if (setsockopt(fd, IPPROTO_TLS, TLS_HANDSHAKE, NULL, 0) == 0)
		return true;
	assert_int_equal(errno, EAGAIN);
	return false;
}

static void try_accept(struct link *link)
{
	if (link->server >= 0)
		return;
	link->server = accept4(link->listener, NULL, NULL, SOCK_NONBLOCK);
	assert_true(link->server >= 0 || errno == EAGAIN);
}

void gate_link_half(struct gate *gate, struct link *link, int protocol, int family)
{
	bool client = false, server = false, half = false;
	int64_t deadline = 0;
	uint16_t port;

	*link = (struct link){protocol, family, 0, -1, -1, -1};
	link->listener = tls_listen(family, protocol, "good", &link->port);
	assert_ok(fcntl(link->listener, F_SETFL, O_NONBLOCK));
	gate_listen(gate, family, &port);
	link->client = tls_socket(family, protocol, "localhost");
	assert_ok(fcntl(link->client, F_SETFL, O_NONBLOCK));
	assert_fails(tls_connect(link->client, family, port), EINPROGRESS);
	gate_connect(gate, family, link->port);
	while (!half) {
		try_accept(link);
		client = shake(link->client, protocol);
		server = shake(link->server, protocol);
		half = protocol == IPPROTO_TCP	   ? server
		       : test_version() == TLS_1_3 ? client
						   : server;
		if (!half)
			gate_move(gate);
		give_time(&deadline);
	}
	for (int i = 0; i < 2; i++)
		assert_ok(setsockopt(i ? link->client : link->server, IPPROTO_TCP, TCP_NODELAY,
				     &(int){1}, sizeof(int)));
}

void gate_link(struct gate *gate, struct link *link, int protocol, int family)
{
	int64_t deadline = 0;

	gate_link_half(gate, link, protocol, family);
	while (!shake(link->client, protocol) || !shake(link->server, protocol)) {
		gate_move(gate);
		give_time(&deadline);
	}
	assert_ok(fcntl(link->client, F_SETFL, 0));
	assert_ok(fcntl(link->server, F_SETFL, 0));
	assert_ok(fcntl(link->listener, F_SETFL, 0));
}
