/* SPDX-License-Identifier: MIT */
/* Early data to and from the command-line tools of OpenSSL and GnuTLS. */
#include "peer.h"
#include "trace.h"
#include "visit.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

enum { MOST = 4096 };

static const char words[] = "early words\n";

static void expect_text(int fd, const char *text)
{
	char buf[256] = "";
	size_t n = strlen(text);

	assert_int_equal(recv(fd, buf, n, MSG_WAITALL), n);
	assert_string_equal(buf, text);
}

static void send_text(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
}

static int client_of(uint16_t port)
{
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");

	tls_set_int(fd, TLS_HANDSHAKE_MODE, TLS_HANDSHAKE_DEFERRED);
	tls_set_int(fd, TLS_EARLY_DATA, MOST);
	assert_ok(tls_connect(fd, AF_INET, port));
	return fd;
}

static uint16_t start_s_server_of(struct proc *proc, uint16_t at, const char *version,
				  const char *option, const char *value)
{
	char address[32], *line;
	uint16_t port;

	snprintf(address, sizeof(address), "127.0.0.1:%u", at);
	proc_start(proc, "openssl", "s_server", "-accept", address, "-cert", zoo("good.pem"),
		   "-key", zoo("good.key"), version, option, value, NULL);
	/* It tells the port that it was not told. */
	line = proc_line(proc, at ? "ACCEPT" : "ACCEPT 127.0.0.1:");
	port = at ? at : (uint16_t)atoi(strrchr(line, ':') + 1);
	free(line);
	return port;
}

static uint16_t start_s_server(struct proc *proc, uint16_t at, const char *option)
{
	return start_s_server_of(proc, at, "-tls1_3", option, NULL);
}

/* Greeted, so that a ticket has come. */
static void get_ticket(struct proc *proc, uint16_t port)
{
	int fd = client_of(port);

	send_text(fd, "hello\n");
	free(proc_line(proc, "hello"));
	proc_write(proc, "greetings\n");
	expect_text(fd, "greetings\n");
	assert_int_equal(tls_get_int(fd, TLS_EARLY_DATA), 0);
	close(fd);
}

/* It has them before the client has seen the end of the handshake. */
static void s_server(void **state)
{
	struct proc proc;
	uint16_t port;

	(void)state;
	visit_purge();
	port = start_s_server(&proc, 0, "-early_data");
	get_ticket(&proc, port);
	for (int i = 0; i < 2; i++) {
		int fd = client_of(port);

		send_text(fd, words);
		free(proc_line(&proc, "Early data received"));
		free(proc_line(&proc, "early words"));
		assert_int_equal(tls_get_int(fd, TLS_RESUMED_SESSION), 1);
		free(proc_line(&proc, "End of early data"));
		proc_write(&proc, "answer\n");
		expect_text(fd, "answer\n");
		assert_int_equal(tls_get_int(fd, TLS_EARLY_DATA), strlen(words));
		close(fd);
	}
	proc_kill(&proc);
}

/* One with other keys, that reads no early data: they come after the handshake. */
static void s_server_refuses(void **state)
{
	struct proc proc;
	uint16_t port;
	int fd;

	(void)state;
	visit_purge();
	port = start_s_server(&proc, 0, "-early_data");
	get_ticket(&proc, port);
	proc_kill(&proc);
	start_s_server(&proc, port, "-rev");
	fd = client_of(port);
	send_text(fd, "abc\n");
	expect_text(fd, "cba\n");
	assert_int_equal(tls_get_int(fd, TLS_EARLY_DATA), 0);
	send_text(fd, "def\n");
	expect_text(fd, "fed\n");
	close(fd);
	proc_kill(&proc);
}

/* One whose tickets say nothing of early data is sent none. */
static void s_server_without(void **state)
{
	struct proc proc;
	uint16_t port;

	(void)state;
	visit_purge();
	port = start_s_server(&proc, 0, "-rev");
	for (int i = 0; i < 3; i++) {
		int fd = client_of(port);

		send_text(fd, "abc\n");
		expect_text(fd, "cba\n");
		assert_int_equal(tls_get_int(fd, TLS_RESUMED_SESSION), i > 0);
		assert_int_equal(tls_get_int(fd, TLS_EARLY_DATA), 0);
		close(fd);
	}
	proc_kill(&proc);
}

/*
 * One that has changed so that it cannot go on: it wants another key share, or speaks TLS 1.2
 * (RFC 8446, D.3). That is an error at once, and the next connection is made without.
 */
static void s_server_has_changed(void **state)
{
	static const char *const rows[][3] = {{"-tls1_3", "-groups", "P-521"},
					      {"-tls1_2", "-no_ticket", NULL}};
	struct proc proc;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint16_t port = start_s_server(&proc, 0, "-early_data");
		char c;
		int fd;

		visit_purge();
		get_ticket(&proc, port);
		proc_kill(&proc);
		start_s_server_of(&proc, port, rows[i][0], rows[i][1], rows[i][2]);
		fd = client_of(port);
		/* It may have been faster. */
		assert_in_range(send(fd, words, strlen(words), 0) + 1, 0, strlen(words) + 1);
		assert_fails(recv(fd, &c, 1, 0), EPROTO);
		close(fd);
		fd = client_of(port);
		send_text(fd, "again\n");
		free(proc_line(&proc, "again"));
		assert_int_equal(tls_get_int(fd, TLS_EARLY_DATA), 0);
		close(fd);
		proc_kill(&proc);
	}
}

static int listen_early(uint16_t *port)
{
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", port);

	tls_set_int(listener, TLS_EARLY_DATA, MOST);
	return listener;
}

static void write_words(const char *path)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(words, f);
	fclose(f);
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
	char address[32], session[64], early[64];
	struct proc proc;
	uint16_t port;
	int listener = listen_early(&port);

	(void)state;
	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	snprintf(session, sizeof(session), "/tmp/tlssock-early-%d.session", getpid());
	snprintf(early, sizeof(early), "/tmp/tlssock-early-%d.words", getpid());
	write_words(early);
	for (int i = 0; i < 3; i++) {
		int fd;

		/* The third time with a session that it has used. */
		proc_start(&proc, "openssl", "s_client", "-connect", address, "-servername",
			   "localhost", "-CAfile", zoo("ca.pem"), "-verify_return_error",
			   i ? "-sess_in" : "-sess_out", session, i ? "-early_data" : NULL, early,
			   NULL);
		fd = (int)assert_ok(accept(listener, NULL, NULL));
		if (i)
			expect_text(fd, words);
		assert_int_equal(tls_get_int(fd, TLS_EARLY_DATA), i ? strlen(words) : 0);
		send_text(fd, "greetings\n");
		free(proc_line(&proc, "greetings"));
		proc_write(&proc, "Q\n");
		see_off(fd);
		if (i)
			free(proc_line(&proc, "Early data was accepted"));
		proc_finish(&proc);
	}
	unlink(session);
	unlink(early);
	close(listener);
}

static void gnutls_cli(void **state)
{
	char port[16], early[64];
	struct proc proc;
	uint16_t number;
	int listener = listen_early(&number), fd;

	(void)state;
	snprintf(port, sizeof(port), "%u", number);
	snprintf(early, sizeof(early), "/tmp/tlssock-early-%d.words", getpid());
	write_words(early);
	proc_start(&proc, "gnutls-cli", "--x509cafile", zoo("ca.pem"), "--sni-hostname=localhost",
		   "--verify-hostname=localhost", "--resume", "--waitresumption", "--earlydata",
		   early, "--port", port, "127.0.0.1", NULL);
	fd = (int)assert_ok(accept(listener, NULL, NULL));
	send_text(fd, "greetings\n");
	assert_int_equal(tls_get_int(fd, TLS_EARLY_DATA), 0);
	close(fd);
	fd = (int)assert_ok(accept(listener, NULL, NULL));
	expect_text(fd, words);
	assert_int_equal(tls_get_int(fd, TLS_EARLY_DATA), strlen(words));
	send_text(fd, "answer\n");
	free(proc_line(&proc, "answer"));
	close(fd);
	proc_finish(&proc);
	unlink(early);
	close(listener);
}

static const struct CMUnitTest tests[] = {
	CASE(s_server), CASE(s_server_refuses), CASE(s_server_without), CASE(s_server_has_changed),
	CASE(s_client), CASE(gnutls_cli),
};

int main(void)
{
	return compare_main("earlytools", NULL, 0, tests, COUNT(tests));
}
