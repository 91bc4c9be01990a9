/* SPDX-License-Identifier: MIT */
/*
 * echo-client host port: sends the standard input to an echo server, and
 * prints what comes back. The host is named to connect() as it is: AF_HOSTNAME
 * resolves it, and it is also the name that the certificate must carry. The
 * server is verified against the system's trust store, or TLSSOCK_CA.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <tlssock.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_host addr = {.sh_family = AF_HOSTNAME};
	char buf[16384];
	ssize_t n;
	int fd;

	if (argc != 3)
		errx(2, "usage: echo-client host port");
	snprintf((char *)addr.sh_addr.name, sizeof(addr.sh_addr.name), "%s", argv[1]);
	addr.sh_port = htons(atoi(argv[2]));

	fd = socket(AF_HOSTNAME, SOCK_STREAM, IPPROTO_TLS);
	if (fd < 0)
		err(1, "socket");
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		err(1, "connect");

	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) > 0) {
		if (send(fd, buf, n, MSG_NOSIGNAL) != n)
			err(1, "send");
		if (recv(fd, buf, n, MSG_WAITALL) != n)
			err(1, "recv");
		if (write(STDOUT_FILENO, buf, n) != n)
			err(1, "write");
	}
	close(fd);
	return 0;
}
