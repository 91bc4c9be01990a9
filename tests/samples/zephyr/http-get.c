/* SPDX-License-Identifier: MIT */
/* A program for Zephyr's sockets: gets a page over TLS. http-get HOST PORT PATH CA-FILE */
#include <zephyr/net/socket.h>
#include <zephyr/net/tls_credentials.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CA_TAG 1

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if ((x) < 0) {                                                                     \
			printf("%s failed: %d\n", #x, errno);                                      \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

/* On a board the certificate is compiled in. */
static char ca_certificate[16384];
static char response[1024];

static void load(const char *path)
{
	FILE *file = fopen(path, "r");
	size_t n = file ? fread(ca_certificate, 1, sizeof(ca_certificate) - 1, file) : 0;

	if (file)
		fclose(file);
	/* With the NUL, as sizeof() of an array has it. */
	CHECK(tls_credential_add(CA_TAG, TLS_CREDENTIAL_CA_CERTIFICATE, ca_certificate, n + 1));
}

static int tls_socket(const char *host)
{
	sec_tag_t sec_tag_opt[] = {CA_TAG};
	int verify = TLS_PEER_VERIFY_REQUIRED;
	int sock = zsock_socket(AF_INET, SOCK_STREAM, IPPROTO_TLS_1_2);

	CHECK(sock);
	CHECK(zsock_setsockopt(sock, SOL_TLS, TLS_SEC_TAG_LIST, sec_tag_opt, sizeof(sec_tag_opt)));
	CHECK(zsock_setsockopt(sock, SOL_TLS, TLS_PEER_VERIFY, &verify, sizeof(verify)));
	CHECK(zsock_setsockopt(sock, SOL_TLS, TLS_HOSTNAME, host, (socklen_t)strlen(host) + 1));
	return sock;
}

int main(int argc, char *argv[])
{
	static struct zsock_addrinfo hints;
	struct zsock_addrinfo *res;
	char request[512];
	int sock, st, len;

	if (argc != 5)
		return 2;
	load(argv[4]);
	hints.ai_family = AF_INET;
	hints.ai_socktype = SOCK_STREAM;
	st = zsock_getaddrinfo(argv[1], argv[2], &hints, &res);
	if (st != 0) {
		printf("Unable to resolve address, quitting\n");
		return 1;
	}
	sock = tls_socket(argv[1]);
	CHECK(zsock_connect(sock, res->ai_addr, res->ai_addrlen));
	zsock_freeaddrinfo(res);
	snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", argv[3], argv[1]);
	CHECK(zsock_send(sock, request, strlen(request), 0));
	for (;;) {
		len = (int)zsock_recv(sock, response, sizeof(response) - 1, 0);
		if (len < 0) {
			printf("Error reading response\n");
			return 1;
		}
		if (len == 0)
			break;
		response[len] = 0;
		printf("%s", response);
	}
	(void)zsock_close(sock);
	return 0;
}
