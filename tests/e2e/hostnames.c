/* SPDX-License-Identifier: MIT */
/* Whatever a program looks a name up by, that name is verified. */
#include "child.h"
#include "peer.h"
#include "trace.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

static bool is_loopback(const struct hostent *host)
{
	struct in_addr loopback = {htonl(INADDR_LOOPBACK)};

	return host && host->h_addrtype == AF_INET &&
	       memcmp(host->h_addr_list[0], &loopback, sizeof(loopback)) == 0;
}

static bool by_name(const char *name)
{
	return is_loopback(gethostbyname(name));
}

static bool by_name2(const char *name)
{
	return is_loopback(gethostbyname2(name, AF_INET));
}

static bool by_name_r(const char *name)
{
	struct hostent host, *found = NULL;
	char buf[4096];
	int error;

	return gethostbyname_r(name, &host, buf, sizeof(buf), &found, &error) == 0 &&
	       is_loopback(found);
}

static bool by_name2_r(const char *name)
{
	struct hostent host, *found = NULL;
	char buf[4096];
	int error;

	return gethostbyname2_r(name, AF_INET, &host, buf, sizeof(buf), &found, &error) == 0 &&
	       is_loopback(found);
}

static bool asynchronously(const char *name)
{
	const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	struct gaicb request = {.ar_name = name, .ar_request = &hints}, *list[] = {&request};

	if (getaddrinfo_a(GAI_NOWAIT, list, 1, NULL) != 0)
		return false;
	while (gai_error(&request) == EAI_INPROGRESS)
		gai_suspend((const struct gaicb *const *)list, 1, NULL);
	if (gai_error(&request) != 0)
		return false;
	freeaddrinfo(request.ar_result);
	/* What was freed is not looked at again. */
	return gai_error(&request) == 0;
}

static bool not_at_all(const char *name)
{
	return name;
}

static const struct lookup {
	const char *title;
	bool (*lookup)(const char *name);
	const char *node;
	const char *sni;
} lookups[] = {
	{"no lookup", not_at_all, "localhost", "sni=- "},
	{"gethostbyname", by_name, "localhost", "sni=localhost "},
	{"gethostbyname of an address", by_name, "127.0.0.1", "sni=- "},
	{"gethostbyname2", by_name2, "localhost", "sni=localhost "},
	{"gethostbyname_r", by_name_r, "localhost", "sni=localhost "},
	{"gethostbyname2_r", by_name2_r, "localhost", "sni=localhost "},
	{"getaddrinfo_a", asynchronously, "localhost", "sni=localhost "},
};

struct visit {
	const struct lookup *row;
	uint16_t port;
};

static int look_up_and_connect(void *arg)
{
	const struct visit *v = arg;
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(v->port)};
	int fd = tls_socket(AF_INET, IPPROTO_TLS, NULL);
	char c;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (!v->row->lookup(v->row->node))
		return 1;
	assert_ok(connect(fd, (struct sockaddr *)&to, sizeof(to)));
	if (recv(fd, &c, 1, 0) != 1)
		return 2;
	assert_ok(close(fd));
	return 0;
}

static void asked_for(void **state)
{
	const struct lookup *row = *state;
	struct native_peer peer;
	struct visit visit = {.row = row};
	char *line;
	pid_t pid;

	peer_listen(&peer, "gnutls-peer", AF_INET, "good", "--mode", "source", "--bytes", "1",
		    "--connections", "1", NULL);
	visit.port = peer.port;
	pid = child_start(look_up_and_connect, &visit);
	line = proc_line(&peer.proc, "handshake ok");
	if (!strstr(line, row->sni))
		fail_msg("not %s: %s", row->sni, line);
	free(line);
	assert_int_equal(child_finish(pid), 0);
	assert_int_equal(proc_finish(&peer.proc), 0);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(lookups)];

	for (size_t i = 0; i < COUNT(lookups); i++)
		tests[i] = ROW_CASE(lookups[i].title, asked_for, ROW(lookups[i]));
	return compare_main("hostnames", NULL, 0, tests, COUNT(tests));
}
