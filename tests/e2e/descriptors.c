/* SPDX-License-Identifier: MIT */
/* Descriptors of a TLS socket: duplicates, flags, what the kernel is told, bad ones. */
#include "trace.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <tlssock.h>
#include <unistd.h>

/* What one duplicate sends or takes, the others need not. */
static void use_duplicate(struct link *l, struct trace *t, int copy)
{
	char buf[16];

	CALL(t, send(copy, "by the copy", 11, 0));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), 0)));
	CALL(t, send(l->server, "abcdef", 6, 0));
	trace_bytes(t, buf, CALL(t, recv(l->client, buf, 3, 0)));
	trace_bytes(t, buf, CALL(t, recv(copy, buf, 3, 0)));
	CALL(t, close(copy) == 0 && recv(l->server, buf, 1, MSG_DONTWAIT) < 0);
	CALL(t, send(l->client, "still", 5, 0));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), 0)));
}

static void by_dup(struct link *l, struct trace *t)
{
	use_duplicate(l, t, dup(l->client));
}

static void by_dup2(struct link *l, struct trace *t)
{
	int target = open("/dev/null", O_RDONLY | O_CLOEXEC);

	CALL(t, dup2(l->client, target) == target);
	CALL(t, dup2(target, target) == target);
	use_duplicate(l, t, target);
}

static void by_dup3(struct link *l, struct trace *t)
{
	int target = open("/dev/null", O_RDONLY | O_CLOEXEC);

	CALL(t, dup3(l->client, l->client, 0));
	CALL(t, dup3(l->client, target, O_CLOEXEC) == target);
	CALL(t, fcntl(target, F_GETFD));
	use_duplicate(l, t, target);
}

static void by_fcntl(struct link *l, struct trace *t)
{
	int copy = fcntl(l->client, F_DUPFD, 100);

	CALL(t, copy >= 100);
	CALL(t, fcntl(copy, F_GETFD));
	use_duplicate(l, t, copy);
	copy = fcntl(l->client, F_DUPFD_CLOEXEC, 100);
	CALL(t, fcntl(copy, F_GETFD));
	use_duplicate(l, t, copy);
}

/* The original closed, the copy goes on; the stream ends with the last one. */
static void original_closed(struct link *l, struct trace *t)
{
	int copy = dup(l->client);
	char buf[16];

	link_drop(&l->client);
	use_duplicate(&(struct link){l->protocol, l->family, l->port, -1, copy, l->server}, t,
		      dup(copy));
	CALL(t, recv(l->server, buf, sizeof(buf), MSG_DONTWAIT));
	close(copy);
	CALL(t, recv(l->server, buf, sizeof(buf), 0));
}

/* dup2 of something plain over a TLS descriptor closes that one's connection. */
static void overwritten(struct link *l, struct trace *t)
{
	int ends[2];
	char buf[16];

	assert_ok(pipe2(ends, O_CLOEXEC));
	CALL(t, send(l->client, "before", 6, 0));
	CALL(t, dup2(ends[1], l->client) == l->client);
	CALL(t, write(l->client, "into the pipe", 13));
	trace_bytes(t, buf, CALL(t, read(ends[0], buf, sizeof(buf))));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), 0)));
	CALL(t, recv(l->server, buf, sizeof(buf), 0));
	close(ends[0]);
	close(ends[1]);
}

static void closed(struct link *l, struct trace *t)
{
	int fd = l->client;
	char buf[4] = "";
	struct iovec v = {buf, 4};

	CALL(t, close(fd));
	CALL(t, close(fd));
	CALL(t, send(fd, "x", 1, 0));
	CALL(t, recv(fd, buf, 4, 0));
	CALL(t, read(fd, buf, 4));
	CALL(t, write(fd, buf, 4));
	CALL(t, readv(fd, &v, 1));
	CALL(t, dup(fd));
	CALL(t, fcntl(fd, F_GETFD));
	CALL(t, shutdown(fd, SHUT_RDWR));
	CALL(t, listen(fd, 1));
	CALL(t, accept(fd, NULL, NULL));
	CALL(t, send(-1, "x", 1, 0));
	CALL(t, recv(1 << 20, buf, 4, 0));
	l->client = -1;
}

/* The number is free again: what gets it next is not TLS. */
static void reused(struct link *l, struct trace *t)
{
	int number = l->client, fd;
	char buf[4];

	link_drop(&l->client);
	fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
	CALL(t, fd == number);
	CALL(t, read(fd, buf, 4));
	CALL(t, send(fd, "x", 1, 0));
	CALL(t, write(fd, "x", 1));
	close(fd);
}

static void close_on_exec(struct link *l, struct trace *t)
{
	int fd = socket(l->family, SOCK_STREAM | SOCK_CLOEXEC, l->protocol);

	CALL(t, fcntl(l->client, F_GETFD));
	CALL(t, fcntl(l->server, F_GETFD));
	CALL(t, fcntl(l->listener, F_GETFD));
	CALL(t, fcntl(fd, F_GETFD));
	CALL(t, fcntl(l->client, F_SETFD, FD_CLOEXEC));
	CALL(t, fcntl(l->client, F_GETFD));
	CALL(t, fcntl(l->client, F_SETFD, 0));
	CALL(t, fcntl(l->client, F_GETFD));
	CALL(t, ioctl(l->client, FIOCLEX));
	CALL(t, fcntl(l->client, F_GETFD));
	CALL(t, ioctl(l->client, FIONCLEX));
	CALL(t, fcntl(l->client, F_GETFD));
	close(fd);
}

static void socket_facts(struct link *l, struct trace *t)
{
	static const int options[] = {SO_TYPE, SO_DOMAIN, SO_ERROR, SO_ACCEPTCONN, SO_KEEPALIVE};
	const int fds[] = {l->client, l->server, l->listener};
	struct stat status;

	for (size_t i = 0; i < COUNT(fds); i++) {
		for (size_t j = 0; j < COUNT(options); j++) {
			int value = -1;
			socklen_t length = sizeof(value);

			CALL(t, getsockopt(fds[i], SOL_SOCKET, options[j], &value, &length));
			trace_note(t, "%d: %d\n", options[j], value);
		}
		CALL(t, fcntl(fds[i], F_GETFL));
		CALL(t, fstat(fds[i], &status));
		trace_note(t, "socket %d\n", S_ISSOCK(status.st_mode));
	}
}

static void addresses(struct link *l, struct trace *t)
{
	union net_address own, other;
	socklen_t length = sizeof(own);

	CALL(t, getpeername(l->client, &other.any, &length));
	trace_note(t, "family %d, port of the listener %d, length %u\n", other.any.sa_family,
		   ntohs(other.in.sin_port) == l->port, length);
	length = sizeof(own);
	CALL(t, getsockname(l->server, &own.any, &length));
	trace_note(t, "port of the listener %d\n", own.in.sin_port == other.in.sin_port);
	length = sizeof(own);
	CALL(t, getpeername(l->listener, &other.any, &length));
}

static const struct compare_case cases[] = {
	{"dup", by_dup},
	{"dup2", by_dup2},
	{"dup3", by_dup3},
	{"F_DUPFD", by_fcntl},
	{"the original closed, a copy goes on", original_closed},
	{"dup2 over a TLS descriptor", overwritten},
	{"calls on a closed descriptor", closed},
	{"a number that is used again", reused},
	{"FD_CLOEXEC as the program sees it", close_on_exec},
	{"SO_TYPE, SO_DOMAIN, status flags", socket_facts},
	{"getsockname and getpeername", addresses},
};

/* The third line of fdinfo is "flags:" in octal; the kernel's close-on-exec is 02000000. */
static int kernel_closes_on_exec(int fd)
{
	char path[64], line[128];
	unsigned int flags = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) && sscanf(line, "flags: %o", &flags) != 1)
		continue;
	fclose(file);
	return (flags & O_CLOEXEC) != 0;
}

/* No child may inherit one, whatever the program has asked for: that would be plaintext. */
static void kernel_flag(void **state)
{
	int plain = (int)assert_ok(socket(AF_INET, SOCK_STREAM, 0));
	struct link link;
	int copies[3];

	(void)state;
	assert_false(kernel_closes_on_exec(plain));
	link_open(&link, IPPROTO_TLS, AF_INET);
	copies[0] = dup(link.client);
	copies[1] = fcntl(link.client, F_DUPFD, 50);
	copies[2] = dup2(link.client, plain);
	assert_ok(fcntl(link.server, F_SETFD, 0));
	assert_ok(ioctl(link.client, FIONCLEX));
	for (size_t i = 0; i < COUNT(copies); i++) {
		assert_true(kernel_closes_on_exec(copies[i]));
		assert_int_equal(fcntl(copies[i], F_GETFD), 0);
		close(copies[i]);
	}
	assert_true(kernel_closes_on_exec(link.client));
	assert_true(kernel_closes_on_exec(link.server));
	assert_true(kernel_closes_on_exec(link.listener));
	link_close(&link);
}

static void protocol_reads_back(void **state)
{
	static const int protocols[] = {IPPROTO_TLS,	 IPPROTO_TLS_1_0, IPPROTO_TLS_1_1,
					IPPROTO_TLS_1_2, IPPROTO_TLS_1_3, IPPROTO_TCP};

	(void)state;
	for (size_t i = 0; i < COUNT(protocols); i++) {
		int fd = socket(AF_INET, SOCK_STREAM, protocols[i]);
		int value = -1;
		socklen_t length = sizeof(value);

		/* No version is left for it. */
		if (protocols[i] == IPPROTO_TLS_1_3 && test_version() == TLS_1_2) {
			assert_fails(fd, EPROTONOSUPPORT);
			continue;
		}
		assert_ok(fd);
		assert_ok(getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &value, &length));
		assert_int_equal(value, protocols[i]);
		assert_int_equal(length, sizeof(value));
		close(fd);
	}
}

static void accepted_protocol(void **state)
{
	struct link link;
	int value = -1;
	socklen_t length = sizeof(value);

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET6);
	assert_ok(getsockopt(link.server, SOL_SOCKET, SO_PROTOCOL, &value, &length));
	assert_int_equal(value, IPPROTO_TLS);
	link_close(&link);
}

static const struct CMUnitTest others[] = {CASE(kernel_flag), CASE(protocol_reads_back),
					   CASE(accepted_protocol)};

int main(void)
{
	return compare_main("descriptors", cases, COUNT(cases), others, COUNT(others));
}
