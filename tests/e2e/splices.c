/* SPDX-License-Identifier: MIT */
/* splice between a socket and a pipe, both ways, and what is refused. */

#include "settle.h"

#include "trace.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <tlssock.h>
#include <unistd.h>

enum { PIPE_MOST = 65536 };

static void make_pipe(int ends[2])
{
	assert_ok(pipe2(ends, O_CLOEXEC));
}

static void close_pipe(const int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

static void set_nonblock(int fd, bool on)
{
	assert_ok(fcntl(fd, F_SETFL, on ? O_NONBLOCK : 0));
}

/* A numbered place in a list of what both protocols have. */
struct place {
	const char *name;
	int fd;
};

/* Every pair of ends with offsets, flags and lengths, none of which moves a byte. */
static void refused(struct link *l, struct trace *t)
{
	off64_t zero = 0;
	int ends[2], file = (int)assert_ok(open("/dev/zero", O_RDWR | O_CLOEXEC));
	int path = (int)assert_ok(open("/dev/zero", O_PATH | O_CLOEXEC));

	make_pipe(ends);
	const struct place places[] = {
		{"client", l->client}, {"server", l->server},  {"listener", l->listener},
		{"read end", ends[0]}, {"write end", ends[1]}, {"file", file},
		{"path", path},	       {"closed", 999}};

	for (size_t i = 0; i < COUNT(places); i++) {
		for (size_t k = 0; k < COUNT(places) * 4; k++) {
			const struct place *in = &places[i], *out = &places[k / 4];
			off64_t *in_off = k & 1 ? &zero : NULL, *out_off = k & 2 ? &zero : NULL;
			bool plain = (i >= 3 && k / 4 >= 3);
			bool right =
				!in_off && !out_off && (in->fd == ends[0] || out->fd == ends[1]);

			if (plain || right)
				continue;
			trace_note(t, "%s to %s %zu\n", in->name, out->name, k & 3);
			NAMED(t, "splice", splice(in->fd, in_off, out->fd, out_off, 1, 0));
			NAMED(t, "none", splice(in->fd, in_off, out->fd, out_off, 0, 0));
			NAMED(t, "flag", splice(in->fd, in_off, out->fd, out_off, 1, 16));
		}
	}
	CALL(t, splice(ends[1], NULL, l->client, NULL, 1, 0));
	CALL(t, splice(l->client, NULL, ends[0], NULL, 1, 0));
	CALL(t, splice(l->client, NULL, ends[1], NULL, 0, 0));
	close_pipe(ends);
	close(file);
	close(path);
}

/* Calls that a socket does not have on either protocol. */
static void others_refused(struct link *l, struct trace *t)
{
	struct iovec iov = trace_text("vm");
	FILE *file = tmpfile();
	int ends[2];

	assert_non_null(file);
	make_pipe(ends);
	CALL(t, tee(l->server, ends[1], 1, 0));
	CALL(t, tee(ends[0], l->client, 1, SPLICE_F_NONBLOCK));
	CALL(t, tee(l->client, 999, 1, 0));
	CALL(t, vmsplice(l->client, &iov, 1, 0));
	CALL(t, vmsplice(l->client, NULL, 0, 0));
	CALL(t, copy_file_range(l->server, NULL, fileno(file), NULL, 1, 0));
	CALL(t, copy_file_range(fileno(file), NULL, l->client, NULL, 1, 0));
	CALL(t, sendfile(fileno(file), l->server, NULL, 1));
	CALL(t, sendfile(fileno(file), l->server, &(off_t){0}, 1));
	CALL(t, sendfile(ends[1], l->server, &(off_t){0}, 1));
	CALL(t, sendfile(l->client, l->server, NULL, 1));
	CALL(t, sendfile(ends[0], l->server, NULL, 1));
	CALL(t, sendfile(999, l->server, NULL, 1));
	settle(l->client, l->server);
	CALL(t, recv(l->server, (char[1]){0}, 1, MSG_DONTWAIT));
	fclose(file);
	close_pipe(ends);
}

static void into_pipe(struct link *l, struct trace *t)
{
	char buf[64];
	int ends[2];

	make_pipe(ends);
	CALL(t, send(l->client, "hello", 5, 0));
	CALL(t, send(l->client, "world", 5, 0));
	settle(l->client, l->server);
	CALL(t, splice(l->server, NULL, ends[1], NULL, 7, 0));
	trace_bytes(t, buf, CALL(t, read(ends[0], buf, sizeof(buf))));
	CALL(t, splice(l->server, NULL, ends[1], NULL, 100, SPLICE_F_MOVE));
	trace_bytes(t, buf, CALL(t, read(ends[0], buf, sizeof(buf))));
	set_nonblock(l->server, true);
	CALL(t, splice(l->server, NULL, ends[1], NULL, 100, 0));
	CALL(t, send(l->client, "x", 1, 0));
	settle(l->client, l->server);
	CALL(t, sendfile(ends[1], l->server, NULL, 100));
	CALL(t, sendfile(ends[1], l->server, NULL, 100));
	trace_bytes(t, buf, CALL(t, read(ends[0], buf, sizeof(buf))));
	CALL(t, shutdown(l->client, SHUT_WR));
	settle(l->client, l->server);
	CALL(t, splice(l->server, NULL, ends[1], NULL, 100, 0));
	CALL(t, splice(l->server, NULL, ends[1], NULL, 100, 0));
	close_pipe(ends);
}

/* A full pipe, and one with little room; nobody who reads it. */
static void into_full_pipe(struct link *l, struct trace *t)
{
	static char page[4096];
	int ends[2];

	make_pipe(ends);
	set_nonblock(ends[1], true);
	while (write(ends[1], page, sizeof(page)) > 0)
		continue;
	CALL(t, send(l->client, page, sizeof(page), 0));
	CALL(t, send(l->client, page, 1000, 0));
	settle(l->client, l->server);
	CALL(t, splice(l->server, NULL, ends[1], NULL, 100, 0));
	set_nonblock(ends[1], false);
	CALL(t, splice(l->server, NULL, ends[1], NULL, 100, SPLICE_F_NONBLOCK));
	CALL(t, read(ends[0], page, sizeof(page)));
	CALL(t, splice(l->server, NULL, ends[1], NULL, 4096, 0));
	CALL(t, splice(l->server, NULL, ends[1], NULL, 100, SPLICE_F_NONBLOCK));
	CALL(t, read(ends[0], page, sizeof(page)));
	CALL(t, splice(l->server, NULL, ends[1], NULL, 10000, 0));
	set_nonblock(l->server, true);
	CALL(t, splice(l->server, NULL, ends[1], NULL, 10000, SPLICE_F_NONBLOCK));
	CALL(t, read(ends[0], page, sizeof(page)));
	CALL(t, splice(l->server, NULL, ends[1], NULL, 10000, SPLICE_F_NONBLOCK));
	close(ends[0]);
	signal(SIGPIPE, SIG_IGN);
	CALL(t, splice(l->server, NULL, ends[1], NULL, 100, 0));
	signal(SIGPIPE, SIG_DFL);
	close(ends[1]);
	/* What went into no pipe is still there. */
	CALL(t, send(l->client, "rest", 4, 0));
	settle(l->client, l->server);
	trace_bytes(t, page, CALL(t, recv(l->server, page, 100, 0)));
}

static void out_of_pipe(struct link *l, struct trace *t)
{
	char buf[64];
	int ends[2];

	make_pipe(ends);
	CALL(t, splice(ends[0], NULL, l->client, NULL, 10, SPLICE_F_NONBLOCK));
	set_nonblock(ends[0], true);
	CALL(t, splice(ends[0], NULL, l->client, NULL, 10, 0));
	set_nonblock(ends[0], false);
	assert_int_equal(write(ends[1], "hello", 5), 5);
	CALL(t, splice(ends[0], NULL, l->client, NULL, 3, 0));
	CALL(t, splice(ends[0], NULL, l->client, NULL, 10, 0));
	settle(l->client, l->server);
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), 0)));
	assert_int_equal(write(ends[1], "more", 4), 4);
	CALL(t, splice(ends[0], NULL, l->client, NULL, 10, SPLICE_F_MORE));
	CALL(t, send(l->client, "!", 1, 0));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, 5, MSG_WAITALL)));
	close(ends[1]);
	CALL(t, splice(ends[0], NULL, l->client, NULL, 10, 0));
	CALL(t, splice(ends[0], NULL, l->client, NULL, 10, SPLICE_F_NONBLOCK));
	close(ends[0]);
}

static int left_in(int fd)
{
	int n = -1;

	assert_ok(ioctl(fd, FIONREAD, &n));
	return n;
}

/* What a socket takes nothing of stays in the pipe. */
static void out_of_pipe_in_vain(struct link *l, struct trace *t)
{
	int ends[2], fresh = tls_socket(l->family, l->protocol, "localhost");

	make_pipe(ends);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(write(ends[1], "stays", 5), 5);
	CALL(t, splice(ends[0], NULL, fresh, NULL, 10, 0));
	CALL(t, splice(fresh, NULL, ends[1], NULL, 10, 0));
	CALL(t, splice(ends[0], NULL, l->listener, NULL, 10, 0));
	CALL(t, splice(l->listener, NULL, ends[1], NULL, 10, 0));
	set_nonblock(l->client, true);
	settle_full(l->client, l->server);
	CALL(t, splice(ends[0], NULL, l->client, NULL, 10, 0));
	CALL(t, splice(ends[0], NULL, l->client, NULL, 10, SPLICE_F_NONBLOCK));
	set_nonblock(l->client, false);
	assert_ok(setsockopt(l->client, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){0, 20000},
			     sizeof(struct timeval)));
	CALL(t, splice(ends[0], NULL, l->client, NULL, 10, 0));
	trace_note(t, "\t%d left\n", left_in(ends[0]));
	CALL(t, shutdown(l->client, SHUT_WR));
	CALL(t, splice(ends[0], NULL, l->client, NULL, 10, 0));
	trace_note(t, "\t%d left\n", left_in(ends[0]));
	signal(SIGPIPE, SIG_DFL);
	close(fresh);
	close_pipe(ends);
}

/* The signal, where nobody ignores it. */
static volatile sig_atomic_t broken;

static void note_broken(int signal_number)
{
	broken += signal_number == SIGPIPE;
}

static void broken_pipes(struct link *l, struct trace *t)
{
	struct sigaction handler = {.sa_handler = note_broken};
	int ends[2];

	assert_ok(sigaction(SIGPIPE, &handler, NULL));
	broken = 0;
	make_pipe(ends);
	assert_int_equal(write(ends[1], "stays", 5), 5);
	CALL(t, shutdown(l->client, SHUT_WR));
	CALL(t, splice(ends[0], NULL, l->client, NULL, 10, 0));
	trace_note(t, "\t%d\n", (int)broken);
	close(ends[0]);
	CALL(t, send(l->server, "x", 1, 0));
	settle(l->server, l->client);
	CALL(t, splice(l->client, NULL, ends[1], NULL, 10, 0));
	trace_note(t, "\t%d\n", (int)broken);
	CALL(t, splice(l->client, NULL, ends[1], NULL, 10, SPLICE_F_NONBLOCK));
	trace_note(t, "\t%d\n", (int)broken);
	signal(SIGPIPE, SIG_DFL);
	close(ends[1]);
}

static const struct compare_case cases[] = {
	{"splice, refused", refused},
	{"other calls, refused", others_refused},
	{"splice into a pipe", into_pipe},
	{"splice into a full pipe", into_full_pipe},
	{"splice out of a pipe", out_of_pipe},
	{"splice out of a pipe, in vain", out_of_pipe_in_vain},
	{"splice and SIGPIPE", broken_pipes},
};

int main(void)
{
	return compare_main("splices", cases, COUNT(cases), NULL, 0);
}
