/* SPDX-License-Identifier: MIT */
#include "common.h"
#include "measure.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Listener, pipes, files of the library. */
#define OTHER_DESCRIPTORS 64

void link_make_room(unsigned int count)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < count + OTHER_DESCRIPTORS)
		die("%u connections need a limit of %u open files, not %lu", count,
		    count + OTHER_DESCRIPTORS, (unsigned long)limit.rlim_cur);
}

struct sockaddr_in link_loopback(in_port_t port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	return address;
}

int link_listen(in_port_t *port)
{
	struct sockaddr_in address = link_loopback(*port);
	socklen_t size = sizeof(address);
	int on = 1, fd = contender.socket(ROLE_SERVER);

	if (*port && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		die_errno("setsockopt SO_REUSEADDR");
	if (bind(fd, (struct sockaddr *)&address, size) < 0)
		die_errno("bind");
	if (listen(fd, SOMAXCONN) < 0)
		die_errno("listen");
	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		die_errno("getsockname");
	*port = ntohs(address.sin_port);
	return fd;
}

/*
 * Nagle's algorithm adds delays of its own to small exchanges, which are the
 * same for all contenders and would hide what differs.
 */
static void begin(struct link *link, enum role role, bool delay)
{
	int on = 1;

	if (!delay && setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		die_errno("setsockopt TCP_NODELAY");
	link->session = NULL;
	contender.start(link, role);
}

/* The first connection of every measure is part of its warm-up. */
static void describe_first(struct link *link)
{
	static bool described;
	char text[128];

	if (described)
		return;
	described = true;
	contender.describe(link, text, sizeof(text));
	emit_text("negotiated", text);
}

void link_connect(struct link *link, in_port_t port, bool delay)
{
	struct sockaddr_in address = link_loopback(port);

	link->fd = contender.socket(ROLE_CLIENT);
	if (connect(link->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die_errno("connect");
	begin(link, ROLE_CLIENT, delay);
	describe_first(link);
}

void link_accept(struct link *link, int listener, bool delay)
{
	link->fd = accept(listener, NULL, NULL);
	if (link->fd < 0)
		die_errno("accept");
	begin(link, ROLE_SERVER, delay);
}

void link_close(struct link *link)
{
	contender.stop(link);
	close(link->fd);
	link->fd = -1;
}

void link_close_last(struct link *link)
{
	char rest[4096];

	contender.stop(link);
	shutdown(link->fd, SHUT_WR);
	while (recv(link->fd, rest, sizeof(rest), 0) > 0)
		;
	close(link->fd);
	link->fd = -1;
}

void link_receive_all(struct link *link, void *data, size_t size)
{
	size_t have = 0;

	while (have < size) {
		size_t got = contender.receive(link, (char *)data + have, size - have);

		if (got == 0)
			die("the peer ended the connection after %zu of %zu bytes", have, size);
		have += got;
	}
}
