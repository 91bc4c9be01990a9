/* SPDX-License-Identifier: MIT */
#include "plain_io.h"

#include "common.h"

#include <sys/socket.h>

int plain_socket(int protocol)
{
	int fd = socket(AF_INET, SOCK_STREAM, protocol);

	if (fd < 0)
		die_errno("socket");
	return fd;
}

void plain_send(struct link *link, const void *data, size_t size)
{
	size_t sent = 0;

	while (sent < size) {
		ssize_t n = send(link->fd, (const char *)data + sent, size - sent, MSG_NOSIGNAL);

		if (n < 0)
			die_errno("send");
		sent += (size_t)n;
	}
}

size_t plain_receive(struct link *link, void *data, size_t size)
{
	ssize_t n = recv(link->fd, data, size, 0);

	if (n < 0)
		die_errno("recv");
	return (size_t)n;
}

void plain_stop(struct link *link)
{
	(void)link;
}
