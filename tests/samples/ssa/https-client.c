/* SPDX-License-Identifier: MIT */
/* A program of the Secure Socket API: gets a page. https-client HOST PORT PATH CA */
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

static void describe(int fd)
{
	char cipher[128], identity[1024];
	socklen_t len = sizeof(cipher);

	require(getsockopt(fd, IPPROTO_TLS, TLS_CHOSEN_CIPHER, cipher, &len), "cipher");
	len = sizeof(identity);
	require(getsockopt(fd, IPPROTO_TLS, TLS_PEER_IDENTITY, identity, &len), "identity");
	fprintf(stderr, "%s with %s\n", identity, cipher);
}

int main(int argc, char *argv[])
{
	struct sockaddr_host addr = {0};
	char request[512], page[4096];
	ssize_t n;
	int fd;

	if (argc != 5)
		return 2;
	addr.sin_family = AF_HOSTNAME;
	addr.sin_port = htons((in_port_t)atoi(argv[2]));
	strcpy((char *)addr.sin_addr.name, argv[1]);

	fd = socket(AF_HOSTNAME, SOCK_STREAM, IPPROTO_TLS);
	require(fd, "socket");
	require(setsockopt(fd, IPPROTO_TLS, TLS_REMOTE_HOSTNAME, argv[1],
			   (socklen_t)strlen(argv[1]) + 1),
		"TLS_REMOTE_HOSTNAME");
	require(setsockopt(fd, IPPROTO_TLS, TLS_TRUSTED_PEER_CERTIFICATES, argv[4],
			   (socklen_t)strlen(argv[4]) + 1),
		"TLS_TRUSTED_PEER_CERTIFICATES");
	require(setsockopt(fd, IPPROTO_TLS, TLS_ALPN, "http/1.0", sizeof("http/1.0")), "TLS_ALPN");
	require(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), "connect");
	describe(fd);

	snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", argv[3], argv[1]);
	require((int)send(fd, request, strlen(request), 0), "send");
	while ((n = recv(fd, page, sizeof(page), 0)) > 0)
		fwrite(page, 1, (size_t)n, stdout);
	require((int)n, "recv");
	close(fd);
	return 0;
}
