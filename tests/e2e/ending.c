/* SPDX-License-Identifier: MIT */
/* How a connection ends: shutdown, half-close, close, truncation, SIGPIPE. */
#include "peer.h"
#include "trace.h"
#include <signal.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

static void end_of_stream(struct link *l, struct trace *t)
{
	char buf[16];

	CALL(t, send(l->client, "last", 4, 0));
	link_drop(&l->client);
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), 0)));
	CALL(t, recv(l->server, buf, sizeof(buf), 0));
	CALL(t, recv(l->server, buf, sizeof(buf), 0));
	CALL(t, read(l->server, buf, sizeof(buf)));
	CALL(t, recv(l->server, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT));
}

static void half_close(struct link *l, struct trace *t)
{
	char buf[16];

	CALL(t, send(l->client, "question", 8, 0));
	CALL(t, shutdown(l->client, SHUT_WR));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, 8, MSG_WAITALL)));
	CALL(t, recv(l->server, buf, sizeof(buf), 0));
	CALL(t, send(l->server, "answer", 6, 0));
	trace_bytes(t, buf, CALL(t, recv(l->client, buf, sizeof(buf), 0)));
	CALL(t, send(l->client, "too late", 8, MSG_NOSIGNAL));
	CALL(t, shutdown(l->server, SHUT_WR));
	CALL(t, recv(l->client, buf, sizeof(buf), 0));
	CALL(t, recv(l->client, buf, sizeof(buf), 0));
}

static void shut_read(struct link *l, struct trace *t)
{
	char buf[16];

	CALL(t, shutdown(l->client, SHUT_RD));
	CALL(t, recv(l->client, buf, sizeof(buf), 0));
	CALL(t, send(l->client, "still", 5, 0));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), 0)));
}

static void shut_both(struct link *l, struct trace *t)
{
	char buf[16];

	CALL(t, send(l->client, "bye", 3, 0));
	CALL(t, shutdown(l->client, SHUT_RDWR));
	CALL(t, recv(l->client, buf, sizeof(buf), 0));
	CALL(t, send(l->client, "x", 1, MSG_NOSIGNAL));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), 0)));
	CALL(t, recv(l->server, buf, sizeof(buf), 0));
}

static void shut_wrongly(struct link *l, struct trace *t)
{
	int fresh = socket(l->family, SOCK_STREAM, l->protocol);

	CALL(t, shutdown(l->client, 3));
	CALL(t, shutdown(l->client, -1));
	CALL(t, shutdown(fresh, SHUT_WR));
	CALL(t, shutdown(l->client, SHUT_WR));
	CALL(t, shutdown(l->client, SHUT_WR));
	CALL(t, shutdown(l->client, SHUT_RDWR));
	close(fresh);
}

static volatile sig_atomic_t pipes;

static void on_pipe(int signal_number)
{
	(void)signal_number;
	pipes++;
}

static void sigpipe(struct link *l, struct trace *t)
{
	struct sigaction old, action = {.sa_handler = on_pipe};
	struct iovec out = trace_text("x");
	struct msghdr message = {.msg_iov = &out, .msg_iovlen = 1};

	pipes = 0;
	sigaction(SIGPIPE, &action, &old);
	shutdown(l->client, SHUT_WR);
	CALL(t, send(l->client, "x", 1, MSG_NOSIGNAL));
	CALL(t, sendmsg(l->client, &message, MSG_NOSIGNAL));
	trace_note(t, "signals %d\n", (int)pipes);
	CALL(t, send(l->client, "x", 1, 0));
	trace_note(t, "signals %d\n", (int)pipes);
	CALL(t, write(l->client, "x", 1));
	CALL(t, writev(l->client, &out, 1));
	CALL(t, sendmsg(l->client, &message, 0));
	trace_note(t, "signals %d\n", (int)pipes);
	sigaction(SIGPIPE, &old, NULL);
}

static const struct compare_case cases[] = {
	{"the end is 0, and again 0", end_of_stream},
	{"half-close", half_close},
	{"SHUT_RD", shut_read},
	{"SHUT_RDWR", shut_both},
	{"shutdown in the wrong way or state", shut_wrongly},
	{"SIGPIPE and MSG_NOSIGNAL", sigpipe},
};

/* How a peer leaves, and what recv then says, by whether truncation is allowed. */
struct departure {
	const char *title, *program, *version, *mode, *extra;
	int allow, error; /* 0: an end of file */
};

static const struct departure departures[] = {
	{"gnutls 1.2, close_notify", "gnutls-peer", "1.2", "source", "--threads", 0, 0},
	{"openssl 1.2, close_notify", "openssl-peer", "1.2", "source", "--threads", 0, 0},
	{"gnutls 1.3, close_notify", "gnutls-peer", "1.3", "source", "--threads", 0, 0},
	{"openssl 1.3, close_notify", "openssl-peer", "1.3", "source", "--threads", 0, 0},
	{"gnutls 1.2, FIN alone", "gnutls-peer", "1.2", "source", "--no-close-notify", 0,
	 ECONNRESET},
	{"openssl 1.2, FIN alone", "openssl-peer", "1.2", "source", "--no-close-notify", 0,
	 ECONNRESET},
	{"gnutls 1.3, FIN alone", "gnutls-peer", "1.3", "source", "--no-close-notify", 0,
	 ECONNRESET},
	{"openssl 1.3, FIN alone", "openssl-peer", "1.3", "source", "--no-close-notify", 0,
	 ECONNRESET},
	{"1.2, FIN alone, allowed", "gnutls-peer", "1.2", "source", "--no-close-notify", 1, 0},
	{"1.3, FIN alone, allowed", "openssl-peer", "1.3", "source", "--no-close-notify", 1, 0},
	{"1.2, RST", "gnutls-peer", "1.2", "reset", "--threads", 0, ECONNRESET},
	{"1.3, RST", "gnutls-peer", "1.3", "reset", "--threads", 0, ECONNRESET},
	{"1.3, RST, truncation allowed", "gnutls-peer", "1.3", "reset", "--threads", 1, ECONNRESET},
};

static void departs(void **state)
{
	const struct departure *row = *state;
	struct native_peer peer;
	char buf[16];
	int fd, reset = strcmp(row->mode, "reset") == 0;

	peer_listen(&peer, row->program, AF_INET, "good", "--version", row->version, "--mode",
		    row->mode, "--bytes", "5", "--connections", "1", row->extra, NULL);
	fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
	tls_set_int(fd, TLS_ALLOW_TRUNCATION, row->allow);
	assert_ok(tls_connect(fd, AF_INET, peer.port));
	/* It waits for a byte: a reset on the heels of the handshake could overtake that. */
	if (reset)
		assert_int_equal(send(fd, "x", 1, 0), 1);
	else
		assert_int_equal(recv(fd, buf, sizeof(buf), 0), 5);
	for (int i = 0; i < 2 && !row->error; i++)
		assert_int_equal(recv(fd, buf, sizeof(buf), 0), 0);
	if (row->error)
		assert_fails(recv(fd, buf, sizeof(buf), 0), row->error);
	if (reset)
		assert_fails(send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
	if (row->error && !reset)
		assert_non_null(strstr(tls_get_text(fd, TLS_ERROR), "close_notify"));
	assert_ok(close(fd));
	assert_int_equal(proc_finish(&peer.proc), 0);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(departures)];

	for (size_t i = 0; i < COUNT(departures); i++)
		tests[i] = ROW_CASE(departures[i].title, departs, ROW(departures[i]));
	return compare_main("ending", cases, COUNT(cases), tests, COUNT(tests));
}
