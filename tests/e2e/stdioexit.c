/* SPDX-License-Identifier: MIT */
/* How streams on TLS sockets end with the process: what a peer gets, and its last record. */
#include "child.h"
#include "file.h"
#include "late.h"
#include "net.h"
#include "peer.h"
#include "stream.h"
#include "trace.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <tlssock.h>
#include <unistd.h>

enum { BYTES = 10000, LATE = 300 };

static FILE *leaving;

/* In the child: the stream's bytes into its buffer, and some of them on the way. */
static void print_bytes(uint64_t offset, size_t n)
{
	static char bytes[BYTES];

	stream_fill(offset, bytes, n);
	assert_ok(fwrite(bytes, 1, n, leaving) == n ? 0 : -1);
}

static void print_late(void)
{
	print_bytes(BYTES, LATE);
}

static void *exit_in_thread(void *unused)
{
	exit(unused ? 1 : 0);
}

static void leave_by_exit(void)
{
	exit(0);
}

static void leave_by_thread(void)
{
	pthread_t thread;

	assert_ok(-pthread_create(&thread, NULL, exit_in_thread, NULL));
	pthread_join(thread, NULL);
}

static void leave_late(void)
{
	late_set(print_late);
	exit(0);
}

static void leave_flushed_late(void)
{
	assert_ok(fflush(leaving));
	leave_late();
}

static void leave_unbuffered(void)
{
	assert_ok(fcloseall());
	exit(0);
}

static void leave_unbuffered_late(void)
{
	assert_ok(fcloseall());
	leave_late();
}

static void leave_closed(void)
{
	assert_ok(fclose(leaving));
	exit(0);
}

static void leave_at_once(void)
{
	_exit(0);
}

static const struct departure {
	const char *name;
	void (*leave)(void);
	size_t arrives;
	const char *end;
	int standard; /* standard output is the socket */
} departures[] = {
	{"exit", leave_by_exit, BYTES, "close_notify", 0},
	{"exit in a thread", leave_by_thread, BYTES, "close_notify", 0},
	{"printed after the destructors", leave_late, BYTES + LATE, "close_notify", 0},
	{"flushed, printed after the destructors", leave_flushed_late, BYTES + LATE, "close_notify",
	 0},
	{"fclose and exit", leave_closed, BYTES, "close_notify", 0},
	{"fcloseall and exit", leave_unbuffered, BYTES, "close_notify", 0},
	{"fcloseall, printed after the destructors", leave_unbuffered_late, BYTES + LATE,
	 "close_notify", 0},
	{"_exit", leave_at_once, 8192, "eof", 0},
	{"exit, standard output", leave_by_exit, BYTES, "close_notify", 1},
	{"late, standard output", leave_late, BYTES + LATE, "close_notify", 1},
	{"fcloseall and exit, standard output", leave_unbuffered, BYTES, "close_notify", 1},
	{"fclose and exit, standard output", leave_closed, BYTES, "close_notify", 1},
};

struct leaver {
	const struct departure *departure;
	uint16_t port;
};

static int leave(void *arg)
{
	const struct leaver *leaver = arg;
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");

	assert_ok(tls_connect(fd, AF_INET, leaver->port));
	if (leaver->departure->standard) {
		assert_ok(dup2(fd, 1));
		assert_ok(close(fd));
		leaving = stdout;
	} else {
		leaving = file_on(&fd, "w");
	}
	print_bytes(0, BYTES);
	leaver->departure->leave();
	return 1;
}

static void departs(void **state)
{
	const struct departure *departure = *state;
	struct leaver leaver = {departure, 0};
	struct native_peer peer;

	peer_listen(&peer, "gnutls-peer", AF_INET, "good", "--connections", "1", "--mode", "sink",
		    NULL);
	leaver.port = peer.port;
	assert_int_equal(child_finish(child_start(leave, &leaver)), 0);
	peer_received(&peer, departure->arrives, departure->end);
	proc_finish(&peer.proc);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(departures)];

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < COUNT(departures); i++)
		tests[i] = ROW_CASE(departures[i].name, departs, ROW(departures[i]));
	return compare_main("stdioexit", NULL, 0, tests, COUNT(tests));
}
