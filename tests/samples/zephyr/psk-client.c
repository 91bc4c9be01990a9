/* SPDX-License-Identifier: MIT */
/* A program for Zephyr's sockets: sends its input over TLS with a pre-shared key. psk-client PORT
 */
#include <zephyr/net/socket.h>
#include <zephyr/net/tls_credentials.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PSK_TAG 1

static const unsigned char psk[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
				    0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10};
static const char psk_id[] = "Client_identity";

static void require(int result, const char *what)
{
	if (result < 0) {
		printf("%s: %d\n", what, errno);
		exit(1);
	}
}

static int start(const char *port)
{
	static const sec_tag_t sec_tags[] = {PSK_TAG};
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((in_port_t)atoi(port))};
	int sock = zsock_socket(AF_INET, SOCK_STREAM, IPPROTO_TLS_1_2);
	int verify = TLS_PEER_VERIFY_NONE;

	require(sock, "socket");
	require(zsock_setsockopt(sock, SOL_TLS, TLS_SEC_TAG_LIST, sec_tags, sizeof(sec_tags)),
		"TLS_SEC_TAG_LIST");
	require(zsock_setsockopt(sock, SOL_TLS, TLS_PEER_VERIFY, &verify, sizeof(verify)),
		"TLS_PEER_VERIFY");
	require(zsock_setsockopt(sock, SOL_TLS, TLS_HOSTNAME, NULL, 0), "TLS_HOSTNAME");
	zsock_inet_pton(AF_INET, "127.0.0.1", &addr.sin_addr);
	require(zsock_connect(sock, (struct sockaddr *)&addr, sizeof(addr)), "connect");
	return sock;
}

static void receive(int sock, char *buf, size_t len)
{
	struct zsock_pollfd fds[1] = {{.fd = sock, .events = ZSOCK_POLLIN}};

	for (size_t done = 0; done < len;) {
		int n;

		require(zsock_poll(fds, 1, -1), "poll");
		n = (int)zsock_recv(sock, buf + done, len - done, ZSOCK_MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			continue;
		require(n, "recv");
		if (n == 0)
			exit(1);
		done += (size_t)n;
	}
}

int main(int argc, char *argv[])
{
	char line[256];
	int sock;

	if (argc != 2)
		return 2;
	require(tls_credential_add(PSK_TAG, TLS_CREDENTIAL_PSK, psk, sizeof(psk)), "PSK");
	require(tls_credential_add(PSK_TAG, TLS_CREDENTIAL_PSK_ID, psk_id, sizeof(psk_id) - 1),
		"PSK_ID");
	sock = start(argv[1]);
	while (fgets(line, sizeof(line), stdin)) {
		require((int)zsock_send(sock, line, strlen(line), 0), "send");
		receive(sock, line, strlen(line));
		fputs(line, stdout);
		fflush(stdout);
	}
	zsock_close(sock);
	return 0;
}
