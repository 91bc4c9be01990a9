/* SPDX-License-Identifier: MIT */
/*
 * What is left after an exec that failed, a vfork, a daemon(): the connection is as if
 * nothing had been. And processes made without libc's fork are refused a session, but
 * may close and exec.
 */
#include "child.h"
#include "proc.h"
#include "raw.h"
#include "stream.h"
#include "trace.h"
#include "waiting.h"
#include <fcntl.h>
#include <linux/close_range.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <tlssock.h>
#include <unistd.h>
#include <utmp.h>

#define TOO_LONG (1 << 18) /* twice the longest argument */

static char *const argv[] = {(char[]){"x"}, NULL};

/* An executable file of no format. */
static const char *no_format(void)
{
	static char path[64];
	int fd;

	if (path[0])
		return path;
	strcpy(path, "/tmp/tlssock-test-XXXXXX");
	fd = (int)assert_ok(mkostemp(path, O_CLOEXEC));
	assert_int_equal(write(fd, "\1\2\3\4", 4), 4);
	assert_ok(fchmod(fd, 0700));
	close(fd);
	return path;
}

static char *const *long_argv(void)
{
	static char text[TOO_LONG];
	static char *vector[] = {text, NULL};

	memset(text, 'x', sizeof(text) - 1);
	return vector;
}

/* Both ways, nothing else on its way, the flag and the events as before. */
static void still_works(struct link *l, struct trace *t, int epfd)
{
	struct epoll_event event = {0};
	char buf[8];

	CALL(t, recv(l->server, buf, 1, MSG_DONTWAIT));
	CALL(t, recv(l->client, buf, 1, MSG_DONTWAIT));
	CALL(t, send(l->server, "down", 4, 0));
	CALL(t, epoll_wait(epfd, &event, 1, 10000));
	trace_note(t, "%x\n", event.events);
	trace_bytes(t, buf, CALL(t, recv(l->client, buf, sizeof(buf), 0)));
	CALL(t, send(l->client, "up", 2, 0));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), 0)));
	CALL(t, fcntl(l->client, F_GETFD));
	CALL(t, fcntl(l->client, F_GETFL));
}

static void failed_exec(struct link *l, struct trace *t)
{
	int epfd = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC)), copy = dup(l->client);

	net_epoll(epfd, EPOLL_CTL_ADD, l->client, EPOLLIN, 0);
	CALL(t, execve("/nowhere/sh", argv, environ));
	CALL(t, execve("/etc/passwd", argv, environ));
	CALL(t, execve("/etc", argv, environ));
	CALL(t, execve("/etc/passwd/sh", argv, environ));
	CALL(t, execv("/bin/sh", long_argv()));
	NAMED(t, "no format", execve(no_format(), argv, environ));
	CALL(t, execvp("no-such-program", argv));
	CALL(t, execlp("no-such-program", "x", (char *)NULL));
	CALL(t, execl("/nowhere/sh", "x", (char *)NULL));
	CALL(t, execle("/nowhere/sh", "x", (char *)NULL, environ));
	CALL(t, fexecve(-1, argv, environ));
	CALL(t, fexecve(l->client, argv, environ));
	CALL(t, execveat(AT_FDCWD, "/nowhere/sh", argv, environ, 0));
	CALL(t, execveat(-1, "sh", argv, environ, 0));
	still_works(l, t, epfd);
	CALL(t, close(copy));
	still_works(l, t, epfd);
	close(epfd);
}

/* A thread that sleeps in recv() meanwhile gets what comes then, and that alone. */
static void failed_exec_beside_reader(struct link *l, struct trace *t)
{
	struct waiting reader;

	waiting_start(&reader, l->client);
	for (int i = 0; i < 100; i++)
		execve(no_format(), argv, environ);
	CALL(t, send(l->server, "awake", 5, 0));
	waiting_finish(&reader);
	trace_note(t, "%zd %.5s\n", reader.result, reader.buf);
}

enum { LONG = 8000000 };

static void *send_stream(void *arg)
{
	static char data[LONG];

	stream_fill(0, data, sizeof(data));
	return (void *)(intptr_t)(send(*(int *)arg, data, sizeof(data), 0) == sizeof(data));
}

static void failed_exec_beside_sender(void **state)
{
	static char buf[65536];
	struct link link;
	pthread_t thread;
	void *sent;
	size_t n = 0;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	assert_int_equal(pthread_create(&thread, NULL, send_stream, &link.client), 0);
	while (n < LONG) {
		ssize_t got = recv(link.server, buf, sizeof(buf), 0);

		assert_true(got > 0);
		assert_int_equal(stream_mismatch(n, buf, (size_t)got), got);
		n += (size_t)got;
		assert_fails(execve(no_format(), argv, environ), ENOEXEC);
	}
	pthread_join(thread, &sent);
	assert_non_null(sent);
	link_close(&link);
}

/* The sockets are over the limit, under which nothing is free. */
static void no_descriptors(void **state)
{
	struct rlimit limit, low;
	struct link link;
	char buf[4];

	(void)state;
	no_format();
	link_open(&link, IPPROTO_TLS, AF_INET);
	assert_ok(getrlimit(RLIMIT_NOFILE, &limit));
	low = limit;
	low.rlim_cur = 2;
	assert_ok(setrlimit(RLIMIT_NOFILE, &low));
	assert_fails(execve(no_format(), argv, environ), ENOEXEC);
	assert_ok(setrlimit(RLIMIT_NOFILE, &limit));
	assert_int_equal(send(link.client, "fine", 4, 0), 4);
	assert_int_equal(recv(link.server, buf, 4, 0), 4);
	link_close(&link);
}

/* vfork's child has a table of descriptors of its own, and its parent's memory. */
static void vfork_child(struct link *l, struct trace *t, void (*act)(int fd))
{
	int epfd = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));
	pid_t pid;

	net_epoll(epfd, EPOLL_CTL_ADD, l->client, EPOLLIN, 0);
	pid = vfork();
	if (pid == 0) {
		act(l->client);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	still_works(l, t, epfd);
	close(epfd);
}

static void close_it(int fd)
{
	close(fd);
}

static void close_all(int fd)
{
	(void)fd;
	close_range(3, ~0U, 0);
	execve("/bin/true", argv, environ);
}

static void mark_all(int fd)
{
	(void)fd;
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	execve("/nowhere/true", argv, environ);
}

static void mark_it(int fd)
{
	fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void unmark_it(int fd)
{
	fcntl(fd, F_SETFD, 0);
	execve("/bin/true", argv, environ);
}

static void duplicate_it(int fd)
{
	int copy = dup(fd);

	dup2(fd, copy + 1);
	dup3(fd, copy + 2, O_CLOEXEC);
	fcntl(fd, F_DUPFD, copy + 3);
	dup2(copy, fd);
	execve(no_format(), argv, environ);
}

static void vfork_children(struct link *l, struct trace *t)
{
	static void (*const acts[])(int fd) = {close_it, close_all, mark_all,
					       mark_it,	 unmark_it, duplicate_it};

	for (size_t i = 0; i < COUNT(acts); i++)
		vfork_child(l, t, acts[i]);
	CALL(t, fcntl(l->client, F_SETFD, FD_CLOEXEC));
	for (size_t i = 0; i < COUNT(acts); i++)
		vfork_child(l, t, acts[i]);
}

/* A child that fork's handlers do not know uses no session. Its copies do what it can see. */
static int clone_uses(int fd)
{
	char buf[4];
	int copy;

	assert_fails(send(fd, "x", 1, MSG_NOSIGNAL), EBADFD);
	assert_fails(recv(fd, buf, 4, MSG_DONTWAIT), EBADFD);
	copy = (int)assert_ok(dup(fd));
	assert_fails(send(copy, "x", 1, MSG_NOSIGNAL), EPIPE);
	assert_ok(recv(copy, buf, 4, 0));
	assert_int_equal(dup2(fd, 20), 20);
	assert_fails(write(20, "x", 1), EPIPE);
	assert_fails(execve("/nowhere/sh", argv, environ), ENOENT);
	assert_fails(execve(no_format(), argv, environ), ENOEXEC);
	assert_ok(close(copy));
	assert_ok(close(fd));
	assert_fails(close(fd), EBADF);
	return 0;
}

static void cloned_child(void **state)
{
	static pid_t (*const forks[])(void) = {_Fork, NULL};

	(void)state;
	for (size_t i = 0; i < COUNT(forks); i++) {
		struct link link;
		char buf[8];
		pid_t pid;

		link_open(&link, IPPROTO_TLS, AF_INET);
		no_format();
		pid = forks[i] ? forks[i]() : (pid_t)raw_syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
		if (pid == 0) {
			test_failure_exits = TEST_CHILD_FAILED;
			_exit(clone_uses(link.client));
		}
		assert_int_equal(child_finish(pid), 0);
		assert_fails(recv(link.server, buf, 1, MSG_DONTWAIT), EAGAIN);
		assert_int_equal(send(link.client, "mine", 4, 0), 4);
		assert_int_equal(recv(link.server, buf, 8, 0), 4);
		link_close(&link);
	}
}

/*
 * libc's daemon() forks, and its copy of dup2 puts /dev/null on the standard streams. The
 * connection is usable behind it, and on those numbers there is none any more.
 */
static int become_daemon(void *arg)
{
	struct link *l = arg;
	char buf[8];

	dup2(l->client, 1);
	assert_ok(daemon(1, 0));
	alarm(TEST_DEADLINE_MS / 1000);
	if (write(1, "nobody reads this", 17) != 17)
		_exit(1);
	send(l->client, "behind", 6, 0);
	recv(l->client, buf, sizeof(buf), 0);
	send(l->client, buf, 1, 0);
	close(l->client);
	_exit(0);
}

static void daemons(struct link *l, struct trace *t)
{
	char buf[32];

	CALL(t, child_finish(child_start(become_daemon, l)));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, 6, MSG_WAITALL)));
	CALL(t, send(l->server, "dear", 4, 0));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), 0)));
	link_drop(&l->client);
	CALL(t, recv(l->server, buf, sizeof(buf), 0));
}

/* So do login_tty(3) and forkpty(3), with a terminal. */
static int log_in(void *arg)
{
	struct link *l = arg;
	int master, slave;
	char buf[8] = {0};

	dup2(l->client, 1);
	assert_ok(openpty(&master, &slave, NULL, NULL, NULL));
	assert_ok(login_tty(slave));
	if (write(1, "tty", 3) != 3 || read(master, buf, 3) != 3 || strcmp(buf, "tty") != 0)
		return 1;
	return send(l->client, "login", 5, 0) == 5 ? 0 : 2;
}

static int fork_terminal(void *arg)
{
	struct link *l = arg;
	char buf[8] = {0};
	int master, status;
	pid_t pid;

	dup2(l->client, 1);
	pid = (pid_t)assert_ok(forkpty(&master, NULL, NULL, NULL));
	if (pid == 0)
		_exit(write(1, "tty", 3) != 3 || send(l->client, "child", 5, 0) != 5);
	if (read(master, buf, 3) != 3 || strcmp(buf, "tty") != 0)
		return 1;
	return waitpid(pid, &status, 0) == pid ? status : 2;
}

static void terminals(struct link *l, struct trace *t)
{
	char buf[8];

	CALL(t, child_finish(child_start(log_in, l)));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, 5, MSG_WAITALL)));
}

static void forked_terminals(struct link *l, struct trace *t)
{
	char buf[8];

	CALL(t, child_finish(child_start(fork_terminal, l)));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, 5, MSG_WAITALL)));
}

static const struct compare_case cases[] = {
	{"login_tty", terminals},
	{"forkpty", forked_terminals},
	{"exec fails", failed_exec},
	{"exec fails beside a thread in recv", failed_exec_beside_reader},
	{"vfork's children", vfork_children},
	{"daemon", daemons},
};

static const struct CMUnitTest others[] = {CASE(failed_exec_beside_sender), CASE(no_descriptors),
					   CASE(cloned_child)};

int main(void)
{
	int r;

	signal(SIGPIPE, SIG_IGN);
	r = compare_main("execfails", cases, COUNT(cases), others, COUNT(others));
	unlink(no_format());
	return r;
}
