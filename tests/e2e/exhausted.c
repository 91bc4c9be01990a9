/* SPDX-License-Identifier: MIT */
/*
 * Where no descriptor is free: dup2 and exec need none on TCP. Over a TLS socket dup2 loses
 * nothing either, and the new program finds no connection.
 */
#include "raw.h"
#include "trace.h"
#include "waiting.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <tlssock.h>
#include <unistd.h>

enum { NUMBER = 8, LIMIT = 64, OVER = 100, MUCH = 16 << 20 };

static struct rlimit before;
static int fillers[LIMIT];
static size_t filled;

/* Until nothing can be opened. What fills the table is closed by exec. */
static void exhaust(void)
{
	struct rlimit low;
	int fd;

	assert_ok(getrlimit(RLIMIT_NOFILE, &before));
	low = before;
	low.rlim_cur = LIMIT;
	assert_ok(setrlimit(RLIMIT_NOFILE, &low));
	while ((fd = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0)
		fillers[filled++] = fd;
	assert_int_equal(errno, EMFILE);
}

static void relax(void)
{
	while (filled > 0)
		close(fillers[--filled]);
	assert_ok(setrlimit(RLIMIT_NOFILE, &before));
}

static void onto_last(struct link *l, struct trace *t)
{
	int ends[2];
	char buf[8];

	assert_ok(pipe2(ends, O_CLOEXEC));
	exhaust();
	CALL(t, dup(ends[1]));
	CALL(t, send(l->client, "before", 6, 0));
	CALL(t, dup2(999, l->client));
	CALL(t, send(l->client, "!", 1, 0));
	assert_int_equal(dup2(ends[1], l->client), l->client);
	CALL(t, write(l->client, "pipe", 4));
	trace_bytes(t, buf, CALL(t, read(ends[0], buf, sizeof(buf))));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, 7, MSG_WAITALL)));
	CALL(t, recv(l->server, buf, 1, 0));
	CALL(t, dup3(ends[0], l->server, O_CLOEXEC) == l->server);
	CALL(t, fcntl(l->server, F_GETFD));
	relax();
	close(ends[0]);
	close(ends[1]);
}

/* One of several numbers; TLS onto TLS; onto a plain number; over the limit. */
static void onto_others(struct link *l, struct trace *t)
{
	int copy = dup(l->client), over = dup2(l->client, OVER);
	int plain = (int)assert_ok(open("/dev/null", O_RDWR | O_CLOEXEC));
	char buf[8];

	exhaust();
	CALL(t, dup2(plain, over));
	CALL(t, dup2(plain, copy) == copy);
	CALL(t, write(copy, "lost", 4));
	CALL(t, dup2(l->client, plain) == plain);
	CALL(t, send(plain, "plain", 5, 0));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), 0)));
	CALL(t, dup2(l->listener, plain) == plain);
	CALL(t, close(over));
	CALL(t, dup2(l->listener, l->client) == l->client);
	CALL(t, recv(l->server, buf, sizeof(buf), 0));
	relax();
	close(plain);
	close(copy);
}

static ssize_t read_to_end(struct waiting *w)
{
	static char buf[65536];
	ssize_t all = 0, n;

	while ((n = recv(w->fd, buf, sizeof(buf), 0)) > 0)
		all += n;
	return n < 0 ? n : all;
}

/* What a send that ran out of time has left with us is sent before the number goes. */
static void onto_unsent(struct link *l, struct trace *t)
{
	const struct timeval little = {0, 50000};
	static char data[MUCH];
	struct waiting reader;
	ssize_t sent;

	assert_ok(setsockopt(l->client, SOL_SOCKET, SO_SNDTIMEO, &little, sizeof(little)));
	sent = send(l->client, data, sizeof(data), 0);
	CALL(t, sent > 0 && sent < MUCH);
	waiting_start_in(&reader, l->server, read_to_end);
	exhaust();
	assert_int_equal(dup2(l->listener, l->client), l->client);
	waiting_finish(&reader);
	CALL(t, reader.result == sent);
	relax();
}

/* An exec that fails has changed nothing. */
static void failed_exec(struct link *l, struct trace *t)
{
	char *const argv[] = {(char[]){"x"}, NULL};
	char buf[8];

	exhaust();
	CALL(t, execve("/etc", argv, environ));
	CALL(t, send(l->client, "up", 2, 0));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), 0)));
	CALL(t, send(l->server, "down", 4, 0));
	trace_bytes(t, buf, CALL(t, recv(l->client, buf, sizeof(buf), 0)));
	CALL(t, fcntl(l->client, F_GETFD));
	relax();
}

/* Says what it finds at NUMBER. */
#define SCRIPT                                                                                     \
	"{ read -r x && echo \"read $x\" || echo nothing; } <&8 2>/dev/null || echo closed; "      \
	"{ echo canary && echo wrote >&7 || echo refused >&7; } 7>&1 >&8 2>/dev/null; "            \
	"test -e /proc/self/fd/100 && echo over"

static char *const script[] = {(char[]){"sh"}, (char[]){"-c"}, (char[]){SCRIPT}, NULL};

static void *sleep_on(void *unused)
{
	pause();
	return unused;
}

static void become(int fd)
{
	if (dup2(fd, NUMBER) == NUMBER)
		execve("/bin/sh", script, environ);
	_exit(127);
}

static pid_t by_fork(int fd)
{
	pid_t pid = fork();

	if (pid == 0)
		become(fd);
	return pid;
}

static pid_t by_fork_in_thread(int fd)
{
	pthread_t thread;
	pid_t pid = fork();

	if (pid == 0 && pthread_create(&thread, NULL, sleep_on, NULL) == 0)
		become(fd);
	return pid;
}

static pid_t by_vfork(int fd)
{
	pid_t pid = vfork();

	if (pid == 0)
		become(fd);
	return pid;
}

static pid_t by_clone(int fd)
{
	pid_t pid = (pid_t)raw_syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);

	if (pid == 0)
		become(fd);
	return pid;
}

static pid_t by_vfork_with_flag(int fd)
{
	pid_t pid = vfork();

	if (pid == 0 && fcntl(fd, F_SETFD, 0) == 0)
		become(fd);
	return pid;
}

static pid_t by_spawn(int fd)
{
	pid_t pid;

	assert_int_equal(dup2(fd, NUMBER), NUMBER);
	assert_int_equal(posix_spawn(&pid, "/bin/sh", NULL, NULL, script, environ), 0);
	return pid;
}

static pid_t by_spawn_action(int fd)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd, NUMBER);
	assert_int_equal(posix_spawn(&pid, "/bin/sh", &actions, NULL, script, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

static const struct way {
	const char *name;
	pid_t (*start)(int fd);
} ways[] = {
	{"execve", by_fork},
	{"execve beside a thread", by_fork_in_thread},
	{"execve after vfork", by_vfork},
	{"execve after clone", by_clone},
	{"F_SETFD and execve after vfork", by_vfork_with_flag},
	{"posix_spawn", by_spawn},
	{"posix_spawn with adddup2", by_spawn_action},
};

static void take_number(void)
{
	int null = (int)assert_ok(open("/dev/null", O_RDWR | O_CLOEXEC));

	assert_int_equal(dup3(null, NUMBER, O_CLOEXEC), NUMBER);
	if (null != NUMBER)
		close(null);
}

static void finds(int protocol, const struct way *way, const char *expected)
{
	int ends[2], out = (int)assert_ok(fcntl(1, F_DUPFD_CLOEXEC, 10));
	struct link link;
	char text[64] = "";
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	link_open(&link, protocol, AF_INET);
	assert_int_equal(send(link.server, "secret\n", 7, 0), 7);
	assert_int_equal(dup2(link.client, OVER), OVER);
	assert_ok(pipe2(ends, O_CLOEXEC));
	exhaust();
	assert_int_equal(dup2(ends[1], 1), 1);
	pid = way->start(link.client);
	assert_int_equal(dup2(out, 1), 1);
	relax();
	close(out);
	close(ends[1]);
	while ((got = read(ends[0], text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_string_equal(text, expected);
	if (protocol == IPPROTO_TLS) {
		/* The session is with this process still. */
		assert_int_equal(recv(link.client, text, 8, 0), 7);
		assert_int_equal(send(link.client, text, 7, 0), 7);
		assert_int_equal(recv(link.server, text, 8, 0), 7);
	}
	close(ends[0]);
	close(OVER);
	take_number();
	link_close(&link);
}

static void new_program(void **state)
{
	const struct way *way = *state;

	finds(IPPROTO_TCP, way, "read secret\nwrote\nover\n");
	finds(IPPROTO_TLS, way, "nothing\nrefused\n");
}

static const struct compare_case cases[] = {
	{"exec fails", failed_exec},
	{"dup2 onto a socket", onto_last},
	{"dup2 onto one number of several", onto_others},
	{"dup2 onto a socket with unsent data", onto_unsent},
};

int main(void)
{
	struct CMUnitTest tests[COUNT(ways)];

	signal(SIGPIPE, SIG_IGN);
	take_number();
	for (size_t i = 0; i < COUNT(ways); i++)
		tests[i] = ROW_CASE(ways[i].name, new_program, ROW(ways[i]));
	return compare_main("exhausted", cases, COUNT(cases), tests, COUNT(tests));
}
