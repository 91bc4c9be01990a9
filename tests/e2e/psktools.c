/* SPDX-License-Identifier: MIT */
/* Pre-shared keys with everybody's command-line tools, which get no certificate. */
#include "proc.h"
#include "trace.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

#define KEY	 "0123456789abcdef0123456789abcdef" /* as the tools want it */
#define IDENTITY "Client_identity"
#define WRONG	 "0123456789abcdef0123456789abcdee"

struct tool {
	const char *title;
	const char *version; /* in the tool's own words */
	int chosen;
	const char *key;
};

static void tell(int fd)
{
	static const unsigned char key[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
					    0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};

	assert_ok(setsockopt(fd, IPPROTO_TLS, TLS_PSK, key, sizeof(key)));
	tls_set_text(fd, TLS_PSK_IDENTITY, IDENTITY);
}

static int psk_listen(uint16_t *port)
{
	int fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));
	union net_address address;
	socklen_t length = net_loopback(&address, AF_INET, 0);

	tell(fd);
	assert_ok(bind(fd, &address.any, length));
	assert_ok(listen(fd, 1));
	assert_ok(getsockname(fd, &address.any, &length));
	*port = ntohs(address.in.sin_port);
	return fd;
}

static bool good(const struct tool *tool)
{
	return strcmp(tool->key, KEY) == 0;
}

static void check(int fd, const struct tool *tool)
{
	assert_int_equal(tls_get_int(fd, TLS_CHOSEN_VERSION), tool->chosen);
	assert_string_equal(tls_get_text(fd, TLS_PSK_IDENTITY), IDENTITY);
}

/* Serve the one client that the tool is. */
static void serve(int listener, struct proc *proc, const struct tool *tool)
{
	int fd = (int)assert_ok(accept(listener, NULL, NULL));
	char got[7] = "";

	if (good(tool)) {
		assert_int_equal(recv(fd, got, 6, MSG_WAITALL), 6);
		assert_string_equal(got, "hello\n");
		check(fd, tool);
		assert_int_equal(send(fd, "answer\n", 7, 0), 7);
	} else {
		assert_fails(recv(fd, got, 6, MSG_WAITALL), EPROTO);
		assert_non_null(strstr(tls_get_text(fd, TLS_ERROR), "pre-shared key"));
	}
	assert_ok(close(fd));
	assert_ok(close(listener));
	if (good(tool))
		free(proc_line(proc, "answer"));
	assert_int_equal(proc_finish(proc) == 0, good(tool));
}

static void s_client(void **state)
{
	const struct tool *tool = *state;
	struct proc proc;
	uint16_t port;
	int listener = psk_listen(&port);
	char address[32];

	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	proc_start(&proc, "openssl", "s_client", "-connect", address, "-psk", tool->key,
		   "-psk_identity", IDENTITY, "-quiet", tool->version, NULL);
	proc_write(&proc, "hello\n");
	serve(listener, &proc, tool);
}

static void gnutls_cli(void **state)
{
	const struct tool *tool = *state;
	char port[16], priority[128], key[64];
	struct proc proc;
	uint16_t number;
	int listener = psk_listen(&number);

	snprintf(port, sizeof(port), "%u", number);
	/* In TLS 1.2 with ECDHE-PSK gnutls-cli 3.7.9 crashes, with its own server too. */
	snprintf(priority, sizeof(priority), "NORMAL:-KX-ALL:+%s:-VERS-ALL:+VERS-TLS%s",
		 tool->chosen == TLS_1_3 ? "ECDHE-PSK" : "PSK", tool->version);
	snprintf(key, sizeof(key), "--pskkey=%s", tool->key);
	proc_start(&proc, "gnutls-cli", "--pskusername=" IDENTITY, key, "--priority", priority,
		   "--port", port, "127.0.0.1", NULL);
	proc_write(&proc, "hello\n");
	serve(listener, &proc, tool);
}

/* Speak with the server that the tool is: what is sent, and what comes back. */
static void speak(uint16_t port, const struct tool *tool, const char *send_it, const char *expected)
{
	int fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));
	char got[64] = "";
	size_t n = strlen(send_it);

	tell(fd);
	if (good(tool)) {
		assert_ok(tls_connect(fd, AF_INET, port));
		check(fd, tool);
		assert_int_equal(send(fd, send_it, n, 0), n);
		assert_int_equal(recv(fd, got, n, MSG_WAITALL), n);
		assert_string_equal(got, expected);
	} else {
		assert_fails(tls_connect(fd, AF_INET, port), EPROTO);
		assert_non_null(strstr(tls_get_text(fd, TLS_ERROR), "pre-shared key"));
	}
	assert_ok(close(fd));
}

static void s_server(void **state)
{
	const struct tool *tool = *state;
	struct proc proc;
	char *line;

	proc_start(&proc, "openssl", "s_server", "-accept", "127.0.0.1:0", "-nocert", "-psk",
		   tool->key, "-psk_identity", IDENTITY, "-rev", "-naccept", "1", tool->version,
		   NULL);
	line = proc_line(&proc, "ACCEPT 127.0.0.1:");
	speak((uint16_t)atoi(strrchr(line, ':') + 1), tool, "stressed\n", "desserts\n");
	free(line);
	proc_kill(&proc);
}

/* gnutls-serv does not say which port the kernel chose: take a free one, again if it is lost. */
static uint16_t start_gnutls_serv(struct proc *proc, const char *passwords, const char *priority)
{
	char port[16], *line;
	uint16_t number;
	bool taken;

	for (;;) {
		close(net_listen(AF_INET, &number));
		snprintf(port, sizeof(port), "%u", number);
		proc_start(proc, "gnutls-serv", "--echo", "--port", port, "--pskpasswd", passwords,
			   "--priority", priority, NULL);
		line = proc_line(proc, "listening on IPv4");
		taken = !strstr(line, "done");
		free(line);
		if (!taken)
			return number;
		proc_kill(proc);
	}
}

static void gnutls_serv(void **state)
{
	const struct tool *tool = *state;
	char path[] = "/tmp/tlssock-psk-XXXXXX", priority[128], line[128];
	int fd = (int)assert_ok(mkstemp(path)), n;
	struct proc proc;

	n = snprintf(line, sizeof(line), IDENTITY ":%s\n", tool->key);
	assert_int_equal(write(fd, line, (size_t)n), n);
	assert_ok(close(fd));
	snprintf(priority, sizeof(priority), "NORMAL:-KX-ALL:+ECDHE-PSK:-VERS-ALL:+VERS-TLS%s",
		 tool->version);
	speak(start_gnutls_serv(&proc, path, priority), tool, "an echo\n", "an echo\n");
	proc_kill(&proc);
	assert_ok(unlink(path));
}

static const struct tool by_option[] = {{"TLS 1.2", "-tls1_2", TLS_1_2, KEY},
					{"TLS 1.3", "-tls1_3", TLS_1_3, KEY},
					{"TLS 1.2, wrong key", "-tls1_2", TLS_1_2, WRONG},
					{"TLS 1.3, wrong key", "-tls1_3", TLS_1_3, WRONG}};

static const struct tool by_priority[] = {{"TLS 1.2", "1.2", TLS_1_2, KEY},
					  {"TLS 1.3", "1.3", TLS_1_3, KEY},
					  {"TLS 1.2, wrong key", "1.2", TLS_1_2, WRONG},
					  {"TLS 1.3, wrong key", "1.3", TLS_1_3, WRONG}};

enum { ROWS = COUNT(by_option) };

static const struct {
	const char *name;
	CMUnitTestFunction run;
	const struct tool *rows;
} programs[] = {
	{"openssl s_client", s_client, by_option},
	{"gnutls-cli", gnutls_cli, by_priority},
	{"openssl s_server", s_server, by_option},
	{"gnutls-serv", gnutls_serv, by_priority},
};

int main(void)
{
	static char titles[ROWS * COUNT(programs)][64];
	struct CMUnitTest tests[COUNT(titles)];

	for (size_t i = 0; i < COUNT(titles); i++) {
		const struct tool *row = &programs[i / ROWS].rows[i % ROWS];

		snprintf(titles[i], sizeof(titles[i]), "%s, %s", programs[i / ROWS].name,
			 row->title);
		tests[i] = ROW_CASE(titles[i], programs[i / ROWS].run, ROW(*row));
	}
	return compare_main("psktools", NULL, 0, tests, COUNT(tests));
}
