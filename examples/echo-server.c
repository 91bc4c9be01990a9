/* SPDX-License-Identifier: MIT */
/*
 * echo-server [port]: sends back what each client sends, one client after the
 * other. The certificate and key come from TLSSOCK_CERT and TLSSOCK_KEY.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <tlssock.h>
#include <unistd.h>

static void echo(int fd)
{
	char buf[16384];
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
		if (send(fd, buf, n, MSG_NOSIGNAL) != n)
			break;
	}
	if (n != 0)
		warn("client");
}

int main(int argc, char **argv)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(argc > 1 ? atoi(argv[1]) : 0),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(addr);
	int client, fd;

	fd = socket(AF_INET, SOCK_STREAM, IPPROTO_TLS);
	if (fd < 0)
		err(1, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	if (bind(fd, (struct sockaddr *)&addr, len) < 0)
		err(1, "bind");
	if (listen(fd, 16) < 0)
		err(1, "listen");
	getsockname(fd, (struct sockaddr *)&addr, &len);
	printf("port %d\n", ntohs(addr.sin_port));
	fflush(stdout);

	while ((client = accept(fd, NULL, NULL)) >= 0) {
		echo(client);
		close(client);
	}
	err(1, "accept");
}
