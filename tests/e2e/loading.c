/* SPDX-License-Identifier: MIT */
/*
 * The library gets GnuTLS with the first TLS socket: whoever asks for that, wherever, and
 * where it cannot be had. Each case is in a child, since a process loads it once.
 */
#include "child.h"
#include "net.h"
#include "proc.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <tlssock.h>
#include <unistd.h>

enum { SKIPPED = 77, THREADS = 8, SMALL_STACK = 32 << 10, ROUNDS = 20 };

static void run_alone(int (*run)(void *arg), void *arg)
{
	int status = child_finish(child_start(run, arg));

	if (status == SKIPPED)
		test_skip("chroot needs root, or user namespaces");
	assert_int_equal(status, 0);
}

static void expect(bool holds)
{
	errno = 0;
	assert_ok(holds ? 0 : -1);
}

struct alone {
	int (*run)(void *arg);
	void *arg;
};

static void alone(void **state)
{
	const struct alone *a = *state;

	run_alone(a->run, a->arg);
}

/* A line of /proc/self/maps has it. */
static bool loaded(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	bool found = false;
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		found |= strstr(line, "/libgnutls.so.") != NULL;
	if (f)
		fclose(f);
	return found;
}

static int ask(void)
{
	return socket(AF_INET, SOCK_STREAM, IPPROTO_TLS);
}

static void talk(int protocol)
{
	struct link l;
	char c;

	link_open(&l, protocol, AF_INET);
	expect(send(l.client, "x", 1, 0) == 1 && recv(l.server, &c, 1, 0) == 1 && c == 'x');
	link_close(&l);
}

static int plain_first(void *unused)
{
	(void)unused;
	talk(IPPROTO_TCP);
	assert_fails(socket(AF_UNIX, SOCK_STREAM, IPPROTO_TLS), EAFNOSUPPORT);
	expect(!loaded());
	talk(IPPROTO_TLS);
	expect(loaded());
	return 0;
}

static int upgrade_first(void *unused)
{
	const int on = IPPROTO_TLS;
	struct link l;

	(void)unused;
	link_open(&l, IPPROTO_TCP, AF_INET);
	assert_ok(setsockopt(l.client, SOL_SOCKET, SO_PROTOCOL, &on, sizeof(on)));
	expect(loaded());
	link_close(&l);
	return 0;
}

static int no_descriptor(void *unused)
{
	struct rlimit before, low;
	int last = -1, fd;

	(void)unused;
	assert_ok(getrlimit(RLIMIT_NOFILE, &before));
	low = (struct rlimit){64, before.rlim_max};
	assert_ok(setrlimit(RLIMIT_NOFILE, &low));
	while ((fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
		last = fd;
	assert_fails(ask(), EMFILE);
	close(last);
	expect(ask() == last);
	assert_ok(setrlimit(RLIMIT_NOFILE, &before));
	talk(IPPROTO_TLS);
	return 0;
}

static long address_space(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	long pages = 0;

	expect(f && fscanf(f, "%ld", &pages) == 1);
	fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

/* 1: there was too little, and then enough. */
static int in_space(void *arg)
{
	struct rlimit before, low;
	int fd, error;

	assert_ok(getrlimit(RLIMIT_AS, &before));
	low = (struct rlimit){(rlim_t)(address_space() + *(const long *)arg), before.rlim_max};
	assert_ok(setrlimit(RLIMIT_AS, &low));
	fd = ask();
	error = errno;
	assert_ok(setrlimit(RLIMIT_AS, &before));
	expect(fd >= 0 || error == ENOMEM);
	talk(IPPROTO_TLS);
	return fd < 0;
}

/* From none to more than enough: it is always one of these two. */
static void little_space(void **state)
{
	int refused = 0, runs = 0;

	(void)state;
	for (long more = 0; more <= 40L << 20; more += 1L << 20, runs++) {
		int status = child_finish(child_start(in_space, &more));

		assert_in_range(status, 0, 1);
		refused += status;
	}
	assert_in_range(refused, 1, runs - 1);
}

/* Skipped where nobody may call it. */
static int in_other_root(void *by_syscall)
{
	char line[256] = "";
	int ends[2];
	long r;

	if (geteuid() != 0 && unshare(CLONE_NEWUSER) < 0)
		return SKIPPED;
	r = by_syscall ? syscall(SYS_chroot, "/tmp") : chroot("/tmp");
	if (r < 0)
		return SKIPPED;
	if (!by_syscall)
		return (int)assert_ok(ask()) < 0;
	assert_ok(pipe(ends));
	assert_ok(dup2(ends[1], STDERR_FILENO));
	assert_fails(ask(), ELIBACC);
	assert_ok(read(ends[0], line, sizeof(line) - 1));
	expect(strstr(line, "another root directory") != NULL);
	return 0;
}

static volatile sig_atomic_t from_handler = -1;

static void on_signal(int number)
{
	(void)number;
	from_handler = ask();
}

static int in_handler(void *unused)
{
	(void)unused;
	expect(signal(SIGUSR1, on_signal) != SIG_ERR);
	raise(SIGUSR1);
	assert_ok(from_handler);
	talk(IPPROTO_TLS);
	return 0;
}

static pthread_barrier_t barrier;

static void *ask_together(void *unused)
{
	pthread_barrier_wait(&barrier);
	close((int)assert_ok(ask()));
	return unused;
}

static int in_threads(void *unused)
{
	pthread_t threads[THREADS];

	(void)unused;
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		assert_ok(-pthread_create(&threads[i], NULL, ask_together, NULL));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	talk(IPPROTO_TLS);
	return 0;
}

static int on_small_stack(void *unused)
{
	pthread_attr_t attr;
	pthread_t thread;

	(void)unused;
	pthread_barrier_init(&barrier, NULL, 1);
	pthread_attr_init(&attr);
	if (!SANITIZED)
		assert_ok(-pthread_attr_setstacksize(&attr, SMALL_STACK));
	assert_ok(-pthread_create(&thread, &attr, ask_together, NULL));
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attr);
	talk(IPPROTO_TLS);
	return 0;
}

static atomic_bool asked;

static void *ask_beside(void *unused)
{
	close((int)assert_ok(ask()));
	asked = true;
	return unused;
}

/* Children that are forked before, while and after a thread has it loaded. */
static int forks_beside(void *unused)
{
	pthread_t thread;
	bool last;

	(void)unused;
	assert_ok(-pthread_create(&thread, NULL, ask_beside, NULL));
	do {
		pid_t pid;
		int status;

		last = asked;
		pid = (pid_t)assert_ok(fork());
		if (pid == 0) {
			alarm(TEST_DEADLINE_MS / 1000);
			_exit(ask() < 0);
		}
		expect(waitpid(pid, &status, 0) == pid && status == 0);
	} while (!last);
	pthread_join(thread, NULL);
	return 0;
}

static void fork_meanwhile(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++)
		run_alone(forks_beside, NULL);
}

static int in_vfork_child(void *unused)
{
	int status;
	pid_t pid = vfork();

	(void)unused;
	if (pid == 0)
		_exit(ask() < 0);
	expect(waitpid(pid, &status, 0) == pid && status == 0);
	talk(IPPROTO_TLS);
	return 0;
}

static void at_the_end(void)
{
	talk(IPPROTO_TLS);
}

static int in_exit(void *unused)
{
	(void)unused;
	assert_ok(-atexit(at_the_end));
	exit(0);
}

/* This program in another process, which has a variable, says what becomes of it. */
static void says(const char *deed, const char *variable, const char *value, const char *line)
{
	const char *preload = getenv("LD_PRELOAD");
	struct proc proc;

	setenv(variable, value, 1);
	proc_start_argv(&proc, (const char *const[]){program_invocation_name, deed, NULL},
			preload ? preload : "");
	unsetenv(variable);
	free(proc_line(&proc, line));
	proc_finish(&proc);
}

/* What is found in its place is no library, or one of another kind. */
static void wrong_library(void **state)
{
	char directory[] = "/tmp/tlssock-loading-XXXXXX", path[64];
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/libgnutls.so.30", directory);
	f = fopen(path, "we");
	assert_non_null(f);
	fprintf(f, "%080d\n", 0);
	fclose(f);
	says("ask", "LD_LIBRARY_PATH", directory, "GnuTLS cannot be loaded");
	says("ask", "LD_LIBRARY_PATH", directory, "ask: ELIBACC");
	unlink(path);
	assert_ok(symlink(program_path("libcount-calls.so"), path));
	says("ask", "LD_LIBRARY_PATH", directory, "is older than");
	says("ask", "LD_LIBRARY_PATH", directory, "ask: ELIBACC");
	unlink(path);
	says("ask", "LD_LIBRARY_PATH", directory, "ask: no error");
	rmdir(directory);
}

/* What the environment says to GnuTLS holds, though the program clear it afterwards. */
static void environment(void **state)
{
	(void)state;
	says("look", "GNUTLS_DEBUG_LEVEL", "0", "look: loaded");
	says("look", "UNRELATED", "0", "look: not loaded");
}

#define ALONE(title, function, arg) ROW_CASE(title, alone, (&(struct alone){function, arg}))

static const struct CMUnitTest tests[] = {
	ALONE("plain sockets first", plain_first, NULL),
	ALONE("an upgrade", upgrade_first, NULL),
	ALONE("no descriptor is free", no_descriptor, NULL),
	ALONE("chroot", in_other_root, NULL),
	ALONE("chroot past the library", in_other_root, (void *)1),
	ALONE("in a signal handler", in_handler, NULL),
	ALONE("in threads at once", in_threads, NULL),
	ALONE("on a small stack", on_small_stack, NULL),
	ALONE("in a vfork child", in_vfork_child, NULL),
	ALONE("in exit", in_exit, NULL),
	CASE(wrong_library),
	CASE(environment),
	/* Not with a sanitizer: */
	CASE(little_space),
	CASE(fork_meanwhile),
};

int main(int argc, char *argv[])
{
	if (argc > 1 && strcmp(argv[1], "ask") == 0)
		printf("ask: %s\n", ask() < 0 ? strerrorname_np(errno) : "no error");
	else if (argc > 1)
		printf("look: %s\n", loaded() ? "loaded" : "not loaded");
	else
		return _cmocka_run_group_tests("loading", tests, COUNT(tests) - 2 * SANITIZED, NULL,
					       NULL);
	return 0;
}
