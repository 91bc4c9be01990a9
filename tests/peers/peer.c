/* SPDX-License-Identifier: MIT */
/* The common half of the native peers: the command line, the sockets, the modes. */
#include "peer.h"
#include "duplex.h"
#include "stream.h"
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct peer_options options;

/* One write a line, so that lines of several connections do not mix. */
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	fflush(stdout);
}

__attribute__((noreturn)) static void die(const char *what)
{
	perror(what);
	exit(1);
}

static ssize_t receive(struct peer_session *session, void *buf, size_t n)
{
	ssize_t got = tls_recv(session, buf, n);

	if (got > 0 && options.tickets == PEER_TICKETS_LATE && options.server &&
	    !session->ticketed) {
		session->ticketed = true;
		if (tls_send_tickets(session) < 0)
			say("tickets failed\n");
	}
	return got;
}

static const char *end_name(ssize_t end)
{
	static const char *const names[] = {"close_notify", "eof", "reset", "error"};

	return names[-end];
}

/* Read to the end, or limit bytes, and say what came. */
static void receive_and_tell(struct peer_session *session, size_t limit)
{
	uint64_t digest = STREAM_DIGEST_START;
	size_t total = 0;
	char buf[16384];
	ssize_t got = 1;

	while (total < limit) {
		size_t want = limit - total < sizeof(buf) ? limit - total : sizeof(buf);

		got = receive(session, buf, want);
		if (got <= 0)
			break;
		digest = stream_digest(digest, buf, (size_t)got);
		total += (size_t)got;
	}
	say("received %zu bytes digest=%016" PRIx64 " end=%s\n", total, digest,
	    got > 0 ? "limit" : end_name(got));
}

static bool due(size_t every, size_t count)
{
	return every && count % every == 0;
}

static void send_stream(struct peer_session *session)
{
	char buf[16384];
	size_t records = 0;
	int ret = 0;

	for (size_t at = 0; at < options.bytes && ret == 0; records++) {
		size_t n = options.bytes - at;

		if (n > options.record_size)
			n = options.record_size;
		if (due(options.key_update_every, records) && tls_update_key(session) < 0)
			say("key update failed\n");
		if (due(options.empty_every, records) && tls_send_empty(session) < 0)
			say("empty record failed\n");
		stream_fill(at, buf, n);
		ret = tls_send(session, buf, n);
		at += n;
	}
	if (ret < 0)
		say("sending failed\n");
}

static void mode_echo(struct peer_session *session)
{
	char buf[16384];
	size_t records = 0;
	ssize_t got;

	do {
		got = receive(session, buf, sizeof(buf));
		if (got > 0 && due(options.key_update_every, ++records) &&
		    tls_update_key(session) < 0)
			say("key update failed\n");
	} while (got > 0 && tls_send(session, buf, (size_t)got) == 0);
	say("echo end=%s\n", got > 0 ? "error" : end_name(got));
}

static void mode_sink(struct peer_session *session)
{
	receive_and_tell(session, SIZE_MAX);
}

static void mode_discard(struct peer_session *session)
{
	char buf[16384];

	while (receive(session, buf, sizeof(buf)) > 0)
		continue;
}

static void mode_source(struct peer_session *session)
{
	send_stream(session);
}

/* The server's half of an exchange: everything in, then everything out. */
static void mode_answer(struct peer_session *session)
{
	receive_and_tell(session, options.bytes);
	send_stream(session);
}

/* The client's half: everything out and the end of it, then everything in. */
static void mode_exchange(struct peer_session *session)
{
	send_stream(session);
	tls_notify(session);
	shutdown(session->fd, SHUT_WR);
	receive_and_tell(session, SIZE_MAX);
}

/* Both at the same time: the client sends the stream, the server what it gets. */
static void mode_duplex(struct peer_session *session)
{
	struct duplex d = {
		.buffer = options.buffer, .total = options.bytes, .echo = options.server};
	const char *end = duplex_converse(session, &d);

	say("duplex sent=%" PRIu64 " received=%" PRIu64 " end=%s\n", (uint64_t)d.sent,
	    (uint64_t)d.received, end);
}

static void drain(int fd)
{
	char buf[4096];

	while (read(fd, buf, sizeof(buf)) > 0)
		continue;
}

/* TLS is over, and TCP goes on, with words in the clear first. */
static void go_on(struct peer_session *session)
{
	static const char words[] = "in the clear\n";
	ssize_t n = sizeof(words) - 1;
	char buf[4096];

	session->plain = true;
	memcpy(buf, words, (size_t)n);
	while (n > 0 && write(session->fd, buf, (size_t)n) == n) {
		setsockopt(session->fd, IPPROTO_TCP, TCP_CORK, &(int){0}, sizeof(int));
		n = read(session->fd, buf, sizeof(buf));
	}
}

/* The other end has enough of TLS: the words are in one segment with the answer. */
static void mode_left(struct peer_session *session)
{
	mode_echo(session);
	setsockopt(session->fd, IPPROTO_TCP, TCP_CORK, &(int){1}, sizeof(int));
	tls_notify(session);
	go_on(session);
}

/* This end has, but receives what comes before the answer. */
static void mode_leave(struct peer_session *session)
{
	send_stream(session);
	tls_notify(session);
	receive_and_tell(session, SIZE_MAX);
	go_on(session);
}

static void mode_junk(struct peer_session *session)
{
	char buf[512];

	stream_fill(1, buf, sizeof(buf));
	if (write(session->fd, buf, sizeof(buf)) < 0)
		say("junk failed\n");
}

static void mode_hangup(struct peer_session *session)
{
	(void)session;
}

static void mode_silent(struct peer_session *session)
{
	drain(session->fd);
}

/* An end by RST, once something has come: before, it could overtake the handshake's end. */
static void mode_reset(struct peer_session *session)
{
	const struct linger now = {1, 0};
	char c;

	if (receive(session, &c, 1) != 1)
		say("nothing came\n");
	setsockopt(session->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(session->fd);
	session->fd = -1;
}

static const struct mode {
	const char *name;
	void (*run)(struct peer_session *session);
	bool handshake;
} modes[] = {
	{"echo", mode_echo, true},	 {"sink", mode_sink, true},
	{"discard", mode_discard, true}, {"source", mode_source, true},
	{"answer", mode_answer, true},	 {"exchange", mode_exchange, true},
	{"duplex", mode_duplex, true},	 {"reset", mode_reset, true},
	{"junk", mode_junk, false},	 {"hangup", mode_hangup, false},
	{"silent", mode_silent, false},	 {"left", mode_left, true},
	{"leave", mode_leave, true},
};

static const struct mode *mode;

static void finish(struct peer_session *session)
{
	if (session->fd < 0)
		return;
	if (mode->handshake && !session->plain && !options.no_close_notify)
		tls_notify(session);
	shutdown(session->fd, SHUT_WR);
	/* Unread bytes would turn close into a reset, which overtakes what was sent. */
	if (mode->run != mode_hangup)
		drain(session->fd);
	close(session->fd);
}

static void *serve(void *arg)
{
	struct peer_session session = {.options = &options, .fd = (int)(intptr_t)arg};

	if (!mode->handshake) {
		mode->run(&session);
		finish(&session);
		say("done\n");
		return NULL;
	}
	if (tls_open(&session) < 0) {
		say("handshake failed: %s\n", session.text);
		shutdown(session.fd, SHUT_WR);
		drain(session.fd);
		close(session.fd);
	} else {
		say("handshake ok %s\n", session.text);
		mode->run(&session);
		finish(&session);
	}
	tls_free(&session);
	say("done\n");
	return NULL;
}

/* ADDR:PORT, the address without brackets: the last colon divides. */
static socklen_t parse_address(const char *text, struct sockaddr_storage *address)
{
	struct sockaddr_in *in = (struct sockaddr_in *)address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;
	const char *colon = strrchr(text, ':');
	char host[64];

	memset(address, 0, sizeof(*address));
	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return 0;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	in->sin_port = htons((uint16_t)atoi(colon + 1)); /* at the same place in both */
	if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		return sizeof(*in);
	}
	if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		return sizeof(*in6);
	}
	return 0;
}

static void run_client(void)
{
	struct sockaddr_storage address;
	socklen_t length = parse_address(options.connect, &address);
	int fd = socket(address.ss_family, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, length) < 0)
		die(options.connect);
	serve((void *)(intptr_t)fd);
}

static int open_listener(void)
{
	struct sockaddr_storage address;
	socklen_t length = parse_address(options.listen, &address);
	int fd = socket(address.ss_family, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0 || listen(fd, 256) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		die(options.listen);
	say("port %u\n", ntohs(((struct sockaddr_in *)&address)->sin_port));
	return fd;
}

static void run_server(void)
{
	pthread_t *threads = options.connections && options.threads
				     ? calloc(options.connections, sizeof(*threads))
				     : NULL;
	int listener = open_listener();

	for (size_t i = 0; !options.connections || i < options.connections; i++) {
		int fd = accept(listener, NULL, NULL);
		pthread_t thread;

		if (fd < 0)
			die("accept");
		if (!options.threads) {
			serve((void *)(intptr_t)fd);
			continue;
		}
		if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) != 0)
			die("pthread_create");
		if (threads)
			threads[i] = thread;
		else
			pthread_detach(thread);
	}
	for (size_t i = 0; threads && i < options.connections; i++)
		pthread_join(threads[i], NULL);
	free(threads);
	close(listener);
}

int main(int argc, char *argv[])
{
	signal(SIGPIPE, SIG_IGN);
	if (peer_parse(argc, argv, &options) < 0)
		return 2;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(options.mode, modes[i].name) == 0)
			mode = &modes[i];
	}
	if (!mode) {
		fprintf(stderr, "no such mode: %s\n", options.mode);
		return 2;
	}
	tls_setup(&options);
	if (options.server)
		run_server();
	else
		run_client();
	return 0;
}
