/* SPDX-License-Identifier: MIT */
/* splice between a socket and a pipe that waits: for what, and what ends it. */
#include "settle.h"
#include "trace.h"
#include "waiting.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void make_pipe(int ends[2])
{
	assert_ok(pipe2(ends, O_CLOEXEC));
}

static void close_pipe(const int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

static void make_full_pipe(int ends[2])
{
	static char page[4096];

	make_pipe(ends);
	assert_ok(fcntl(ends[1], F_SETFL, O_NONBLOCK));
	while (write(ends[1], page, sizeof(page)) > 0)
		continue;
	assert_ok(fcntl(ends[1], F_SETFL, 0));
}

static int left_in(int fd)
{
	int n = -1;

	assert_ok(ioctl(fd, FIONREAD, &n));
	return n;
}

static int waited_on[2];
static unsigned int waited_flags;

static ssize_t splice_waiting(struct waiting *w)
{
	return splice(waited_on[0], NULL, waited_on[1], NULL, 10, waited_flags) + 0 * w->fd;
}

static void wake(int signal_number)
{
	(void)signal_number;
}

/* In each of the four waits: for data and room, of socket and pipe. */
static void interrupted(struct link *l, struct trace *t)
{
	struct sigaction handler = {.sa_handler = wake};
	int empty[2], full[2];

	assert_ok(sigaction(SIGUSR1, &handler, NULL));
	make_pipe(empty);
	make_full_pipe(full);
	settle_full(l->client, l->server);
	const int pairs[][2] = {{l->client, empty[1]},
				{empty[0], l->client},
				{l->client, full[1]},
				{full[0], l->client},
				{l->client, empty[1]}};

	for (size_t i = 0; i < COUNT(pairs); i++) {
		struct waiting w;

		memcpy(waited_on, pairs[i], sizeof(waited_on));
		/* That is for the pipe, not the socket. */
		waited_flags = i == 4 ? SPLICE_F_NONBLOCK : 0;
		waiting_start_in(&w, l->client, splice_waiting);
		pthread_kill(w.thread, SIGUSR1);
		waiting_finish(&w);
		trace_note(t, "%zu: %zd %d\n", i, w.result, w.result < 0 ? w.error : 0);
	}
	trace_note(t, "\t%d left\n", left_in(full[0]));
	close_pipe(empty);
	close_pipe(full);
}

/* What a wait is for, given to it. */
static void data_for_socket(struct link *l, int other)
{
	(void)other;
	assert_int_equal(send(l->server, "data", 4, 0), 4);
}

static void data_for_pipe(struct link *l, int other)
{
	(void)l;
	assert_int_equal(write(other, "data", 4), 4);
}

static void room_in_pipe(struct link *l, int other)
{
	static char page[4096];

	(void)l;
	assert_int_equal(read(other, page, sizeof(page)), sizeof(page));
}

static void room_in_socket(struct link *l, int other)
{
	static char page[65536];
	struct pollfd room = {.fd = l->client, .events = POLLOUT};

	(void)other;
	while (poll(&room, 1, 0) == 0)
		(void)!recv(l->server, page, sizeof(page), MSG_DONTWAIT);
}

static void signalled(struct link *l, struct trace *t, int in, int out,
		      void (*give)(struct link *l, int other), int other)
{
	struct waiting w;

	waited_on[0] = in;
	waited_on[1] = out;
	waited_flags = 0;
	waiting_start_in(&w, l->client, splice_waiting);
	pthread_kill(w.thread, SIGUSR1);
	waiting_settle(&w);
	if (give)
		give(l, other);
	waiting_finish(&w);
	trace_note(t, "%zd %d\n", w.result, w.result < 0 ? w.error : 0);
}

/* The same four waits under SA_RESTART go on, but for one that has a timeout. */
static void restarted(struct link *l, struct trace *t)
{
	const struct sigaction handler = {.sa_handler = wake, .sa_flags = SA_RESTART};
	const struct timeval long_time = {1000, 0};
	int empty[2], full[2];

	assert_ok(sigaction(SIGUSR1, &handler, NULL));
	make_pipe(empty);
	make_full_pipe(full);
	signalled(l, t, empty[0], l->client, data_for_pipe, empty[1]);
	signalled(l, t, l->client, empty[1], data_for_socket, -1);
	data_for_socket(l, -1);
	settle(l->server, l->client);
	signalled(l, t, l->client, full[1], room_in_pipe, full[0]);
	settle_full(l->client, l->server);
	signalled(l, t, full[0], l->client, room_in_socket, -1);
	settle_full(l->client, l->server);
	assert_ok(setsockopt(l->client, SOL_SOCKET, SO_SNDTIMEO, &long_time, sizeof(long_time)));
	signalled(l, t, full[0], l->client, NULL, -1);
	close_pipe(empty);
	close_pipe(full);
}

/* SO_RCVLOWAT is not for splice: what comes once a wait sleeps is not in its result. */
static void low_water(struct link *l, struct trace *t)
{
	const int least = 10;
	struct waiting w;
	int ends[2];

	make_pipe(ends);
	assert_ok(setsockopt(l->server, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof(least)));
	CALL(t, send(l->client, "hello", 5, 0));
	settle(l->client, l->server);
	waited_on[0] = l->server;
	waited_on[1] = ends[1];
	waited_flags = 0;
	waiting_start_in(&w, l->server, splice_waiting);
	CALL(t, send(l->client, "world", 5, 0));
	waiting_finish(&w);
	trace_note(t, "%zd\n", w.result);
	close_pipe(ends);
}

static const struct compare_case cases[] = {
	{"splice and a signal", interrupted},
	{"splice and a signal that restarts", restarted},
	{"splice and SO_RCVLOWAT", low_water},
};

int main(void)
{
	return compare_main("splicewaits", cases, COUNT(cases), NULL, 0);
}
