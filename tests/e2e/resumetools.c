/* SPDX-License-Identifier: MIT */
/* Sessions that are resumed with the command-line tools of OpenSSL and GnuTLS. */
#include "peer.h"
#include "trace.h"
#include "visit.h"
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

static void expect_text(int fd, const char *text)
{
	char buf[256];
	size_t n = strlen(text);

	assert_int_equal(recv(fd, buf, n, MSG_WAITALL), n);
	assert_memory_equal(buf, text, n);
}

static void send_text(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
}

/* Greet the next client, and look whether it resumed. */
static int greet(int listener, const struct tool *tool, int *resumed)
{
	int fd = (int)assert_ok(accept(listener, NULL, NULL));

	send_text(fd, "greetings\n");
	*resumed = tls_get_int(fd, TLS_RESUMED_SESSION);
	assert_int_equal(tls_get_int(fd, TLS_CHOSEN_VERSION), tool->chosen);
	return fd;
}

static void see_off(int fd)
{
	char buf[64];

	while (recv(fd, buf, sizeof(buf), 0) > 0)
		;
	close(fd);
}

static void s_client(void **state)
{
	const struct tool *tool = *state;
	char address[32], file[64];
	struct proc proc;
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port), fd, resumed;

	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	snprintf(file, sizeof(file), "/tmp/tlssock-session-%d", getpid());
	for (int i = 0; i < 3; i++) {
		proc_start(&proc, "openssl", "s_client", "-connect", address, "-servername",
			   i == 2 ? "other.example" : "localhost", "-CAfile", zoo("ca.pem"),
			   "-verify_return_error", tool->version, i ? "-sess_in" : "-sess_out",
			   file, NULL);
		/* Nor has a server of ours a session for another name (RFC 6066, 3). */
		fd = greet(listener, tool, &resumed);
		assert_int_equal(resumed, i == 1);
		free(proc_line(&proc, "greetings"));
		proc_write(&proc, "Q\n");
		see_off(fd);
		free(proc_line(&proc, i == 1 ? "Reused, TLS" : "New, TLS"));
		proc_finish(&proc);
	}
	unlink(file);
	close(listener);
}

/* It resumes by itself. */
static void gnutls_cli(void **state)
{
	const struct tool *tool = *state;
	struct proc proc;
	uint16_t number;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &number);
	char port[16];

	snprintf(port, sizeof(port), "%u", number);
	proc_start(&proc, "gnutls-cli", "--x509cafile", zoo("ca.pem"), "--sni-hostname=localhost",
		   "--verify-hostname=localhost", "--priority", tool->version, "--resume",
		   "--waitresumption", "--port", port, "127.0.0.1", NULL);
	for (int i = 0; i < 2; i++) {
		int resumed, fd = greet(listener, tool, &resumed);

		assert_int_equal(resumed, i);
		if (i == 1)
			free(proc_line(&proc, "This is a resumed session"));
		close(fd);
	}
	proc_finish(&proc);
	close(listener);
}

/* One connection to a server that answers. Returns whether it was resumed. */
static int talk(uint16_t port, const struct tool *tool, const char *said, const char *answer)
{
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost"), resumed;
	struct tls_info info;

	assert_ok(tls_connect(fd, AF_INET, port));
	assert_int_equal(tls_get_int(fd, TLS_CHOSEN_VERSION), tool->chosen);
	send_text(fd, said);
	expect_text(fd, answer);
	resumed = tls_get_int(fd, TLS_RESUMED_SESSION);
	assert_ok(getsockopt(fd, SOL_TLS, TLS_INFO, &info, &(socklen_t){sizeof(info)}));
	assert_int_equal(info.verified, 1);
	assert_string_equal(tls_get_text(fd, TLS_PEER_IDENTITY), "CN=Test good");
	close(fd);
	return resumed;
}

static uint16_t start_s_server(struct proc *proc, const struct tool *tool, const char *option,
			       const char *more)
{
	uint16_t port;
	char *line;

	visit_purge();
	proc_start(proc, "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", zoo("good.pem"),
		   "-key", zoo("good.key"), "-rev", tool->version, option, more, NULL);
	line = proc_line(proc, "ACCEPT 127.0.0.1:");
	port = (uint16_t)atoi(strrchr(line, ':') + 1);
	free(line);
	return port;
}

static void s_server(void **state)
{
	const struct tool *tool = *state;
	struct proc proc;
	uint16_t port = start_s_server(&proc, tool, "-num_tickets", "2");

	for (int i = 0; i < 4; i++)
		assert_int_equal(talk(port, tool, "abc\n", "cba\n"), i > 0);
	proc_kill(&proc);
}

/* Sessions that the server keeps, by their number. */
static void s_server_without_tickets(void **state)
{
	const struct tool *tool = *state;
	struct proc proc;
	uint16_t port = start_s_server(&proc, tool, "-no_ticket", NULL);

	for (int i = 0; i < 3; i++)
		assert_int_equal(talk(port, tool, "abc\n", "cba\n"), i > 0);
	proc_kill(&proc);
}

static void s_server_that_resumes_nothing(void **state)
{
	const struct tool *tool = *state;
	struct proc proc;
	uint16_t port;

	if (tool->chosen == TLS_1_3)
		port = start_s_server(&proc, tool, "-num_tickets", "0");
	else
		port = start_s_server(&proc, tool, "-no_ticket", "-no_cache");
	for (int i = 0; i < 3; i++)
		assert_int_equal(talk(port, tool, "abc\n", "cba\n"), 0);
	proc_kill(&proc);
}

static void gnutls_serv(void **state)
{
	const struct tool *tool = *state;
	struct proc proc;
	uint16_t port;

	visit_purge();
	port = peer_gnutls_serv(&proc, tool->version);
	for (int i = 0; i < 4; i++)
		assert_int_equal(talk(port, tool, "an echo\n", "an echo\n"), i > 0);
	proc_kill(&proc);
}

static const struct tool by_option[] = {{"TLS 1.2", "-tls1_2", TLS_1_2},
					{"TLS 1.3", "-tls1_3", TLS_1_3}};

static const struct tool by_priority[] = {{"TLS 1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.2", TLS_1_2},
					  {"TLS 1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.3", TLS_1_3}};

static const struct {
	const char *name;
	CMUnitTestFunction run;
	const struct tool *rows;
} programs[] = {
	{"openssl s_client", s_client, by_option},
	{"gnutls-cli", gnutls_cli, by_priority},
	{"openssl s_server", s_server, by_option},
	{"openssl s_server with a cache", s_server_without_tickets, by_option},
	{"openssl s_server with neither", s_server_that_resumes_nothing, by_option},
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
	return compare_main("resumetools", NULL, 0, tests, COUNT(tests));
}
