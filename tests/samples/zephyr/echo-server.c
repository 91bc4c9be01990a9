/* SPDX-License-Identifier: MIT */
/* A program for Zephyr's sockets: echoes to several clients by poll. echo-server CHAIN KEY CLIENTS
 */
#include <zephyr/net/socket.h>
#include <zephyr/net/tls_credentials.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVER_CERTIFICATE_TAG 1
#define NUM_FDS		       5

static struct zsock_pollfd pollfds[NUM_FDS];
static int pollnum;

static void block(int result, const char *what)
{
	if (result < 0) {
		printf("%s: %d\n", what, errno);
		exit(1);
	}
}

static void pollfds_add(int fd)
{
	if (pollnum == NUM_FDS) {
		zsock_close(fd);
		return;
	}
	pollfds[pollnum].fd = fd;
	pollfds[pollnum++].events = ZSOCK_POLLIN;
}

static void pollfds_del(int i)
{
	zsock_close(pollfds[i].fd);
	pollfds[i] = pollfds[--pollnum];
}

static void add_file(enum tls_credential_type type, const char *path)
{
	static char text[16384];
	FILE *file = fopen(path, "r");
	size_t n = file ? fread(text, 1, sizeof(text), file) : 0;
	int err;

	if (file)
		fclose(file);
	err = tls_credential_add(SERVER_CERTIFICATE_TAG, type, text, n);
	if (err < 0) {
		printf("Failed to register a credential: %d\n", err);
		exit(1);
	}
}

static int start(void)
{
	static const sec_tag_t sec_tag_list[] = {SERVER_CERTIFICATE_TAG};
	struct sockaddr_in addr = {.sin_family = AF_INET};
	socklen_t len = sizeof(addr);
	int serv = zsock_socket(AF_INET, SOCK_STREAM, IPPROTO_TLS_1_2);

	block(serv, "socket");
	block(zsock_setsockopt(serv, SOL_TLS, TLS_SEC_TAG_LIST, sec_tag_list, sizeof(sec_tag_list)),
	      "TLS_SEC_TAG_LIST");
	zsock_inet_pton(AF_INET, "127.0.0.1", &addr.sin_addr);
	block(zsock_bind(serv, (struct sockaddr *)&addr, sizeof(addr)), "bind");
	block(zsock_listen(serv, NUM_FDS), "listen");
	block(zsock_getsockname(serv, (struct sockaddr *)&addr, &len), "getsockname");
	printf("port %d\n", ntohs(addr.sin_port));
	fflush(stdout);
	return serv;
}

/* Returns how many clients have gone. */
static int serve(int i)
{
	char buf[128];
	int len = (int)zsock_recv(pollfds[i].fd, buf, sizeof(buf), 0);
	int done = 0;

	while (done < len) {
		int n = (int)zsock_send(pollfds[i].fd, buf + done, (size_t)(len - done), 0);

		if (n < 0)
			len = n;
		else
			done += n;
	}
	if (len > 0)
		return 0;
	if (len < 0)
		printf("client: %d\n", errno);
	pollfds_del(i);
	return 1;
}

int main(int argc, char *argv[])
{
	int left;

	if (argc != 4)
		return 2;
	add_file(TLS_CREDENTIAL_SERVER_CERTIFICATE, argv[1]);
	add_file(TLS_CREDENTIAL_PRIVATE_KEY, argv[2]);
	pollfds_add(start());
	for (left = atoi(argv[3]); left > 0;) {
		block(zsock_poll(pollfds, pollnum, -1), "poll");
		for (int i = pollnum - 1; i > 0; i--)
			if (pollfds[i].revents)
				left -= serve(i);
		if (pollfds[0].revents & ZSOCK_POLLIN) {
			int client = zsock_accept(pollfds[0].fd, NULL, NULL);

			if (client < 0)
				printf("accept: %d\n", errno);
			else
				pollfds_add(client);
		}
	}
	return 0;
}
