/* SPDX-License-Identifier: MIT */
/* sendfile out of files, and what comes of it at the other end. */
#include "relay.h"
#include "settle.h"
#include "trace.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <tlssock.h>
#include <unistd.h>

/* A file without a name, of this text. */
static int make_file(const char *text)
{
	int fd = (int)assert_ok(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_ok(lseek(fd, 0, SEEK_SET));
	return fd;
}

static void drain(struct link *l, struct trace *t)
{
	char buf[256];

	settle(l->client, l->server);
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), MSG_DONTWAIT)));
}

static void note_place(struct trace *t, int file, off_t off)
{
	trace_note(t, "\tposition %ld, offset %ld\n", (long)lseek(file, 0, SEEK_CUR), (long)off);
}

/* The position moves, or the offset: by what was sent. */
static void positions(struct link *l, struct trace *t)
{
	int file = make_file("0123456789abcdef");
	off_t off = 3;

	CALL(t, sendfile(l->client, file, NULL, 4));
	note_place(t, file, off);
	CALL(t, sendfile(l->client, file, &off, 4));
	note_place(t, file, off);
	CALL(t, sendfile(l->client, file, &off, 100));
	note_place(t, file, off);
	CALL(t, sendfile(l->client, file, &off, 100));
	CALL(t, sendfile(l->client, file, NULL, 0));
	CALL(t, sendfile64(l->client, file, NULL, 100));
	note_place(t, file, off);
	CALL(t, sendfile(l->client, file, NULL, 100));
	off = 1000;
	CALL(t, sendfile(l->client, file, &off, 100));
	note_place(t, file, off);
	drain(l, t);
	close(file);
}

static void bounds(struct link *l, struct trace *t)
{
	static const size_t counts[] = {0, 2, 10, SSIZE_MAX - 10, SSIZE_MAX, SIZE_MAX};
	static const off_t offsets[] = {-1, LONG_MIN, 0, 4};
	int file = make_file("0123456789");

	for (size_t i = 0; i < COUNT(counts); i++) {
		assert_ok(lseek(file, 5, SEEK_SET));
		CALL(t, sendfile(l->client, file, NULL, counts[i]));
		for (size_t k = 0; k < COUNT(offsets); k++) {
			off_t off = offsets[k];

			CALL(t, sendfile(l->client, file, &off, counts[i]));
			note_place(t, file, off);
		}
	}
	CALL(t, sendfile(l->client, file, &(off_t){LONG_MAX - 5}, 10));
	drain(l, t);
	close(file);
}

/* Each kind of descriptor, with and without an offset, with and without a length. */
static void kinds(struct link *l, struct trace *t)
{
	int file = make_file("0123456789"), ends[2];
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	assert_ok(pipe2(ends, O_CLOEXEC));
	assert_int_equal(write(ends[1], "pipe", 4), 4);
	const int fds[] = {
		(int)assert_ok(open(path, O_WRONLY | O_CLOEXEC)),
		(int)assert_ok(open(path, O_PATH | O_CLOEXEC)),
		(int)assert_ok(open(path, O_RDWR | O_APPEND | O_CLOEXEC)),
		(int)assert_ok(open("/tmp", O_RDONLY | O_CLOEXEC)),
		(int)assert_ok(open("/dev/zero", O_RDONLY | O_CLOEXEC)),
		ends[0],
		ends[1],
		l->server,
		l->client,
		l->listener,
		999,
	};

	for (size_t i = 0; i < COUNT(fds); i++) {
		off_t off = 0;

		trace_note(t, "%zu\n", i);
		CALL(t, sendfile(l->client, fds[i], NULL, 3));
		CALL(t, sendfile(l->client, fds[i], &off, 3));
		CALL(t, sendfile(l->client, fds[i], NULL, 0));
		CALL(t, sendfile(999, fds[i], NULL, 3));
		trace_note(t, "\t%ld\n", (long)off);
		if (i < 5)
			close(fds[i]);
	}
	drain(l, t);
	close(ends[0]);
	close(ends[1]);
	close(file);
}

static volatile sig_atomic_t broken;

static void note_broken(int signal_number)
{
	broken += signal_number == SIGPIPE;
}

/* A socket that takes nothing: the file's position stays. */
static void in_vain(struct link *l, struct trace *t)
{
	struct sigaction handler = {.sa_handler = note_broken};
	int file = make_file("0123456789"), fresh = tls_socket(l->family, l->protocol, NULL);

	assert_ok(sigaction(SIGPIPE, &handler, NULL));
	broken = 0;
	CALL(t, sendfile(fresh, file, NULL, 3));
	CALL(t, sendfile(l->listener, file, NULL, 3));
	trace_note(t, "\t%d\n", (int)broken);
	CALL(t, sendfile(fresh, file, NULL, 0));
	assert_ok(fcntl(l->client, F_SETFL, O_NONBLOCK));
	settle_full(l->client, l->server);
	CALL(t, sendfile(l->client, file, NULL, 3));
	note_place(t, file, 0);
	CALL(t, shutdown(l->client, SHUT_WR));
	CALL(t, sendfile(l->client, file, NULL, 3));
	note_place(t, file, 0);
	CALL(t, sendfile(l->client, file, NULL, 0));
	assert_ok(lseek(file, 0, SEEK_END));
	CALL(t, sendfile(l->client, file, NULL, 3));
	trace_note(t, "\t%d\n", (int)broken);
	signal(SIGPIPE, SIG_DFL);
	close(fresh);
	close(file);
}

/* The file's end leaves at once, whatever was asked for; and MSG_MORE before it goes on. */
static void nothing_held_back(struct link *l, struct trace *t)
{
	int file = make_file("0123456789"), unsent = -1;

	for (int i = 0; i < 2; i++) {
		setsockopt(l->client, IPPROTO_TCP, 1, &(int){0}, sizeof(int)); /* TCP_NODELAY */
		CALL(t, sendfile(l->client, file, &(off_t){0}, i ? 100 : 10));
		drain(l, t);
		CALL(t, ioctl(l->client, 0x894b, &unsent)); /* SIOCOUTQNSD */
		trace_note(t, "\t%d\n", unsent);
		CALL(t, send(l->client, "head", 4, MSG_MORE));
		CALL(t, sendfile(l->client, file, &(off_t){0}, i ? 100 : 10));
		drain(l, t);
	}
	close(file);
}

static const struct compare_case cases[] = {
	{"positions and offsets", positions},
	{"bounds", bounds},
	{"kinds of files", kinds},
	{"sendfile in vain", in_vain},
	{"the end", nothing_held_back},
};

/* What is read from a file, or a pipe, is not to be read off the wire. */
static void nothing_in_the_clear(void **state)
{
	static const char secret[] = "the secret that the file holds";
	struct connecting connecting;
	struct relay relay;
	int listener, client, server, file = make_file(secret), ends[2];
	char buf[256];
	uint16_t port;

	(void)state;
	listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port);
	relay_start(&relay, AF_INET, port);
	client = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
	connecting_start(&connecting, client, AF_INET, relay.port);
	server = (int)assert_ok(accept(listener, NULL, NULL));
	assert_int_equal(tls_get_int(server, TLS_CHOSEN_VERSION), test_version());
	assert_ok(connecting_finish(&connecting));
	assert_ok(pipe2(ends, O_CLOEXEC));
	assert_int_equal(sendfile(client, file, NULL, 100), strlen(secret));
	assert_int_equal(write(ends[1], secret, strlen(secret)), strlen(secret));
	assert_int_equal(splice(ends[0], NULL, client, NULL, 100, 0), strlen(secret));
	assert_int_equal(recv(server, buf, 2 * strlen(secret), MSG_WAITALL), 2 * strlen(secret));
	assert_memory_equal(buf + strlen(secret), secret, strlen(secret));
	close(client);
	close(server);
	close(listener);
	relay_stop(&relay);
	assert_false(relay_saw(&relay, "secret"));
	relay_free(&relay);
	close(ends[0]);
	close(ends[1]);
	close(file);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {CASE(nothing_in_the_clear)};

	return compare_main("sendfiles", cases, COUNT(cases), tests, COUNT(tests));
}
