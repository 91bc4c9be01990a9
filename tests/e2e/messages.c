/* SPDX-License-Identifier: MIT */
/* Messages: names, control data, flags, several at once, and vectors with flags. */
#include "settle.h"
#include "trace.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/errqueue.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/uio.h>
#include <tlssock.h>
#include <unistd.h>

/* The number of the messages that a socket accepts, to be read at the other end. */
static void drain(struct link *l, struct trace *t)
{
	char buf[256];

	settle(l->client, l->server);
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), MSG_DONTWAIT)));
}

static const struct control {
	int level, type;
	size_t length;
} controls[] = {
	{SOL_SOCKET, SCM_CREDENTIALS, CMSG_LEN(sizeof(struct ucred))},
	{SOL_SOCKET, SCM_RIGHTS, CMSG_LEN(sizeof(int))},
	{SOL_SOCKET, 99, CMSG_LEN(4)},
	{SOL_SOCKET, SO_TIMESTAMPING, CMSG_LEN(4)},
	{SOL_SOCKET, SO_TIMESTAMPING, CMSG_LEN(3)},
	{IPPROTO_IP, IP_TTL, CMSG_LEN(4)},
	{IPPROTO_IPV6, IPV6_HOPLIMIT, CMSG_LEN(4)},
	{IPPROTO_TCP, 77, CMSG_LEN(0)},
	{9999, 1, CMSG_LEN(4)},
	{SOL_SOCKET, SCM_RIGHTS, 3},
	{SOL_SOCKET, SCM_RIGHTS, 4000},
};

static void control_sent(struct link *l, struct trace *t)
{
	for (size_t i = 0; i < COUNT(controls); i++) {
		_Alignas(struct cmsghdr) char control[64] = {0};
		struct iovec iov = trace_text("abc");
		struct msghdr msg = {&(int){0}, 0, &iov, 1, control, sizeof(control), 0};
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

		*c = (struct cmsghdr){controls[i].length, controls[i].level, controls[i].type};
		CALL(t, sendmsg(l->client, &msg, 0));
		msg.msg_controllen = CMSG_LEN(0) - 1;
		CALL(t, sendmsg(l->client, &msg, 0));
		drain(l, t);
	}
}

static void control_lengths(struct link *l, struct trace *t)
{
	struct iovec iov = trace_text("abc");
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	msg.msg_controllen = 16;
	CALL(t, sendmsg(l->client, &msg, 0));
	msg.msg_control = &iov;
	msg.msg_controllen = 1 << 30;
	CALL(t, sendmsg(l->client, &msg, 0));
	msg.msg_controllen = SIZE_MAX;
	CALL(t, sendmsg(l->client, &msg, 0));
	drain(l, t);
}

static void names_sent(struct link *l, struct trace *t)
{
	static const socklen_t lengths[] = {0, 1, 16, 128, 129, 500, (socklen_t)-1};
	union net_address address = {0};
	struct iovec iov = trace_text("abc");

	for (size_t i = 0; i < COUNT(lengths); i++) {
		struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_namelen = lengths[i]};
		char room[600] = {0};

		CALL(t, sendmsg(l->client, &msg, 0));
		CALL(t, sendto(l->client, "xy", 2, 0, NULL, lengths[i]));
		msg.msg_name = room;
		CALL(t, sendmsg(l->client, &msg, 0));
		CALL(t, sendto(l->client, "xy", 2, 0, (struct sockaddr *)room, lengths[i]));
	}
	(void)net_loopback(&address, l->family, l->port);
	CALL(t, sendto(l->client, "z", 1, 0, &address.any, sizeof(address)));
	CALL(t, sendto(l->client, "z", 1, MSG_FASTOPEN, &address.any, sizeof(address.in6)));
	CALL(t, send(l->client, "z", 1, MSG_FASTOPEN));
	drain(l, t);
}

static void names_received(struct link *l, struct trace *t)
{
	static const int lengths[] = {0, 7, 500, -1};
	char buf[8], room[600];
	struct iovec iov = {buf, 1};

	CALL(t, send(l->client, "0123456789abcdefghijk", 21, 0));
	settle(l->client, l->server);
	for (size_t i = 0; i < COUNT(lengths); i++) {
		struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_flags = -1};
		socklen_t length = (socklen_t)lengths[i];

		msg.msg_namelen = length;
		trace_bytes(t, buf, CALL(t, recvmsg(l->server, &msg, MSG_CMSG_CLOEXEC)));
		trace_note(t, "\t%d %x\n", (int)msg.msg_namelen, (unsigned int)msg.msg_flags);
		msg.msg_name = room;
		msg.msg_namelen = length;
		trace_bytes(t, buf, CALL(t, recvmsg(l->server, &msg, MSG_DONTWAIT)));
		trace_note(t, "\t%d %x\n", (int)msg.msg_namelen, (unsigned int)msg.msg_flags);
		CALL(t, recvfrom(l->server, buf, 1, 0, (struct sockaddr *)room, &length));
		trace_note(t, "\t%d\n", (int)length);
		CALL(t, recvfrom(l->server, buf, 1, 0, NULL, &length));
		CALL(t, recvfrom(l->server, buf, 1, 0, (struct sockaddr *)room, NULL));
	}
	CALL(t, recv(l->server, buf, sizeof(buf), MSG_DONTWAIT));
}

/* What no call may take, and what it cuts. */
static void limits(struct link *l, struct trace *t)
{
	static char buf[64];
	const int compat = (int)0x80000000;
	struct iovec *volatile nowhere = NULL; /* or the compiler sees it and objects */
	struct iovec iov = {buf, 3}, negative = {buf, (size_t)SSIZE_MAX + 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	CALL(t, sendmsg(l->client, &msg, compat));
	CALL(t, recvmsg(l->server, &msg, compat | MSG_DONTWAIT));
	CALL(t, send(l->client, "x", 1, compat));
	CALL(t, send(l->client, "y", 1, 0x7fffffff & ~(MSG_OOB | MSG_FASTOPEN | MSG_DONTROUTE)));
	msg.msg_iovlen = IOV_MAX + 1;
	CALL(t, sendmsg(l->client, &msg, 0));
	CALL(t, recvmsg(l->server, &msg, MSG_DONTWAIT));
	msg = (struct msghdr){.msg_iov = &negative, .msg_iovlen = 1};
	CALL(t, sendmsg(l->client, &msg, 0));
	CALL(t, recvmsg(l->server, &msg, MSG_DONTWAIT));
	CALL(t, writev(l->client, &negative, 1));
	CALL(t, readv(l->server, &negative, 1));
	msg = (struct msghdr){.msg_iov = NULL, .msg_iovlen = 1};
	CALL(t, sendmsg(l->client, &msg, 0));
	CALL(t, recvmsg(l->server, &msg, MSG_DONTWAIT));
	CALL(t, writev(l->client, nowhere, 1));
	CALL(t, readv(l->server, nowhere, 1));
	drain(l, t);
	CALL(t, recv(l->server, buf, (size_t)SSIZE_MAX + 1, MSG_DONTWAIT));
}

/* No bytes at all, to a socket that takes none any more, too. */
static void nothing_to_send(struct link *l, struct trace *t)
{
	struct iovec iov = {NULL, 0};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 2; i++) {
		CALL(t, writev(l->client, &iov, 1));
		CALL(t, writev(l->client, &iov, 0));
		CALL(t, pwritev2(l->client, &iov, 1, -1, 0x8000));
		CALL(t, write(l->client, "x", 0));
		CALL(t, send(l->client, "x", 0, 0));
		CALL(t, sendmsg(l->client, &msg, 0));
		CALL(t, shutdown(l->client, SHUT_WR));
	}
	signal(SIGPIPE, SIG_DFL);
	drain(l, t);
}

static void send_nothing(struct link *l, struct trace *t)
{
	struct iovec iov = {NULL, 0}, byte = trace_text("x");
	struct msghdr none = {.msg_iov = NULL}, empty = {.msg_iov = &iov, .msg_iovlen = 1};
	struct mmsghdr list[] = {{.msg_hdr = none}, {.msg_hdr = empty}, {.msg_hdr = none}};
	struct mmsghdr mixed[] = {{.msg_hdr = empty},
				  {.msg_hdr = {.msg_iov = &byte, .msg_iovlen = 1}}};

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 2; i++) {
		CALL(t, sendmsg(l->client, &none, MSG_NOSIGNAL));
		CALL(t, sendmsg(l->client, &empty, MSG_NOSIGNAL));
		CALL(t, sendmmsg(l->client, list, 3, MSG_NOSIGNAL));
		CALL(t, sendmmsg(l->client, list, 0, MSG_NOSIGNAL));
		CALL(t, send(l->client, "", 0, MSG_NOSIGNAL));
		CALL(t, sendto(l->client, "", 0, MSG_NOSIGNAL, NULL, 0));
		CALL(t, write(l->client, "", 0));
		CALL(t, writev(l->client, &iov, 1));
	}
	CALL(t, sendmmsg(l->client, mixed, 2, MSG_NOSIGNAL));
	signal(SIGPIPE, SIG_DFL);
}

static void receive_nothing(struct link *l, struct trace *t)
{
	char buf[1];
	struct iovec iov = {buf, 0};
	struct msghdr none = {.msg_iov = NULL}, empty = {.msg_iov = &iov, .msg_iovlen = 1};
	struct mmsghdr list[] = {{.msg_hdr = none}, {.msg_hdr = empty}};

	CALL(t, recvmsg(l->client, &none, MSG_DONTWAIT));
	CALL(t, recvmsg(l->client, &empty, MSG_DONTWAIT));
	CALL(t, recvmmsg(l->client, list, 0, MSG_DONTWAIT, NULL));
	CALL(t, recvmmsg(l->client, list, 2, MSG_DONTWAIT, NULL));
	CALL(t, recv(l->client, buf, 0, MSG_DONTWAIT));
	CALL(t, read(l->client, buf, 0));
	CALL(t, readv(l->client, &iov, 1));
}

static void nothing_to_the_living(struct link *l, struct trace *t)
{
	send_nothing(l, t);
	receive_nothing(l, t);
	drain(l, t);
}

/* To a peer that has closed, which may still read for all that is known. */
static void nothing_to_the_closed(struct link *l, struct trace *t)
{
	struct pollfd end = {.fd = l->client, .events = POLLRDHUP};

	link_drop(&l->server);
	assert_int_equal(poll(&end, 1, -1), 1);
	receive_nothing(l, t);
	CALL(t, send(l->client, "", 0, MSG_NOSIGNAL));
	CALL(t, shutdown(l->client, SHUT_WR));
	send_nothing(l, t);
}

/* To one that has reset the connection: the error once, and then EPIPE. */
static void nothing_to_the_dead(struct link *l, struct trace *t)
{
	const struct linger now = {.l_onoff = 1};
	struct pollfd end = {.fd = l->client};
	int error = -1;
	socklen_t size = sizeof(error);

	assert_ok(setsockopt(l->server, SOL_SOCKET, SO_LINGER, &now, sizeof(now)));
	link_drop(&l->server);
	assert_int_equal(poll(&end, 1, -1), 1);
	send_nothing(l, t);
	CALL(t, getsockopt(l->client, SOL_SOCKET, SO_ERROR, &error, &size));
	trace_note(t, "%d\n", error);
}

/* TCP_INQ: what is left after each, put where there is room for it. */
static void in_queue(struct link *l, struct trace *t)
{
	static const int values[] = {2, -1, 0, 1};
	static const size_t rooms[] = {0, 6, 15, 16, 18, 20, 23, 24, 30, 40, 48};
	char buf[4];
	struct iovec iov = {buf, 2};
	int value = -7;
	socklen_t length = sizeof(value);

	for (size_t i = 0; i < COUNT(values); i++) {
		CALL(t, setsockopt(l->server, IPPROTO_TCP, TCP_INQ, &values[i], sizeof(int)));
		CALL(t, getsockopt(l->server, IPPROTO_TCP, TCP_INQ, &value, &length));
		trace_note(t, "\t%d\n", value);
	}
	for (int i = 0; i < 5; i++)
		CALL(t, send(l->client, "0123456789", 10, 0));
	CALL(t, shutdown(l->client, SHUT_WR));
	settle(l->client, l->server);
	for (size_t i = 0; i < 30; i++) {
		_Alignas(struct cmsghdr) char control[48];
		struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control};

		memset(control, '-', sizeof(control));
		msg.msg_controllen = rooms[i % COUNT(rooms)];
		CALL(t, recvmsg(l->server, &msg, 0));
		trace_note(t, "\t%x %zu\n", (unsigned int)msg.msg_flags, msg.msg_controllen);
		trace_bytes(t, control, sizeof(control));
	}
}

static const struct compare_case cases[] = {
	{"control data that is sent", control_sent},
	{"lengths of control data", control_lengths},
	{"names that are sent to", names_sent},
	{"names that are received", names_received},
	{"limits", limits},
	{"nothing to send", nothing_to_send},
	{"nothing to send to the living", nothing_to_the_living},
	{"nothing to send to the closed", nothing_to_the_closed},
	{"nothing to send to the dead", nothing_to_the_dead},
	{"TCP_INQ", in_queue},
};

/* A TLS socket is not passed on, by which socket ever: the stream would go on without us. */
static void refuses_rights(void **state)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = trace_text("abc");
	struct msghdr msg = {NULL, 0, &iov, 1, control, sizeof(control), 0};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	struct link link;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	*c = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(c), &link.server, sizeof(int));
	assert_fails(sendmsg(link.client, &msg, 0), EOPNOTSUPP);
	link_close(&link);
}

/* Nobody would ever be told that the memory is free: programs go on without it. */
static void refuses_zerocopy(void **state)
{
	struct link link;
	char buf[4];

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	assert_fails(setsockopt(link.client, SOL_SOCKET, SO_ZEROCOPY, &(int){1}, sizeof(int)),
		     EOPNOTSUPP);
	assert_int_equal(send(link.client, "abcd", 4, MSG_ZEROCOPY), 4);
	assert_int_equal(recv(link.server, buf, 4, MSG_WAITALL), 4);
	assert_memory_equal(buf, "abcd", 4);
	link_close(&link);
}

/* Data in the first segment: a program goes on with connect. */
static void refuses_fast_open(void **state)
{
	union net_address address;
	struct link link;
	int fd;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
	assert_fails(sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, &address.any,
			    net_loopback(&address, AF_INET, link.port)),
		     EOPNOTSUPP);
	close(fd);
	link_close(&link);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(refuses_rights),
		CASE(refuses_zerocopy),
		CASE(refuses_fast_open),
	};

	return compare_main("messages", cases, COUNT(cases), tests, COUNT(tests));
}
