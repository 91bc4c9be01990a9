/* SPDX-License-Identifier: MIT */
/*
 * Whatever a program that is started gets of a TLS socket, it must not be one
 * that sends plaintext.
 */
#include "child.h"
#include "deeds.h"
#include "proc.h"
#include "raw.h"
#include "trace.h"
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <tlssock.h>
#include <unistd.h>

static char *const echo_argv[] = {(char[]){"sh"}, (char[]){"-c"}, (char[]){"echo " CANARY}, NULL};

/* A command for the shell that writes to a number. */
static char *to_number(int fd)
{
	static char command[64];

	snprintf(command, sizeof(command), "{ echo " CANARY " >&%d; } 2>/dev/null", fd);
	return command;
}

static void by_system(int fd)
{
	assert_true(system(to_number(fd)) != -1);
}

static void by_popen(int fd)
{
	FILE *file = popen(to_number(fd), "re");

	assert_non_null(file);
	while (fgetc(file) != EOF)
		continue;
	pclose(file);
}

static void spawn(int fd, int target)
{
	char *const argv[] = {(char[]){"sh"}, (char[]){"-c"}, to_number(target), NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	if (target != fd)
		assert_int_equal(posix_spawn_file_actions_adddup2(&actions, fd, target), 0);
	if (posix_spawnp(&pid, "sh", target == fd ? NULL : &actions, NULL, argv, environ) == 0)
		proc_reap(pid);
	posix_spawn_file_actions_destroy(&actions);
}

static void by_spawn(int fd)
{
	spawn(fd, fd);
}

static void by_spawn_dup2(int fd)
{
	spawn(fd, 7); /* the shell knows one digit only */
}

/* fork, with a descriptor of the child's made of ours in some way, and exec. */
static void fork_exec(int fd, int (*inherit)(int fd))
{
	pid_t pid = fork();

	if (pid == 0) {
		if (inherit(fd) >= 0)
			execvp(echo_argv[0], echo_argv);
		_exit(127);
	}
	assert_true(pid > 0);
	proc_reap(pid);
}

static int inherit_dup2(int fd)
{
	return dup2(fd, 1);
}

static int inherit_dup3(int fd)
{
	return dup3(fd, 1, 0);
}

static int inherit_close_dup(int fd)
{
	close(1);
	return fcntl(fd, F_DUPFD, 0) == 0 ? 0 : dup(fd);
}

static int inherit_flag(int fd)
{
	if (fcntl(fd, F_SETFD, 0) < 0)
		return -1;
	return execlp("sh", "sh", "-c", to_number(fd), (char *)NULL);
}

static void write_canary(int fd)
{
	(void)!write(fd, CANARY "\n", strlen(CANARY) + 1);
}

static void by_dup2(int fd)
{
	fork_exec(fd, inherit_dup2);
}

static void by_dup3(int fd)
{
	fork_exec(fd, inherit_dup3);
}

static void by_dupfd(int fd)
{
	fork_exec(fd, inherit_close_dup);
}

static void by_flag(int fd)
{
	fork_exec(fd, inherit_flag);
}

/* vfork runs no handlers, and the child shares the table. */
static void by_vfork(int fd)
{
	pid_t pid = vfork();

	if (pid == 0) {
		if (dup2(fd, 1) >= 0)
			execvp(echo_argv[0], echo_argv);
		_exit(127);
	}
	assert_true(pid > 0);
	proc_reap(pid);
}

/* Without libc's fork: the child's duplicates, used by itself and by a new program. */
static void by_clone(int fd)
{
	pid_t pid = (pid_t)raw_syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);

	if (pid == 0) {
		int copy = dup(fd);

		write_canary(copy);
		write_canary(fcntl(fd, F_DUPFD, 20));
		if (dup2(fd, 1) >= 0) {
			write_canary(1);
			execvp(echo_argv[0], echo_argv);
		}
		_exit(127);
	}
	assert_true(pid > 0);
	proc_reap(pid);
}

static void by_vfork_write(int fd)
{
	pid_t pid = vfork();

	if (pid == 0) {
		write_canary(dup(fd));
		write_canary(dup2(fd, 1));
		_exit(0);
	}
	assert_true(pid > 0);
	proc_reap(pid);
}

/* Over a socketpair and back: the new number must not be a way around. */
static void by_pidfd(int fd)
{
	int self = (int)assert_ok(pidfd_open(getpid(), 0));
	int copy = (int)assert_ok(pidfd_getfd(self, fd, 0));

	write_canary(copy);
	close(copy);
	close(self);
}

static void by_rights(int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec byte = trace_text(".");
	struct msghdr message = {.msg_iov = &byte,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	char buf[1];
	int ends[2], copy = -1;

	assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
	*header = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	if (sendmsg(ends[0], &message, 0) == 1) {
		byte = (struct iovec){buf, 1};
		assert_int_equal(recvmsg(ends[1], &message, 0), 1);
		header = CMSG_FIRSTHDR(&message);
		if (header)
			memcpy(&copy, CMSG_DATA(header), sizeof(copy));
	}
	if (copy >= 0) {
		write_canary(copy);
		close(copy);
	}
	close(ends[0]);
	close(ends[1]);
}

static int write_both(void *arg)
{
	int fd = *(int *)arg;

	dprintf(fd, "%s by dprintf\n", CANARY);
	(void)!write(fd, CANARY, strlen(CANARY));
	return 0;
}

/* A child without exec: encrypted or refused, never plain. */
static void by_fork(int fd)
{
	child_finish(child_start(write_both, &fd));
}

/*
 * A listener's number given to a program without the library: what that
 * accepted would be plaintext. It must find no socket there.
 */
static void listener_is_not_inherited(void **state)
{
	char script[128];
	uint16_t port;
	int protocols[] = {IPPROTO_TCP, IPPROTO_TLS};

	(void)state;
	for (size_t i = 0; i < COUNT(protocols); i++) {
		int fd = tls_listen(AF_INET, protocols[i], "good", &port);

		snprintf(script, sizeof(script), "test -S /proc/self/fd/%d", fd);
		assert_int_equal(WEXITSTATUS(system(script)), protocols[i] == IPPROTO_TLS);
		close(fd);
	}
}

/* Where libc refuses numbers in its actions, since no descriptor can have them. */
static void spawn_within_a_small_limit(void **state)
{
	char *const argv[] = {(char[]){"true"}, NULL};
	posix_spawn_file_actions_t actions;
	struct rlimit limit, low;
	struct link link;
	pid_t pid = -1;
	int r;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	posix_spawn_file_actions_init(&actions);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, link.client, 1), 0);
	assert_ok(getrlimit(RLIMIT_NOFILE, &limit));
	low = limit;
	low.rlim_cur = 32;
	assert_ok(setrlimit(RLIMIT_NOFILE, &low));
	r = posix_spawnp(&pid, "true", &actions, NULL, argv, environ);
	assert_ok(setrlimit(RLIMIT_NOFILE, &limit));
	assert_int_equal(r, 0);
	assert_int_equal(proc_reap(pid), 0);
	posix_spawn_file_actions_destroy(&actions);
	link_close(&link);
}

static const struct deed deeds[] = {
	{"system", by_system},
	{"popen", by_popen},
	{"posix_spawn", by_spawn},
	{"adddup2", by_spawn_dup2},
	{"fork, dup2, exec", by_dup2},
	{"fork, dup3, exec", by_dup3},
	{"fork, F_DUPFD, exec", by_dupfd},
	{"fork, F_SETFD 0, exec", by_flag},
	{"vfork, dup2, exec", by_vfork},
	{"vfork, dup, write", by_vfork_write},
	{"clone, dup, write, exec", by_clone},
	{"pidfd_getfd", by_pidfd},
	{"SCM_RIGHTS", by_rights},
	{"fork, write", by_fork},
};

int main(void)
{
	const struct CMUnitTest more[] = {CASE(listener_is_not_inherited),
					  CASE(spawn_within_a_small_limit)};

	return deeds_main("inheritance", deeds, COUNT(deeds), more, COUNT(more));
}
