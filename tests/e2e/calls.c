/* SPDX-License-Identifier: MIT */
/* Every call that moves bytes, in both directions, against what TCP does. */
#include "trace.h"
#include <limits.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

static void send_recv(struct link *l, struct trace *t)
{
	char buf[16];

	CALL(t, send(l->client, "hello", 5, 0));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), 0)));
	CALL(t, send(l->server, "world!", 6, 0));
	trace_bytes(t, buf, CALL(t, recv(l->client, buf, sizeof(buf), 0)));
}

static void read_write(struct link *l, struct trace *t)
{
	char buf[16];

	CALL(t, write(l->client, "hello", 5));
	trace_bytes(t, buf, CALL(t, read(l->server, buf, 3)));
	trace_bytes(t, buf, CALL(t, read(l->server, buf, sizeof(buf))));
	CALL(t, write(l->server, "world!", 6));
	trace_bytes(t, buf, CALL(t, read(l->client, buf, sizeof(buf))));
}

static void vectors(struct link *l, struct trace *t)
{
	char a[3], b[16];
	struct iovec out[] = {trace_text("one"), {NULL, 0}, trace_text("two"), trace_text("three")};
	struct iovec in[] = {{a, sizeof(a)}, {NULL, 0}, {b, sizeof(b)}};

	CALL(t, writev(l->client, out, 4));
	CALL(t, readv(l->server, in, 3));
	trace_bytes(t, a, 3);
	trace_bytes(t, b, 8);
	CALL(t, writev(l->server, out + 1, 1));
	CALL(t, writev(l->server, out, 0));
	CALL(t, readv(l->server, in, 0));
	CALL(t, readv(l->server, in + 1, 1));
}

static void vector_limits(struct link *l, struct trace *t)
{
	static struct iovec many[IOV_MAX + 1];
	static char bytes[IOV_MAX + 1];
	char buf[IOV_MAX + 1];
	volatile int negative = -1; /* or the compiler sees it and objects */

	for (size_t i = 0; i < COUNT(many); i++)
		many[i] = (struct iovec){bytes + i, 1};
	CALL(t, writev(l->client, many, IOV_MAX + 1));
	CALL(t, writev(l->client, many, IOV_MAX));
	CALL(t, recv(l->server, buf, sizeof(buf), MSG_DONTWAIT));
	CALL(t, readv(l->server, many, IOV_MAX + 1));
	CALL(t, writev(l->client, many, negative));
	CALL(t, readv(l->server, many, negative));
}

static void messages(struct link *l, struct trace *t)
{
	char a[2], b[16];
	struct iovec out[] = {trace_text("left"), trace_text("right")};
	struct iovec in[] = {{a, sizeof(a)}, {b, sizeof(b)}};
	struct msghdr sent = {.msg_iov = out, .msg_iovlen = 2};
	struct msghdr got = {.msg_iov = in, .msg_iovlen = 2, .msg_flags = -1};

	CALL(t, sendmsg(l->client, &sent, 0));
	CALL(t, recvmsg(l->server, &got, 0));
	trace_bytes(t, a, 2);
	trace_bytes(t, b, 7);
	trace_note(t, "flags %#x controllen %zu\n", got.msg_flags, got.msg_controllen);
	sent.msg_iovlen = 0;
	CALL(t, sendmsg(l->client, &sent, 0));
	sent.msg_iovlen = IOV_MAX + 1;
	CALL(t, sendmsg(l->client, &sent, 0));
}

/* A stream has no address a message: both calls leave the length 0. */
static void message_address(struct link *l, struct trace *t)
{
	union net_address address;
	char buf[16];
	struct iovec in = {buf, sizeof(buf)};
	struct msghdr got = {.msg_iov = &in,
			     .msg_iovlen = 1,
			     .msg_name = &address,
			     .msg_namelen = sizeof(address)};
	socklen_t length = sizeof(address);

	CALL(t, send(l->client, "abcd", 4, 0));
	CALL(t, recvfrom(l->server, buf, 2, 0, &address.any, &length));
	trace_note(t, "length %u\n", length);
	CALL(t, recvmsg(l->server, &got, 0));
	trace_note(t, "length %u\n", got.msg_namelen);
}

/* An address in sendto() on a connected stream is ignored or refused as TCP does. */
static void to_from(struct link *l, struct trace *t)
{
	union net_address address;
	socklen_t length = net_loopback(&address, l->family, l->port);
	char buf[16];

	CALL(t, sendto(l->client, "hello", 5, 0, NULL, 0));
	trace_bytes(t, buf, CALL(t, recvfrom(l->server, buf, sizeof(buf), 0, NULL, NULL)));
	CALL(t, sendto(l->client, "again", 5, 0, &address.any, length));
	trace_bytes(t, buf,
		    CALL(t, recvfrom(l->server, buf, sizeof(buf), MSG_DONTWAIT, NULL, NULL)));
}

static void zero_lengths(struct link *l, struct trace *t)
{
	char buf[16];

	CALL(t, send(l->client, NULL, 0, 0));
	CALL(t, send(l->client, "x", 0, 0));
	CALL(t, write(l->client, NULL, 0));
	CALL(t, recv(l->server, NULL, 0, MSG_DONTWAIT));
	CALL(t, recv(l->server, buf, sizeof(buf), MSG_DONTWAIT));
	CALL(t, send(l->client, "x", 1, 0));
	CALL(t, recv(l->server, NULL, 0, 0));
	CALL(t, read(l->server, buf, 0));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), 0)));
}

/* Two sends are one stream: a receive takes what is there. */
static void coalesced(struct link *l, struct trace *t)
{
	char buf[32];

	for (int i = 0; i < 5; i++)
		CALL(t, send(l->client, "abc", 3, 0));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), 0)));
	for (int i = 0; i < 3; i++)
		CALL(t, send(l->server, "xyz", 3, i < 2 ? MSG_MORE : 0));
	trace_bytes(t, buf, CALL(t, recv(l->client, buf, 9, MSG_WAITALL)));
}

static void byte_by_byte(struct link *l, struct trace *t)
{
	char c;

	CALL(t, send(l->client, "stream", 6, 0));
	for (int i = 0; i < 6; i++)
		trace_bytes(t, &c, CALL(t, recv(l->server, &c, 1, 0)));
	CALL(t, recv(l->server, &c, 1, MSG_DONTWAIT));
}

static void huge_buffer(struct link *l, struct trace *t)
{
	static char buf[8 << 20];

	memset(buf, 'h', 20000);
	CALL(t, send(l->client, buf, 20000, 0));
	CALL(t, recv(l->server, buf, 20000, MSG_WAITALL));
	CALL(t, send(l->client, "tail", 4, 0));
	CALL(t, recv(l->server, buf, sizeof(buf), 0));
	CALL(t, recv(l->server, buf, (size_t)SSIZE_MAX, MSG_DONTWAIT));
}

static void positioned(struct link *l, struct trace *t)
{
	char buf[16];
	struct iovec in = {buf, sizeof(buf)}, out = trace_text("vector");

	CALL(t, pread(l->server, buf, 1, 0));
	CALL(t, pwrite(l->client, "x", 1, 0));
	CALL(t, preadv(l->server, &in, 1, 0));
	CALL(t, pwritev(l->client, &out, 1, 0));
	CALL(t, lseek(l->client, 0, SEEK_CUR));
	CALL(t, recv(l->server, buf, sizeof(buf), MSG_DONTWAIT));
}

static void full_duplex(struct link *l, struct trace *t)
{
	char buf[64];

	for (int i = 0; i < 20; i++) {
		CALL(t, send(l->client, "ping", 4, 0));
		CALL(t, send(l->server, "pong!", 5, 0));
		trace_bytes(t, buf, CALL(t, recv(l->client, buf, 5, MSG_WAITALL)));
		trace_bytes(t, buf, CALL(t, recv(l->server, buf, 4, MSG_WAITALL)));
	}
}

/*
 * With Nagle's algorithm on, as it is by default: an end of the handshake that
 * waits for its acknowledgement must not hold back the first bytes.
 */
static void first_bytes(struct link *l, struct trace *t)
{
	const int fds[] = {l->client, l->server};
	int unsent = -1;

	for (size_t i = 0; i < COUNT(fds); i++) {
		setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &(int){0}, sizeof(int));
		CALL(t, send(fds[i], "first", 5, 0));
		CALL(t, ioctl(fds[i], SIOCOUTQNSD, &unsent));
		trace_note(t, "unsent %d\n", unsent);
	}
}

static const struct compare_case cases[] = {
	{"the first bytes leave at once", first_bytes},
	{"send and recv", send_recv},
	{"read and write", read_write},
	{"readv and writev", vectors},
	{"readv and writev with too many vectors", vector_limits},
	{"sendmsg and recvmsg", messages},
	{"recvfrom and recvmsg give no address", message_address},
	{"sendto and recvfrom", to_from},
	{"length 0", zero_lengths},
	{"small sends are one stream", coalesced},
	{"one byte at a time", byte_by_byte},
	{"buffers larger than what comes", huge_buffer},
	{"calls with an offset", positioned},
	{"both directions in turn", full_duplex},
};

int main(void)
{
	return compare_main("calls", cases, COUNT(cases), NULL, 0);
}
