/* SPDX-License-Identifier: MIT */
#include "loop.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fail(const char *what)
{
	perror(what);
	exit(1);
}

void check(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "%s\n", what);
	exit(1);
}

void check_connected(int fd)
{
	int error;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		fail("getsockopt");
	check(error == 0, strerror(error));
}

static char byte_at(size_t at)
{
	return (char)(at * 31 + at / 251);
}

size_t transfer_piece(const struct transfer *t, char piece[PIECE_MAX])
{
	size_t n = (t->sent * 7919 % PIECE_MAX) | 1, left = t->length - t->sent;

	n = n < left ? n : left;
	for (size_t i = 0; i < n; i++)
		piece[i] = byte_at(t->sent + i);
	return n;
}

void transfer_received(struct transfer *t, const void *data, size_t n)
{
	const char *bytes = data;

	check(n <= t->sent - t->received, "more came back than was sent");
	for (size_t i = 0; i < n; i++)
		check(bytes[i] == byte_at(t->received + i), "other bytes came back");
	t->received += n;
}

static int new_socket(void)
{
	const char *protocol = getenv("LOOPS_PROTOCOL");
	int fd;

	check(protocol, "LOOPS_PROTOCOL is not set");
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, atoi(protocol));
	if (fd < 0)
		fail("socket");
	return fd;
}

static int run_server(unsigned int connections)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sa);
	int fd = new_socket();

	if (bind(fd, (struct sockaddr *)&sa, len) < 0 || listen(fd, 64) < 0 ||
	    getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		fail("listener");
	printf("port %d\n", ntohs(sa.sin_port));
	fflush(stdout);
	serve(fd, connections);
	return 0;
}

static int start_client(const char *port, size_t length)
{
	const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	struct transfer t = {.length = length};
	struct sockaddr_in sa;
	struct addrinfo *ai;

	/* By name: it is what the certificate is verified for. */
	check(getaddrinfo("localhost", port, &hints, &ai) == 0, "getaddrinfo");
	memcpy(&sa, ai->ai_addr, sizeof(sa));
	freeaddrinfo(ai);
	run_client(new_socket(), &sa, &t);
	check(t.sent == length && t.received == length, "the end came too early");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "server") == 0)
		return run_server((unsigned int)atoi(argv[2]));
	if (argc == 4 && strcmp(argv[1], "client") == 0)
		return start_client(argv[2], strtoul(argv[3], NULL, 10));
	fprintf(stderr, "usage: %s server CONNECTIONS | client PORT LENGTH\n", argv[0]);
	return 2;
}
