/* SPDX-License-Identifier: MIT */
#include "peer.h"
#include "net.h"
#include "stream.h"
#include "test.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ARGS_MAX 40

static void start(struct native_peer *peer, const char **argv, size_t n, va_list args)
{
	while (n < ARGS_MAX - 1 && (argv[n] = va_arg(args, const char *)))
		n++;
	argv[n] = NULL;
	proc_start_argv(&peer->proc, argv, NULL);
}

static const char *loopback(int family)
{
	return family == AF_INET6 ? "::1" : "127.0.0.1";
}

void peer_listen(struct native_peer *peer, const char *program, int family, const char *identity,
		 ...)
{
	char address[64];
	const char *argv[ARGS_MAX] = {program_path(program),
				      "--listen",
				      address,
				      "--cert",
				      zoo("%s.pem", identity),
				      "--key",
				      zoo("%s.key", identity)};
	va_list args;
	char *line;

	snprintf(address, sizeof(address), "%s:0", loopback(family));
	va_start(args, identity);
	start(peer, argv, 7, args);
	va_end(args);
	line = proc_line(&peer->proc, "port ");
	peer->port = (uint16_t)atoi(line + strlen("port "));
	free(line);
}

void peer_connect(struct native_peer *peer, const char *program, int family, unsigned int port, ...)
{
	char address[64];
	const char *argv[ARGS_MAX] = {program_path(program), "--connect", address,    "--ca",
				      zoo("ca.pem"),	     "--name",	  "localhost"};
	va_list args;

	snprintf(address, sizeof(address), "%s:%u", loopback(family), port);
	va_start(args, port);
	start(peer, argv, 7, args);
	va_end(args);
	peer->port = (uint16_t)port;
}

void peer_received(struct native_peer *peer, uint64_t n, const char *end)
{
	char expected[128];
	char *line = proc_line(&peer->proc, "received ");

	snprintf(expected, sizeof(expected),
		 "received %" PRIu64 " bytes digest=%016" PRIx64 " end=%s", n, stream_digest_of(n),
		 end);
	assert_string_equal(line, expected);
	free(line);
}

/* gnutls-serv does not say which port the kernel chose: take a free one, again if it is lost. */
uint16_t peer_gnutls_serv(struct proc *proc, const char *priority)
{
	char port[16], *line;
	uint16_t number;

	for (;;) {
		int taken;

		close(net_listen(AF_INET, &number));
		snprintf(port, sizeof(port), "%u", number);
		proc_start(proc, "gnutls-serv", "--echo", "--port", port, "--x509certfile",
			   zoo("good.pem"), "--x509keyfile", zoo("good.key"), "--priority",
			   priority, NULL);
		line = proc_line(proc, "listening on IPv4");
		taken = !strstr(line, "done");
		free(line);
		if (!taken)
			return number;
		proc_kill(proc);
	}
}
