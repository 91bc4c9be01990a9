/* SPDX-License-Identifier: MIT */
/* A program of the Secure Socket API: serves clients one by one. echo-server CHAIN KEY CLIENTS */
#include <arpa/inet.h>
#include <in_tls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void require(int result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
}

static void set(int fd, int option, const char *value, const char *name)
{
	require(setsockopt(fd, IPPROTO_TLS, option, value, (socklen_t)strlen(value) + 1), name);
}

static void serve(int fd)
{
	char buf[4096], name[256];
	socklen_t len = sizeof(name);
	ssize_t n;

	if (getsockopt(fd, IPPROTO_TLS, TLS_HOSTNAME, name, &len) == 0) {
		printf("client asked for %s\n", name);
		fflush(stdout);
	}
	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0)
		require((int)send(fd, buf, (size_t)n, 0), "send");
	if (n < 0)
		perror("recv");
	close(fd);
}

int main(int argc, char *argv[])
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	int fd;

	if (argc != 4)
		return 2;
	fd = socket(AF_INET, SOCK_STREAM, IPPROTO_TLS);
	require(fd, "socket");
	set(fd, TLS_CERTIFICATE_CHAIN, argv[1], "TLS_CERTIFICATE_CHAIN");
	set(fd, TLS_PRIVATE_KEY, argv[2], "TLS_PRIVATE_KEY");
	require(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), "bind");
	require(listen(fd, SOMAXCONN), "listen");
	require(getsockname(fd, (struct sockaddr *)&addr, &len), "getsockname");
	printf("port %u\n", ntohs(addr.sin_port));
	fflush(stdout);
	for (int left = atoi(argv[3]); left > 0; left--) {
		int client = accept(fd, NULL, NULL);

		require(client, "accept");
		serve(client);
	}
	close(fd);
	return 0;
}
