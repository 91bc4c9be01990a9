/* SPDX-License-Identifier: MIT */
#include "query.h"

#include "libc.h"
#include "ocspcache.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* HEAD: what it is, and its length: a copy of a pipe's end in a forked child hides the end. */
enum { MAX_AT_ONCE = 64, MAX_REQUEST = 4096, NUMBERS = 3, HEAD = 5, MANY = 4096 };

struct query {
	int fd;
	struct stat file; /* whose number that is */
	pid_t keeper;
	pid_t owner; /* whose child the keeper is */
	size_t len;
	unsigned char bytes[HEAD + OCSP_MAX_RESPONSE + 1];
};

/* All that the keeper needs, made before it is. */
struct start {
	int in[2], out[2];
	const char *argv[5];
	char **envp;
	char ms[16], length[16];
	posix_spawnattr_t attr;
};

/* Set once, by the constructor. */
static const char *helper = TLSSOCK_OCSP;
static bool is_privileged;

static atomic_int running;

int query_init(const char *program, bool privileged)
{
	static char *told;

	is_privileged = privileged;
	free(told);
	told = program ? strdup(program) : NULL;
	helper = told ? told : TLSSOCK_OCSP;
	return program && !told ? -ENOMEM : 0;
}

/*
 * Not what preloads us: it would be of no use there. Nothing at all in a set-user-id program:
 * once that has made its user its own everywhere, the helper is not one any more, and would
 * take from whoever started it a proxy, libraries of OpenSSL's and files to write to.
 */
static char **copy_environment(void)
{
	size_t n = 0, kept = 0;
	char **copy;

	while (!is_privileged && environ && environ[n])
		n++;
	copy = malloc((n + 1) * sizeof(*copy));
	for (size_t i = 0; copy && i < n; i++)
		if (strncmp(environ[i], "LD_PRELOAD=", 11) != 0)
			copy[kept++] = environ[i];
	if (copy)
		copy[kept] = NULL;
	return copy;
}

static void close_pair(int pair[2])
{
	for (int i = 0; i < 2; i++) {
		if (pair[i] >= 0)
			libc.close(pair[i]);
		pair[i] = -1;
	}
}

/* Signals as in a new program, whatever this one has done with them. */
static void set_attributes(posix_spawnattr_t *attr)
{
	sigset_t set;

	posix_spawnattr_init(attr);
	sigfillset(&set);
	posix_spawnattr_setsigdefault(attr, &set);
	sigemptyset(&set);
	posix_spawnattr_setsigmask(attr, &set);
	posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
}

static void start_fini(struct start *s)
{
	close_pair(s->in);
	close_pair(s->out);
	posix_spawnattr_destroy(&s->attr);
	free(s->envp);
}

/* The request fits into a pipe that nobody reads yet (PIPE_BUF). */
static int start_init(struct start *s, const char *url, const void *request, size_t len,
		      unsigned int ms)
{
	int r = 0;

	*s = (struct start){.in = {-1, -1}, .out = {-1, -1}};
	set_attributes(&s->attr);
	snprintf(s->ms, sizeof(s->ms), "%u", ms);
	s->argv[0] = "tlssock-ocsp";
	s->argv[1] = url;
	s->argv[2] = s->ms;
	snprintf(s->length, sizeof(s->length), "%zu", len);
	s->argv[3] = s->length;
	s->envp = copy_environment();
	if (!s->envp)
		r = -ENOMEM;
	else if (len > MAX_REQUEST)
		r = -EMSGSIZE;
	else if (libc.pipe2(s->in, O_CLOEXEC) < 0 || libc.pipe2(s->out, O_CLOEXEC) < 0 ||
		 libc.write(s->in[1], request, len) != (ssize_t)len)
		r = -errno;
	if (r < 0)
		start_fini(s);
	return r;
}

/*
 * In the keeper nothing but system calls: threads may have had any lock. Only these three are
 * left open; a TLS socket's last number must not be one here.
 */
static void arrange_numbers(const struct start *s)
{
	int in = libc.fcntl64(s->in[0], F_DUPFD, NUMBERS);
	int out = libc.fcntl64(s->out[1], F_DUPFD, NUMBERS);

	libc.dup2(in, STDIN_FILENO);
	libc.dup2(out, STDOUT_FILENO);
	if (libc.close_range(STDERR_FILENO, ~0U, 0) < 0)
		for (int fd = STDERR_FILENO; fd < MANY; fd++)
			libc.close(fd);
	libc.open("/dev/null", O_WRONLY);
}

static void say_that_it_failed(void)
{
	static const char text[] = "E\0\0\0\x2athe program tlssock-ocsp cannot be started";

	_Static_assert(sizeof(text) - 1 - HEAD == 0x2a, "the head says how long it is");
	(void)!libc.write(STDOUT_FILENO, text, sizeof(text) - 1);
}

/* Told to end (SIGRTMAX), it ends its child first, which must not become anybody else's. */
static void wait_for(pid_t child, const sigset_t *signals)
{
	int number;

	do {
		if (libc.syscall(SYS_wait4, child, 0, WNOHANG, 0, 0, 0) != 0)
			return;
		number = sigwaitinfo(signals, NULL);
		if (number == SIGRTMAX)
			libc.syscall(SYS_kill, child, SIGKILL, 0, 0, 0, 0);
	} while (true);
}

static __attribute__((noreturn)) void keep(const struct start *s)
{
	const struct sigaction normal = {.sa_handler = SIG_DFL};
	char *const *argv = (char *const *)(uintptr_t)s->argv;
	sigset_t signals;
	pid_t child = 0;

	arrange_numbers(s);
	libc.sigaction(SIGCHLD, &normal, NULL);
	libc.sigaction(SIGRTMAX, &normal, NULL);
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGRTMAX);
	if (libc.posix_spawn(&child, helper, NULL, &s->attr, argv, s->envp) != 0)
		say_that_it_failed();
	for (int fd = 0; fd < NUMBERS; fd++)
		libc.close(fd);
	if (child > 0)
		wait_for(child, &signals);
	for (;;)
		libc.syscall(SYS_exit_group, 0, 0, 0, 0, 0, 0);
}

/* Signals wait meanwhile: the keeper has the program's handlers. */
static int start_keeper(const struct start *s, pid_t *keeper)
{
	sigset_t all, saved;
	long pid;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	/* No flags, and so no exit signal; a copy of the memory, as fork's. */
	pid = libc.syscall(SYS_clone, 0, 0, 0, 0, 0, 0);
	if (pid == 0)
		keep(s);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	if (pid < 0)
		return -errno;
	*keeper = (pid_t)pid;
	return 0;
}

int query_start(struct query **out, const char *url, const void *request, size_t len,
		unsigned int ms)
{
	struct query *q = NULL;
	struct start s;
	int r;

	if (atomic_fetch_add(&running, 1) >= MAX_AT_ONCE)
		r = -EAGAIN;
	else
		r = start_init(&s, url, request, len, ms);
	if (r < 0) {
		running--;
		return r;
	}
	q = calloc(1, sizeof(*q));
	if (!q || libc.fcntl64(s.out[0], F_SETFL, O_NONBLOCK) < 0 || fstat(s.out[0], &q->file) < 0)
		r = -ENOMEM;
	else
		r = start_keeper(&s, &q->keeper);
	if (r == 0) {
		q->owner = getpid();
		q->fd = s.out[0];
		s.out[0] = -1;
		*out = q;
	} else {
		free(q);
		running--;
	}
	start_fini(&s);
	return r;
}

int query_fd(const struct query *q)
{
	return q->fd;
}

/* A program that closes all numbers may have given ours to a file of its own. */
static bool is_ours(const struct query *q)
{
	struct stat st;

	return fstat(q->fd, &st) == 0 && st.st_dev == q->file.st_dev && st.st_ino == q->file.st_ino;
}

/* What follows the head; more than there may be: too long. */
static size_t body_length(const struct query *q)
{
	const unsigned char *b = q->bytes;

	return (size_t)b[1] << 24 | (size_t)b[2] << 16 | (size_t)b[3] << 8 | b[4];
}

static bool whole(const struct query *q)
{
	return q->len >= HEAD &&
	       (body_length(q) > OCSP_MAX_RESPONSE || q->len - HEAD >= body_length(q));
}

static int over(struct query *q, const void **response, size_t *len, const char **why)
{
	*response = NULL;
	*len = 0;
	*why = "tlssock-ocsp has ended without a word";
	if (!whole(q))
		return 0;
	q->bytes[q->len] = '\0';
	if (body_length(q) > OCSP_MAX_RESPONSE) {
		*why = "its answer is too long";
	} else if (q->bytes[0] == 'R') {
		*why = NULL;
		*response = q->bytes + HEAD;
		*len = body_length(q);
	} else {
		*why = (const char *)q->bytes + HEAD;
	}
	return 0;
}

int query_step(struct query *q, const void **response, size_t *len, const char **why)
{
	const size_t room = sizeof(q->bytes) - 1;
	ssize_t n = 1;

	if (!is_ours(q)) {
		q->len = 0;
		return over(q, response, len, why);
	}
	while (n > 0 && q->len < room && !whole(q)) {
		n = libc.read(q->fd, q->bytes + q->len, room - q->len);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			q->len += (size_t)n;
	}
	if (n < 0 && errno == EAGAIN && !whole(q))
		return -EAGAIN;
	return over(q, response, len, why);
}

void query_free(struct query *q)
{
	if (!q)
		return;
	if (is_ours(q))
		libc.close(q->fd);
	/* After a fork it is the parent's. */
	if (q->owner == getpid()) {
		libc.syscall(SYS_kill, q->keeper, SIGRTMAX, 0, 0, 0, 0);
		while (libc.syscall(SYS_wait4, q->keeper, 0, __WCLONE, 0, 0, 0) < 0 &&
		       errno == EINTR)
			continue;
	}
	running--;
	free(q);
}
