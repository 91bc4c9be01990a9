/* SPDX-License-Identifier: MIT */
/* The command-line tools that everybody has, as our clients and as our servers. */
#include "peer.h"
#include "trace.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

struct tool {
	const char *title;
	const char *version; /* in the tool's own words */
	int chosen;
};

/* Read until the text is there, as a server would that knows its protocol. */
static void expect_text(int fd, const char *text)
{
	char buf[4096] = "";
	size_t n = 0;

	while (!strstr(buf, text)) {
		ssize_t got = assert_ok(recv(fd, buf + n, sizeof(buf) - 1 - n, 0));

		assert_true(got > 0);
		n += (size_t)got;
		buf[n] = '\0';
	}
}

static void send_text(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
}

/* Serve the one client that the tool is: expect, answer, close. */
static void serve(int listener, const struct tool *tool, const char *expected, const char *answer)
{
	int fd = (int)assert_ok(accept(listener, NULL, NULL));

	expect_text(fd, expected);
	assert_int_equal(tls_get_int(fd, TLS_CHOSEN_VERSION), tool->chosen);
	assert_string_equal(tls_get_text(fd, TLS_HOSTNAME), "localhost");
	send_text(fd, answer);
	assert_ok(close(fd));
	assert_ok(close(listener));
}

static void s_client(void **state)
{
	const struct tool *tool = *state;
	struct proc proc;
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port);
	char address[32];

	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	proc_start(&proc, "openssl", "s_client", "-connect", address, "-servername", "localhost",
		   "-verify_hostname", "localhost", "-CAfile", zoo("ca.pem"),
		   "-verify_return_error", "-quiet", tool->version, NULL);
	proc_write(&proc, "hello from s_client\n");
	serve(listener, tool, "hello from s_client\n", "hello to s_client\n");
	free(proc_line(&proc, "hello to s_client"));
	assert_int_equal(proc_finish(&proc), 0);
}

static void gnutls_cli(void **state)
{
	const struct tool *tool = *state;
	struct proc proc;
	uint16_t number;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &number);
	char port[16];

	snprintf(port, sizeof(port), "%u", number);
	proc_start(&proc, "gnutls-cli", "--x509cafile", zoo("ca.pem"), "--sni-hostname=localhost",
		   "--verify-hostname=localhost", "--priority", tool->version, "--port", port,
		   "127.0.0.1", NULL);
	proc_write(&proc, "hello from gnutls-cli\n");
	serve(listener, tool, "hello from gnutls-cli\n", "hello to gnutls-cli\n");
	free(proc_line(&proc, "hello to gnutls-cli"));
	assert_int_equal(proc_finish(&proc), 0);
}

static void curl(void **state)
{
	const struct tool *tool = *state;
	struct proc proc;
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port);
	char url[64], resolve[64];

	snprintf(url, sizeof(url), "https://localhost:%u/page", port);
	snprintf(resolve, sizeof(resolve), "localhost:%u:127.0.0.1", port);
	proc_start(&proc, "curl", "--silent", "--show-error", "--noproxy", "*", "--cacert",
		   zoo("ca.pem"), "--resolve", resolve, "--http1.1", "--tls-max", tool->version,
		   url, NULL);
	/* No length: the end of the body is the end of the stream, which must be a clean one. */
	serve(listener, tool, "\r\n\r\n",
	      "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nthe page itself\n");
	free(proc_line(&proc, "the page itself"));
	assert_int_equal(proc_finish(&proc), 0);
}

static int client(uint16_t port, const struct tool *tool)
{
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");

	assert_ok(tls_connect(fd, AF_INET, port));
	assert_int_equal(tls_get_int(fd, TLS_CHOSEN_VERSION), tool->chosen);
	return fd;
}

static void s_server(void **state)
{
	const struct tool *tool = *state;
	struct proc proc;
	char *line;
	int fd;
	char c;

	proc_start(&proc, "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", zoo("good.pem"),
		   "-key", zoo("good.key"), "-rev", "-naccept", "1", tool->version, NULL);
	line = proc_line(&proc, "ACCEPT 127.0.0.1:");
	fd = client((uint16_t)atoi(strrchr(line, ':') + 1), tool);
	free(line);
	send_text(fd, "stressed desserts\n");
	expect_text(fd, "stressed desserts\n"); /* it reads the same from the end */
	send_text(fd, "live\n");
	expect_text(fd, "evil\n");
	send_text(fd, "CLOSE\n"); /* with -rev s_server then closes */
	assert_int_equal(recv(fd, &c, 1, 0), 0);
	assert_ok(close(fd));
	proc_finish(&proc);
}

static void gnutls_serv(void **state)
{
	const struct tool *tool = *state;
	struct proc proc;
	int fd = client(peer_gnutls_serv(&proc, tool->version), tool);

	send_text(fd, "an echo\n");
	expect_text(fd, "an echo\n");
	send_text(fd, "and another\n");
	expect_text(fd, "and another\n");
	assert_ok(close(fd));
	proc_kill(&proc); /* it serves for ever */
}

static const struct tool by_option[] = {{"TLS 1.2", "-tls1_2", TLS_1_2},
					{"TLS 1.3", "-tls1_3", TLS_1_3}};

static const struct tool by_priority[] = {{"TLS 1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.2", TLS_1_2},
					  {"TLS 1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.3", TLS_1_3}};

static const struct tool by_maximum[] = {{"TLS 1.2", "1.2", TLS_1_2}, {"TLS 1.3", "1.3", TLS_1_3}};

static const struct {
	const char *name;
	CMUnitTestFunction run;
	const struct tool *rows;
} programs[] = {
	{"openssl s_client", s_client, by_option},
	{"gnutls-cli", gnutls_cli, by_priority},
	{"curl", curl, by_maximum},
	{"openssl s_server", s_server, by_option},
	{"gnutls-serv", gnutls_serv, by_priority},
};

int main(void)
{
	static char titles[2 * COUNT(programs)][64];
	struct CMUnitTest tests[COUNT(titles)];

	for (size_t i = 0; i < COUNT(titles); i++) {
		const struct tool *row = &programs[i / 2].rows[i % 2];

		snprintf(titles[i], sizeof(titles[i]), "%s, %s", programs[i / 2].name, row->title);
		tests[i] = ROW_CASE(titles[i], programs[i / 2].run, ROW(*row));
	}
	return compare_main("tools", NULL, 0, tests, COUNT(tests));
}
