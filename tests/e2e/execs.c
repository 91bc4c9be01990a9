/* SPDX-License-Identifier: MIT */
/*
 * exec with a TLS socket among the descriptors: whatever way the new program came to be,
 * it reads the end of file there and cannot write. On TCP it reads and writes, which is
 * the control. inheritance.c looks at the wire.
 */
#include "raw.h"
#include "trace.h"
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <tlssock.h>
#include <unistd.h>

enum { NUMBER = 8 }; /* the shell knows one digit only */

/* Nothing else gets the number. */
static void vacate(void)
{
	int null = (int)assert_ok(open("/dev/null", O_RDWR | O_CLOEXEC));

	assert_int_equal(dup3(null, NUMBER, O_CLOEXEC), NUMBER);
	if (null != NUMBER)
		close(null);
}

/* Says what it finds at NUMBER. */
#define SCRIPT                                                                                     \
	"{ read -r x && echo \"read $x\" || echo nothing; } <&8 2>/dev/null || echo closed; "      \
	"{ echo canary && echo wrote >&7 || echo refused >&7; } 7>&1 >&8 2>/dev/null"

static char *const script_argv[] = {(char[]){"sh"}, (char[]){"-c"}, (char[]){SCRIPT}, NULL};

static void by_execve(void)
{
	execve("/bin/sh", script_argv, environ);
}

static void by_execv(void)
{
	execv("/bin/sh", script_argv);
}

static void by_execvp(void)
{
	execvp("sh", script_argv);
}

static void by_execvpe(void)
{
	execvpe("sh", script_argv, environ);
}

static void by_execl(void)
{
	execl("/bin/sh", "sh", "-c", SCRIPT, (char *)NULL);
}

static void by_execlp(void)
{
	execlp("sh", "sh", "-c", SCRIPT, (char *)NULL);
}

static void by_execle(void)
{
	execle("/bin/sh", "sh", "-c", SCRIPT, (char *)NULL, environ);
}

static void by_fexecve(void)
{
	fexecve(open("/bin/sh", O_RDONLY | O_CLOEXEC), script_argv, environ);
}

static void by_execveat(void)
{
	execveat(open("/bin", O_PATH | O_CLOEXEC), "sh", script_argv, environ, 0);
}

static void by_syscall(void)
{
	syscall(SYS_execve, "/bin/sh", script_argv, environ);
}

static void by_syscall_at(void)
{
	syscall(SYS_execveat, AT_FDCWD, "/bin/sh", script_argv, environ, 0);
}

/* The new program is not the first that was tried, as where a program walks PATH. */
static void by_second_execve(void)
{
	execve("/nowhere/sh", script_argv, environ);
	execve("/etc/passwd", script_argv, environ);
	execve("/bin/sh", script_argv, environ);
}

static void *sleep_on(void *unused)
{
	pause();
	return unused;
}

static void by_execve_in_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, sleep_on, NULL) == 0)
		execve("/bin/sh", script_argv, environ);
}

/* How the child comes to be in which exec is called. */
enum child { FORK, VFORK, CLONE };

static pid_t make_child(enum child child)
{
	return child == FORK ? fork() : (pid_t)raw_syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
}

static const struct way {
	const char *name;
	void (*exec)(void);
	enum child child;
} ways[] = {
	{"execve", by_execve, FORK},
	{"execv", by_execv, FORK},
	{"execvp", by_execvp, FORK},
	{"execvpe", by_execvpe, FORK},
	{"execl", by_execl, FORK},
	{"execlp", by_execlp, FORK},
	{"execle", by_execle, FORK},
	{"fexecve", by_fexecve, FORK},
	{"execveat", by_execveat, FORK},
	{"syscall of execve", by_syscall, FORK},
	{"syscall of execveat", by_syscall_at, FORK},
	{"a second execve", by_second_execve, FORK},
	{"execve beside a thread", by_execve_in_thread, FORK},
	{"vfork, execve", by_execve, VFORK},
	{"vfork, a second execve", by_second_execve, VFORK},
	{"clone, execve", by_execve, CLONE},
};

/* What the script has said; the pipe's write end is closed. */
static const char *said(int ends[2])
{
	static char text[256];
	size_t n = 0;
	ssize_t got;

	close(ends[1]);
	while ((got = read(ends[0], text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	close(ends[0]);
	text[n] = '\0';
	return text;
}

/* In the child: NUMBER is the descriptor, standard output the pipe. */
static void become(const struct way *way, int fd, int out)
{
	if (dup2(fd, NUMBER) == NUMBER && dup2(out, 1) == 1)
		way->exec();
	_exit(127);
}

static const char *found_by(const struct way *way, int fd)
{
	int ends[2];
	pid_t pid;

	assert_ok(pipe2(ends, O_CLOEXEC));
	if (way->child == VFORK) {
		pid = vfork();
		if (pid == 0)
			become(way, fd, ends[1]);
	} else {
		pid = make_child(way->child);
		if (pid == 0)
			become(way, fd, ends[1]);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return said(ends);
}

static void finds(int protocol, const struct way *way, const char *expected)
{
	struct link link;

	link_open(&link, protocol, AF_INET);
	assert_int_equal(send(link.server, "secret\n", 7, 0), 7);
	assert_string_equal(found_by(way, link.client), expected);
	if (protocol == IPPROTO_TLS) {
		char buf[8];

		/* The session is with this process still. */
		assert_int_equal(recv(link.client, buf, 8, 0), 7);
		assert_int_equal(send(link.client, buf, 7, 0), 7);
		assert_int_equal(recv(link.server, buf, 8, 0), 7);
	}
	link_close(&link);
}

static void new_program(void **state)
{
	const struct way *way = *state;

	finds(IPPROTO_TCP, way, "read secret\nwrote\n");
	finds(IPPROTO_TLS, way, "nothing\nrefused\n");
}

static void listener(void **state)
{
	uint16_t port;
	int fd = tls_listen(AF_INET, IPPROTO_TLS, "good", &port);

	(void)state;
	assert_string_equal(found_by(&ways[0], fd), "nothing\nrefused\n");
	assert_string_equal(found_by(&ways[13], fd), "nothing\nrefused\n");
	close(fd);
}

/* What is not to be inherited is not: there is nothing at the number. */
static void close_on_exec(struct link *l, struct trace *t)
{
	int copy = dup3(l->client, 20, O_CLOEXEC);
	char script[] = "test -e /proc/self/fd/20 && echo open || echo closed";
	char *const argv[] = {(char[]){"sh"}, (char[]){"-c"}, script, NULL};
	int ends[2];
	pid_t pid;

	for (int flag = FD_CLOEXEC; flag >= 0; flag -= FD_CLOEXEC) {
		CALL(t, fcntl(copy, F_SETFD, flag));
		assert_ok(pipe2(ends, O_CLOEXEC));
		pid = fork();
		if (pid == 0) {
			dup2(ends[1], 1);
			execv("/bin/sh", argv);
			_exit(127);
		}
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		trace_note(t, "%s", said(ends));
	}
	close(copy);
}

/* posix_spawn's actions. */
static void give(posix_spawn_file_actions_t *actions, int fd)
{
	posix_spawn_file_actions_adddup2(actions, fd, NUMBER);
}

static void give_and_close(posix_spawn_file_actions_t *actions, int fd)
{
	posix_spawn_file_actions_adddup2(actions, fd, NUMBER);
	posix_spawn_file_actions_addclose(actions, fd);
}

static void give_a_copy(posix_spawn_file_actions_t *actions, int fd)
{
	posix_spawn_file_actions_adddup2(actions, fd, 20);
	posix_spawn_file_actions_adddup2(actions, 20, NUMBER);
}

static void give_to_itself(posix_spawn_file_actions_t *actions, int fd)
{
	assert_int_equal(dup3(fd, NUMBER, O_CLOEXEC), NUMBER);
	posix_spawn_file_actions_adddup2(actions, NUMBER, NUMBER);
}

static void give_then_close(posix_spawn_file_actions_t *actions, int fd)
{
	posix_spawn_file_actions_adddup2(actions, fd, NUMBER);
	posix_spawn_file_actions_addclose(actions, NUMBER);
}

static void inherit(posix_spawn_file_actions_t *actions, int fd)
{
	(void)actions;
	assert_int_equal(dup2(fd, NUMBER), NUMBER);
}

static void put_another(posix_spawn_file_actions_t *actions, int fd)
{
	assert_int_equal(dup2(fd, NUMBER), NUMBER);
	posix_spawn_file_actions_addopen(actions, NUMBER, "/proc/self/comm", O_RDWR, 0);
}

static const struct spawn {
	const char *name;
	void (*act)(posix_spawn_file_actions_t *actions, int fd);
	const char *by_tcp, *by_tls;
} spawns[] = {
	{"adddup2", give, "read secret\nwrote\n", "nothing\nrefused\n"},
	{"adddup2, addclose of the first", give_and_close, "read secret\nwrote\n",
	 "nothing\nrefused\n"},
	{"adddup2 of the copy", give_a_copy, "read secret\nwrote\n", "nothing\nrefused\n"},
	{"adddup2 to itself", give_to_itself, "read secret\nwrote\n", "nothing\nrefused\n"},
	{"adddup2, addclose of the copy", give_then_close, "closed\n", "closed\n"},
	{"no action", inherit, "read secret\nwrote\n", "nothing\nrefused\n"},
	{"another file in its place", put_another, "read sh\nwrote\n", "read sh\nwrote\n"},
};

static void spawn_finds(int protocol, const struct spawn *spawn, const char *expected)
{
	posix_spawn_file_actions_t actions;
	struct link link;
	int ends[2];
	pid_t pid;

	link_open(&link, protocol, AF_INET);
	assert_int_equal(send(link.server, "secret\n", 7, 0), 7);
	assert_ok(pipe2(ends, O_CLOEXEC));
	posix_spawn_file_actions_init(&actions);
	spawn->act(&actions, link.client);
	posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
	assert_int_equal(posix_spawnp(&pid, "sh", &actions, NULL, script_argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_string_equal(said(ends), expected);
	vacate();
	link_close(&link);
}

static void spawned_program(void **state)
{
	const struct spawn *spawn = *state;

	spawn_finds(IPPROTO_TCP, spawn, spawn->by_tcp);
	spawn_finds(IPPROTO_TLS, spawn, spawn->by_tls);
}

/* libc starts the shell past every hook. */
static void shell_finds(int protocol, const char *expected)
{
	struct link link;
	char text[64] = "";
	size_t n;
	FILE *file;

	link_open(&link, protocol, AF_INET);
	assert_int_equal(send(link.server, "secret\n", 7, 0), 7);
	assert_int_equal(dup2(link.client, NUMBER), NUMBER);
	file = popen(SCRIPT, "re");
	assert_non_null(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	assert_int_equal(pclose(file), 0);
	assert_true(n < sizeof(text));
	assert_string_equal(text, expected);
	assert_int_equal(system("test -S /proc/self/fd/8"), protocol == IPPROTO_TLS ? 256 : 0);
	assert_int_equal(system("exit 3"), 768);
	vacate();
	link_close(&link);
}

static void shells(void **state)
{
	(void)state;
	shell_finds(IPPROTO_TCP, "read secret\nwrote\n");
	shell_finds(IPPROTO_TLS, "nothing\nrefused\n");
	assert_true(system(NULL));
}

static const struct compare_case cases[] = {{"FD_CLOEXEC", close_on_exec}};

int main(void)
{
	struct CMUnitTest tests[COUNT(ways) + COUNT(spawns) + 2];
	size_t n = 0;

	signal(SIGPIPE, SIG_IGN);
	vacate();
	for (size_t i = 0; i < COUNT(ways); i++)
		tests[n++] = ROW_CASE(ways[i].name, new_program, ROW(ways[i]));
	for (size_t i = 0; i < COUNT(spawns); i++)
		tests[n++] = ROW_CASE(spawns[i].name, spawned_program, ROW(spawns[i]));
	tests[n++] = (struct CMUnitTest)CASE(listener);
	tests[n++] = (struct CMUnitTest)CASE(shells);
	return compare_main("execs", cases, COUNT(cases), tests, n);
}
