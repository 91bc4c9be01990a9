/* SPDX-License-Identifier: MIT */
/*
 * For programs that cannot be told a protocol: preloaded before libtlssock, it asks for
 * ASK_PROTOCOL where they ask for TCP. All else is theirs and the library's. With
 * ASK_NO_SESSIONS none is resumed.
 *
 * With ASK_CONNECT, a port, they are given a socket that is connected to it: its
 * number is in ASK_GIVEN.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <tlssock.h>

enum { TYPE_MASK = 0xf };

int socket(int family, int type, int protocol)
{
	int (*next)(int, int, int) = (int (*)(int, int, int))dlsym(RTLD_NEXT, "socket");
	const char *wanted = getenv("ASK_PROTOCOL");
	int fd, none = 0;

	if (wanted && (family == AF_INET || family == AF_INET6) &&
	    (type & TYPE_MASK) == SOCK_STREAM && (protocol == 0 || protocol == IPPROTO_TCP))
		protocol = atoi(wanted);
	fd = next(family, type, protocol);
	if (fd >= 0 && protocol == IPPROTO_TLS && getenv("ASK_NO_SESSIONS"))
		setsockopt(fd, IPPROTO_TLS, TLS_SESSION_REUSE, &none, sizeof(none));
	return fd;
}

/* libtlssock's own constructor has run: it was named behind this. */
__attribute__((constructor)) static void connect_given(void)
{
	static const char name[] = "localhost";
	const char *port = getenv("ASK_CONNECT");
	struct sockaddr_in address = {.sin_family = AF_INET};
	char number[16];
	int fd;

	if (!port)
		return;
	address.sin_port = htons((uint16_t)atoi(port));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	/* TCP knows no such option. */
	setsockopt(fd, IPPROTO_TLS, TLS_HOSTNAME, name, sizeof(name) - 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		perror("connect");
		exit(1);
	}
	snprintf(number, sizeof(number), "%d", fd);
	setenv("ASK_GIVEN", number, 1);
}
