/* SPDX-License-Identifier: MIT */
#include "proc.h"
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGS_MAX  64
#define ENV_MAX	  256
#define PROCS_MAX 64

/*
 * What runs. Copies: a test that fails leaves its function, and with it the
 * struct proc, before the teardown looks here.
 */
static struct proc running[PROCS_MAX];

int64_t test_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What concerns the library under test is not for the children. */
static int is_ours(const char *variable)
{
	static const char *const names[] = {
		"LD_PRELOAD=", "GNUTLS_SYSTEM_PRIORITY_FILE=", "TLSSOCK_"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strncmp(variable, names[i], strlen(names[i])) == 0)
			return 1;
	}
	return 0;
}

static char *preload_variable(const char *preload)
{
	char *variable = NULL;

	if (preload && asprintf(&variable, "LD_PRELOAD=%s", preload) < 0)
		abort();
	return variable;
}

/* Made before the fork: afterwards only async-signal-safe calls are allowed. */
static void make_environment(char *out[ENV_MAX], char *preload)
{
	size_t n = 0;

	if (preload)
		out[n++] = preload;
	for (char **e = environ; *e && n < ENV_MAX - 1; e++) {
		if (preload ? strncmp(*e, "LD_PRELOAD=", 11) != 0 : !is_ours(*e))
			out[n++] = *e;
	}
	out[n] = NULL;
}

/* The place of a process in the table; a free one for 0. */
static struct proc *find_running(pid_t pid)
{
	size_t i = 0;

	while (i < PROCS_MAX - 1 && running[i].pid != pid)
		i++;
	assert_int_equal(running[i].pid, pid);
	return &running[i];
}

static void child(int in, int out, pid_t parent, char *const argv[], char *const env[])
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(126);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(126);
	execvpe(argv[0], argv, env);
	_exit(127);
}

void proc_start_argv(struct proc *proc, const char *const argv[], const char *preload)
{
	char *variable = preload_variable(preload);
	char *env[ENV_MAX], *args[ARGS_MAX];
	int in[2], out[2];
	pid_t parent = getpid();

	for (size_t i = 0; (args[i] = (char *)(uintptr_t)argv[i]); i++)
		assert_true(i < ARGS_MAX - 1);
	make_environment(env, variable);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	*proc = (struct proc){.in = in[1], .out = out[0], .text = calloc(1, 1)};
	proc->pid = fork();
	if (proc->pid == 0)
		child(in[0], out[1], parent, args, env);
	assert_true(proc->pid > 0);
	*find_running(0) = *proc;
	close(in[0]);
	close(out[1]);
	free(variable);
}

void proc_start(struct proc *proc, const char *program, ...)
{
	const char *argv[ARGS_MAX] = {program};
	size_t n = 1;
	va_list args;

	va_start(args, program);
	while (n < ARGS_MAX - 1 && (argv[n] = va_arg(args, const char *)))
		n++;
	va_end(args);
	proc_start_argv(proc, argv, NULL);
}

/* One read, by the deadline. Returns 0 at the end of the output. */
static ssize_t read_more(struct proc *proc, int64_t deadline, const char *what)
{
	struct pollfd pollfd = {.fd = proc->out, .events = POLLIN};
	int64_t left = deadline - test_now_ms();
	char buf[4096];
	ssize_t got;

	if (left <= 0 || poll(&pollfd, 1, (int)left) == 0)
		fail_msg("waited in vain for %s; the output was:\n%s", what, proc->text);
	got = read(proc->out, buf, sizeof(buf));
	if (got < 0 && errno == EINTR)
		return 1;
	assert_true(got >= 0);
	proc->text = realloc(proc->text, proc->length + (size_t)got + 1);
	find_running(proc->pid)->text = proc->text;
	memcpy(proc->text + proc->length, buf, (size_t)got);
	proc->length += (size_t)got;
	proc->text[proc->length] = '\0';
	return got;
}

static char *find_line(const struct proc *proc, const char *needle)
{
	const char *hit = strstr(proc->text, needle);
	const char *start = hit;
	const char *end = hit ? strchr(hit, '\n') : NULL;

	if (!end)
		return NULL;
	while (start > proc->text && start[-1] != '\n')
		start--;
	return strndup(start, (size_t)(end - start));
}

char *proc_line(struct proc *proc, const char *needle)
{
	int64_t deadline = test_now_ms() + TEST_DEADLINE_MS;
	char *line;

	while (!(line = find_line(proc, needle))) {
		if (read_more(proc, deadline, needle) == 0)
			fail_msg("the output ended without \"%s\":\n%s", needle, proc->text);
	}
	return line;
}

char *proc_next_line(struct proc *proc, const char *needle)
{
	char *line = proc_line(proc, needle);
	const char *rest = strchr(strstr(proc->text, needle), '\n') + 1;

	proc->length -= (size_t)(rest - proc->text);
	memmove(proc->text, rest, proc->length + 1);
	return line;
}

void proc_write(struct proc *proc, const char *text)
{
	size_t n = strlen(text);

	assert_int_equal(write(proc->in, text, n), n);
}

static void forget(struct proc *proc)
{
	find_running(proc->pid)->pid = 0;
	if (proc->in >= 0)
		close(proc->in);
	close(proc->out);
	free(proc->text);
	*proc = (struct proc){.in = -1, .out = -1};
}

int proc_reap(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int proc_finish(struct proc *proc)
{
	int64_t deadline = test_now_ms() + TEST_DEADLINE_MS;
	int status;

	close(proc->in);
	proc->in = -1;
	while (read_more(proc, deadline, "its end") > 0)
		continue;
	status = proc_reap(proc->pid);
	forget(proc);
	return status;
}

void proc_kill(struct proc *proc)
{
	if (!proc->pid)
		return;
	kill(proc->pid, SIGKILL);
	proc_reap(proc->pid);
	forget(proc);
}

void proc_kill_all(void)
{
	for (size_t i = 0; i < PROCS_MAX; i++) {
		if (!running[i].pid)
			continue;
		kill(running[i].pid, SIGKILL);
		proc_reap(running[i].pid);
		close(running[i].in);
		close(running[i].out);
		free(running[i].text);
		running[i].pid = 0;
	}
}
