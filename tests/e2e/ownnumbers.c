/* SPDX-License-Identifier: MIT */
/*
 * Numbers that the library keeps for itself: the program finds all that it would find
 * free over TCP, and nothing is lost where it takes one.
 */
#include "alone.h"
#include "child.h"
#include "settle.h"
#include "waiting.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

enum { FIRST = 200, LAST = 255, LIMIT = 100, PEERS = 48, FEW = 8 };

static char page[65536];

static long read_all(int fd)
{
	long all = 0, n;

	while ((n = recv(fd, page, sizeof(page), 0)) > 0)
		all += n;
	return n < 0 ? n : all;
}

static ssize_t read_waiting(struct waiting *w)
{
	return read_all(w->fd);
}

/* As much as is taken at once. */
static long fill(int from)
{
	long all = 0, n;

	assert_ok(setsockopt(from, SOL_SOCKET, SO_SNDBUF, &(int){20000}, sizeof(int)));
	while ((n = send(from, page, sizeof(page), MSG_DONTWAIT)) > 0)
		all += n;
	return all;
}

/* The peer has it all, and sees the end. A byte more may have been on its way. */
static void check_all(struct trace *t, int fd, long sent)
{
	long got = read_all(fd);

	NAMED(t, "all arrived", got == sent || got == sent + 1);
}

static void drop_unread(struct link *l)
{
	settle_full(l->client, l->server);
	assert_ok(close(l->client));
	l->client = -1;
}

static int null_file(void)
{
	return (int)assert_ok(open("/dev/null", O_RDWR | O_CLOEXEC));
}

static void limit_numbers(void)
{
	const struct rlimit low = {LIMIT, LIMIT};

	assert_ok(setrlimit(RLIMIT_NOFILE, &low));
}

/* The connection is standard input, as under inetd, and its peer does not read yet. */
static void redirect(struct link *l, struct trace *t)
{
	int null = null_file(), number = l->client;

	assert_ok(dup2(l->client, 0));
	assert_ok(close(l->client));
	l->client = -1;
	settle_full(0, l->server);
	CALL(t, close(0));
	CALL(t, dup2(null, 0));
	CALL(t, close(0));
	CALL(t, open("/dev/null", O_RDONLY));
	CALL(t, dup(null) == number);
	CALL(t, read_all(l->server) > 0);
}

/* As redirect(), with so few numbers that there are no high ones. */
static void redirect_low(struct link *l, struct trace *t)
{
	limit_numbers();
	redirect(l, t);
}

static void take(struct trace *t, const int ends[2], int fd)
{
	char c = 0;

	CALL(t, fcntl(fd, F_GETFD));
	CALL(t, fcntl(fd, F_GETFL));
	CALL(t, fcntl(fd, F_DUPFD, 0));
	CALL(t, fcntl(fd, F_SETFD, 0));
	CALL(t, dup(fd));
	CALL(t, dup2(fd, 0));
	CALL(t, fd % 2 ? dup2(ends[1], fd) : dup3(ends[1], fd, O_CLOEXEC));
	CALL(t, write(fd, "x", 1));
	CALL(t, read(ends[0], &c, 1));
	CALL(t, fcntl(fd, F_GETFD));
}

static void take_all(struct trace *t)
{
	int ends[2];

	assert_ok(pipe2(ends, O_CLOEXEC | O_NONBLOCK));
	for (int fd = LAST; fd >= FIRST; fd--)
		take(t, ends, fd);
	for (int fd = FIRST; fd <= LAST; fd++)
		CALL(t, close(fd));
	CALL(t, read(ends[0], page, 1));
}

/* A shell looks for a free number downward from 255, and puts a file there. */
static void shells_way(struct link *l, struct trace *t)
{
	drop_unread(l);
	take_all(t);
	take_all(t);
	CALL(t, read_all(l->server) > 0);
}

/* A TLS socket onto one. */
static void socket_onto(struct link *l, struct trace *t)
{
	struct link other;

	link_open(&other, l->protocol, l->family);
	drop_unread(l);
	for (int fd = FIRST; fd < FIRST + FEW; fd++) {
		CALL(t, dup2(other.client, fd));
		CALL(t, send(fd, "onto", 4, 0));
		trace_bytes(t, page, CALL(t, recv(other.server, page, 8, 0)));
	}
	for (int fd = FIRST; fd < FIRST + FEW; fd++)
		CALL(t, close(fd));
	link_close(&other);
	CALL(t, read_all(l->server) > 0);
}

static int nothing(void *unused)
{
	(void)unused;
	return 0;
}

/* By a descriptor of its own the parent knows that its child has gone, and says goodbye. */
static void after_fork(struct link *l, struct trace *t)
{
	assert_ok(send(l->client, "x", 1, 0));
	CALL(t, child_finish(child_start(nothing, NULL)));
	take_all(t);
	CALL(t, close(l->client));
	l->client = -1;
	CALL(t, read_all(l->server));
}

/* All other numbers are taken: the peer gets all before, and reads meanwhile. */
static void none_free(struct link *l, struct trace *t)
{
	long sent = fill(l->client);
	struct waiting reader;
	int null = null_file();

	limit_numbers();
	assert_ok(close(l->client));
	l->client = -1;
	while (dup(null) >= 0)
		continue;
	waiting_start_in(&reader, l->server, read_waiting);
	for (int fd = l->server + 1; fd < LIMIT; fd++)
		if (fd != null)
			CALL(t, dup2(null, fd));
	waiting_finish(&reader);
	NAMED(t, "all arrived", reader.result == sent || reader.result == sent + 1);
}

/* Many peers that do not read: the program's numbers are not used up. */
static void many_unread(struct link *l, struct trace *t)
{
	struct link links[PEERS];
	long sent[PEERS];

	limit_numbers();
	for (int i = 0; i < PEERS; i++) {
		link_open(&links[i], l->protocol, l->family);
		link_drop(&links[i].listener);
		sent[i] = fill(links[i].client);
		link_drop(&links[i].client);
	}
	for (int i = 0; i < FEW; i++)
		CALL(t, open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
	for (int i = 0; i < PEERS; i++) {
		check_all(t, links[i].server, sent[i]);
		close(links[i].server);
	}
}

/* What a process with threads is refused. */
static void alone_in_process(struct link *l, struct trace *t)
{
	drop_unread(l);
	CALL(t, unshare(CLONE_NEWUSER));
	CALL(t, unshare(CLONE_SIGHAND));
	CALL(t, unshare(1));
	CALL(t, setns(0, CLONE_NEWUSER));
	CALL(t, read_all(l->server) > 0);
}

#define CASES(X)                                                                                   \
	X("standard input closed and taken", redirect)                                             \
	X("standard input closed and taken, few numbers", redirect_low)                            \
	X("each high number, as a shell", shells_way)                                              \
	X("dup2 of a socket", socket_onto)                                                         \
	X("each high number, after fork", after_fork)                                              \
	X("dup2 where no number is free", none_free)                                               \
	X("many that do not read", many_unread)                                                    \
	X("unshare and setns", alone_in_process)

CASES(ALONE_CASE)

static const struct compare_case cases[] = {CASES(ALONE_ROW)};

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	return compare_main("ownnumbers", cases, COUNT(cases), NULL, 0);
}
