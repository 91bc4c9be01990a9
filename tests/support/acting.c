/* SPDX-License-Identifier: MIT */
#include "acting.h"
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

static int report(int fd, const char *call)
{
	char why[1024] = "";
	socklen_t len = sizeof(why);
	const char *error = strerrorname_np(errno);

	getsockopt(fd, IPPROTO_TLS, TLS_ERROR, why, &len);
	printf("%s: %s: %s.\n", call, error, why);
	return 0;
}

static int forgive(void *ctx, struct tls_cert *cert, int depth, uint32_t *flags)
{
	(void)ctx;
	(void)cert;
	(void)depth;
	*flags = 0;
	return 0;
}

static int set(int fd, const char *option)
{
	const struct tls_cert_verify_cb forgiving = {(void *)forgive, NULL};
	char *value;
	int name = (int)strtol(option, &value, 10), number;

	if (*value == ':')
		return setsockopt(fd, IPPROTO_TLS, name, value + 1, (socklen_t)strlen(value + 1));
	if (*value == '~')
		return setsockopt(fd, IPPROTO_TLS, name, &forgiving, sizeof(forgiving));
	if (*value == '!')
		return setsockopt(fd, IPPROTO_TLS, name, NULL, 0);
	number = atoi(value + 1);
	return setsockopt(fd, IPPROTO_TLS, name, &number, sizeof(number));
}

static int serve(int fd, char *argv[])
{
	union net_address address;
	socklen_t len = net_loopback(&address, AF_INET, (uint16_t)atoi(argv[1]));
	int accepted;
	char c;

	inet_pton(AF_INET, argv[0], &address.in.sin_addr);
	if (bind(fd, &address.any, len) < 0)
		return report(fd, "bind");
	if (listen(fd, 1) < 0)
		return report(fd, "listen");
	len = sizeof(address);
	getsockname(fd, &address.any, &len);
	printf("port %d\n", ntohs(address.in.sin_port));
	fflush(stdout);
	if (strcmp(argv[-1], "listen") == 0)
		return 0;
	accepted = accept(fd, NULL, NULL);
	if (recv(accepted, &c, 1, 0) < 0)
		return report(accepted, "recv");
	return printf("served\n") < 0;
}

static int visit(int fd, char *argv[], char *later)
{
	union net_address address;
	socklen_t len = net_loopback(&address, AF_INET, (uint16_t)atoi(argv[1]));

	inet_pton(AF_INET, argv[0], &address.in.sin_addr);
	if (connect(fd, &address.any, len) < 0)
		return report(fd, "connect");
	if (later && set(fd, later) < 0)
		return report(fd, "setsockopt");
	return printf("connected\n") < 0;
}

int acting(char *argv[])
{
	int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_TLS);
	char *later = NULL;

	if (fd < 0)
		return report(fd, "socket");
	for (char **option = argv + 3; *option; option++)
		if (**option == '+')
			later = *option + 1;
		else if (set(fd, *option) < 0)
			return report(fd, "setsockopt");
	return strcmp(argv[0], "connect") == 0 ? visit(fd, argv + 1, later) : serve(fd, argv + 1);
}
