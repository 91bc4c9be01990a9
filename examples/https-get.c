/* SPDX-License-Identifier: MIT */
/*
 * https-get host port path: prints the page and its header. The certificate is
 * checked for the name that was given to getaddrinfo(), against the system's
 * trust store, or the certificates in TLSSOCK_CA.
 */
#include <err.h>
#include <netdb.h>
#include <stdio.h>
#include <tlssock.h>
#include <unistd.h>

/* Tries each address of the host. */
static int dial(const char *host, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list, *ai;
	int code, fd;

	code = getaddrinfo(host, port, &hints, &list);
	if (code != 0)
		errx(1, "%s: %s", host, gai_strerror(code));
	for (ai = list; ai; ai = ai->ai_next) {
		fd = socket(ai->ai_family, SOCK_STREAM, IPPROTO_TLS);
		if (fd < 0)
			err(1, "socket");
		if (connect(fd, ai->ai_addr, ai->ai_addrlen) == 0)
			break;
		warn("connect");
		close(fd);
	}
	freeaddrinfo(list);
	return ai ? fd : -1;
}

int main(int argc, char **argv)
{
	char buf[16384];
	ssize_t n;
	int fd;

	if (argc != 4)
		errx(2, "usage: https-get host port path");
	fd = dial(argv[1], argv[2]);
	if (fd < 0)
		return 1;
	n = snprintf(buf, sizeof(buf), "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", argv[3], argv[1]);
	if (n >= (ssize_t)sizeof(buf) || send(fd, buf, n, MSG_NOSIGNAL) != n)
		err(1, "send");
	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0)
		fwrite(buf, 1, n, stdout);
	if (n < 0)
		err(1, "recv");
	close(fd);
	return 0;
}
