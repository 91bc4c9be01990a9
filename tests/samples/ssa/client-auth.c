/* SPDX-License-Identifier: MIT */
/*
 * A program of the Secure Socket API: sends its input with a certificate of its own, and
 * prints as much as comes back. client-auth HOST PORT CHAIN KEY CA
 */
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

int main(int argc, char *argv[])
{
	struct sockaddr_host addr = {.sin_family = AF_HOSTNAME};
	char line[1024];
	int fd, version = TLS_1_2;

	if (argc != 6)
		return 2;
	addr.sin_port = htons((in_port_t)atoi(argv[2]));
	strncpy((char *)addr.sin_addr.name, argv[1], sizeof(addr.sin_addr.name) - 1);

	fd = socket(AF_HOSTNAME, SOCK_STREAM, IPPROTO_TLS);
	require(fd, "socket");
	set(fd, TLS_CERTIFICATE_CHAIN, argv[3], "TLS_CERTIFICATE_CHAIN");
	set(fd, TLS_PRIVATE_KEY, argv[4], "TLS_PRIVATE_KEY");
	set(fd, TLS_TRUSTED_PEER_CERTIFICATES, argv[5], "TLS_TRUSTED_PEER_CERTIFICATES");
	require(setsockopt(fd, IPPROTO_TLS, TLS_VERSION_MIN, &version, sizeof(version)),
		"TLS_VERSION_MIN");
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		char reason[1024] = "";
		socklen_t len = sizeof(reason);

		perror("connect");
		if (getsockopt(fd, IPPROTO_TLS, TLS_ERROR, reason, &len) == 0)
			fprintf(stderr, "%s\n", reason);
		return 1;
	}
	while (fgets(line, sizeof(line), stdin)) {
		size_t n = strlen(line);

		require((int)write(fd, line, n), "write");
		for (size_t done = 0; done < n;) {
			ssize_t got = read(fd, line + done, n - done);

			require((int)got, "read");
			if (got == 0)
				return 1;
			done += (size_t)got;
		}
		fputs(line, stdout);
		fflush(stdout);
	}
	close(fd);
	return 0;
}
