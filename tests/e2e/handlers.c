/* SPDX-License-Identifier: MIT */
/*
 * What a program sees of its own signal handlers in a process with TLS sockets: as if the
 * kernel called them by itself. Signals that come upon the library are handled later, with
 * all that they bring.
 */
#include "child.h"
#include "proc.h"
#include "scene.h"
#include "trace.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <tlssock.h>
#include <unistd.h>

/* Old ways to install one are tried, too. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

enum { SHOTS = 3000, CONNECTS = 60 };

static volatile sig_atomic_t plain_calls, informed_calls, wrong;

static void plain(int number)
{
	plain_calls += number == SIGUSR1;
}

static void informed(int number, siginfo_t *info, void *context)
{
	sigset_t now;

	if (info->si_signo != number || info->si_code != SI_QUEUE || info->si_pid != getpid() ||
	    info->si_value.sival_int != 42 || !context)
		wrong++;
	/* Blocked by sa_mask, and by itself. */
	if (pthread_sigmask(SIG_BLOCK, NULL, &now) != 0 || sigismember(&now, SIGUSR1) != 1 ||
	    sigismember(&now, number) != 1 || sigismember(&now, SIGHUP) != 0)
		wrong++;
	informed_calls++;
}

static void set(int number, int flags, void (*handler)(void))
{
	struct sigaction action = {.sa_flags = flags, .sa_handler = (void (*)(int))handler};

	sigaddset(&action.sa_mask, SIGUSR1);
	assert_ok(sigaction(number, &action, NULL));
}

static void trace_action(struct trace *t, int number)
{
	struct sigaction now;

	CALL(t, sigaction(number, NULL, &now));
	trace_note(t, "\t%s, %x, %d %d\n",
		   now.sa_handler == SIG_DFL	  ? "default"
		   : now.sa_handler == SIG_IGN	  ? "ignored"
		   : now.sa_handler == plain	  ? "plain"
		   : now.sa_sigaction == informed ? "informed"
						  : "another",
		   (unsigned int)now.sa_flags, sigismember(&now.sa_mask, SIGUSR1),
		   sigismember(&now.sa_mask, SIGHUP));
}

/* By each way to install one, what each way to ask says. */
static void asked_back(struct link *l, struct trace *t)
{
	static const int flags[] = {0, SA_RESTART, SA_NODEFER | SA_ONSTACK, (int)SA_RESETHAND};
	unsigned long kernel[8] = {0}; /* handler, flags, ... */

	(void)l;
	for (size_t i = 0; i < COUNT(flags); i++) {
		set(SIGUSR1, flags[i], (void (*)(void))plain);
		trace_action(t, SIGUSR1);
		set(SIGUSR1, flags[i] | SA_SIGINFO, (void (*)(void))informed);
		trace_action(t, SIGUSR1);
		assert_ok(syscall(SYS_rt_sigaction, SIGUSR1, NULL, kernel, 8));
		trace_note(t, "\t%d %lx\n", kernel[0] == (unsigned long)informed, kernel[1]);
		CALL(t, syscall(SYS_rt_sigaction, SIGUSR1, kernel, NULL, 8));
		trace_action(t, SIGUSR1);
		siginterrupt(SIGUSR1, i % 2);
		trace_action(t, SIGUSR1);
		trace_note(t, "\t%d\n",
			   signal(SIGUSR1, plain) == (void (*)(int))(void (*)(void))informed);
		trace_action(t, SIGUSR1);
		trace_note(t, "\t%d\n", sysv_signal(SIGUSR1, plain) == plain);
		trace_action(t, SIGUSR1);
		trace_note(t, "\t%d\n", sigset(SIGUSR1, plain) == plain);
		trace_action(t, SIGUSR1);
		trace_note(t, "\t%d\n", sigset(SIGUSR1, SIG_HOLD) == plain);
		trace_note(t, "\t%d\n", sigset(SIGUSR1, plain) == SIG_HOLD);
		trace_note(t, "\t%d\n", sigset(SIGUSR1, plain) == plain);
		trace_note(t, "\t%d\n", signal(SIGUSR1, SIG_IGN) == plain);
		trace_action(t, SIGUSR1);
		trace_note(t, "\t%d\n", signal(SIGUSR1, plain) == SIG_IGN);
		trace_note(t, "\t%d\n", signal(SIGUSR1, SIG_DFL) == plain);
		trace_action(t, SIGUSR1);
	}
	siginterrupt(SIGUSR1, 0);
	trace_note(t, "\t%d\n", signal(SIGKILL, plain) == SIG_ERR && errno == EINVAL);
	trace_note(t, "\t%d\n", signal(SIGUSR1, SIG_ERR) == SIG_ERR && errno == EINVAL);
	CALL(t, siginterrupt(-1, 1));
	CALL(t, sigaction(-1, NULL, NULL));
	CALL(t, sigaction(SIGRTMIN, NULL, NULL));
}

/* Of a signal that came before its time the wait hears, if it may not be restarted. */
static void waits_end(struct link *l, struct trace *t)
{
	struct pollfd p = {.fd = l->client, .events = POLLIN};
	const struct timespec patience = {5, 0};
	sigset_t block, none;

	sigemptyset(&none);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	set(SIGUSR1, SA_RESTART, (void (*)(void))plain);
	assert_ok(pthread_sigmask(SIG_BLOCK, &block, NULL));
	raise(SIGUSR1);
	plain_calls = 0;
	CALL(t, ppoll(&p, 1, &patience, &none));
	trace_note(t, "\t%d\n", (int)plain_calls);
	assert_ok(pthread_sigmask(SIG_UNBLOCK, &block, NULL));
	signal(SIGUSR1, SIG_DFL);
}

/* A handler that is there once, by each way to install it: a second signal ends the process. */
static int raise_twice(void *way)
{
	if (way)
		sysv_signal(SIGUSR1, plain);
	else
		set(SIGUSR1, (int)SA_RESETHAND, (void (*)(void))plain);
	plain_calls = 0;
	raise(SIGUSR1);
	if (plain_calls == 1)
		raise(SIGUSR1);
	return 0;
}

static void once(struct link *l, struct trace *t)
{
	int way;

	(void)l;
	for (int i = 0; i < 2; i++) {
		trace_note(t, "\t%d\n", child_finish(child_start(raise_twice, i ? &way : NULL)));
		plain_calls = 0;
		set(SIGUSR1, (int)SA_RESETHAND | SA_NODEFER, (void (*)(void))plain);
		trace_action(t, SIGUSR1);
		CALL(t, raise(SIGUSR1));
		trace_note(t, "\t%d\n", (int)plain_calls);
		trace_action(t, SIGUSR1);
	}
	signal(SIGUSR1, SIG_DFL);
}

static const struct compare_case cases[] = {
	{"what is asked back", asked_back},
	{"a signal before a wait", waits_end},
	{"handlers that are called once", once},
};

static struct {
	pthread_t target;
	atomic_bool over;
} shooter;

static void *shoot(void *unused)
{
	for (int i = 0; i < SHOTS; i++) {
		pthread_sigqueue(shooter.target, SIGUSR2, (union sigval){.sival_int = 42});
		pthread_kill(shooter.target, SIGUSR1);
		usleep(50);
	}
	shooter.over = true;
	return unused;
}

/* Whatever the thread is doing: each comes with what was sent along, and with its mask. */
static void all_that_they_bring(void **state)
{
	static const int flags[] = {SA_RESTART, SA_RESTART | SA_NODEFER};
	pthread_t thread;
	sigset_t now;

	(void)state;
	scene_open(IPPROTO_TLS);
	plain_calls = informed_calls = wrong = 0;
	set(SIGUSR1, flags[1], (void (*)(void))plain);
	set(SIGUSR2, flags[0] | SA_SIGINFO, (void (*)(void))informed);
	shooter.target = pthread_self();
	shooter.over = false;
	assert_int_equal(pthread_create(&thread, NULL, shoot, NULL), 0);
	for (int round = 0; !shooter.over; round++)
		scene_calls[round % SCENE_CALLS]();
	assert_int_equal(pthread_join(thread, NULL), 0);
	scene_still_usable();
	signal(SIGUSR1, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);
	assert_int_equal(wrong, 0);
	assert_true(plain_calls > SHOTS / 100 && informed_calls > SHOTS / 100);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &now), 0);
	assert_int_equal(sigismember(&now, SIGUSR1) + sigismember(&now, SIGUSR2), 0);
	scene_close();
}

/* Of those of real time the order must not be lost. After it all wait by the mask. */
static void real_time(void **state)
{
	int number = SIGRTMIN;

	(void)state;
	plain_calls = 0;
	set(number, 0, (void (*)(void))plain);
	set(SIGUSR1, 0, (void (*)(void))plain);
	assert_ok(raise(number));
	sighold(SIGUSR1);
	assert_ok(raise(SIGUSR1));
	assert_int_equal(plain_calls, 0);
	/* Which lets it through, whatever the library holds off. */
	assert_ptr_equal(sigset(SIGUSR1, plain), SIG_HOLD);
	assert_int_equal(plain_calls, 1);
}

static void another(int number)
{
	wrong += number;
}

/* A child that shares the memory installs its own, as often as it likes. */
static void not_the_childs(void **state)
{
	int status = -1;
	pid_t pid;

	(void)state;
	plain_calls = wrong = 0;
	signal(SIGUSR1, plain);
	pid = vfork();
	if (pid == 0) {
		for (int i = 0; i < 3; i++)
			signal(SIGUSR1, another);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_ok(raise(SIGUSR1));
	assert_int_equal(wrong, 0);
	assert_int_equal(plain_calls, 1);
	signal(SIGUSR1, SIG_DFL);
}

static void *answer_all(void *arg)
{
	const struct link *l = arg;
	sigset_t all;
	char byte;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	for (int i = 0; i < CONNECTS; i++) {
		int fd = accept(l->listener, NULL, NULL);

		if (recv(fd, &byte, 1, 0) == 1)
			(void)!send(fd, &byte, 1, 0);
		close(fd);
	}
	return NULL;
}

/* connect goes on by itself, and says when it is done. */
static void await(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	socklen_t length = sizeof(int);
	int error = -1, n;

	do
		n = poll(&p, 1, TEST_DEADLINE_MS);
	while (n < 0 && errno == EINTR);
	assert_int_equal(n, 1);
	assert_ok(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));
	assert_int_equal(error, 0);
}

/* Whenever a signal comes to a connect, before it has begun, too: it is under way after that. */
static void connect_by(int protocol)
{
	struct link l = {.protocol = protocol};
	pthread_t thread;
	char byte;

	l.listener = tls_listen(AF_INET, protocol, "good", &l.port);
	assert_int_equal(pthread_create(&thread, NULL, answer_all, &l), 0);
	scene_catch(SIGALRM, plain, 0);
	scene_storm();
	for (int i = 0; i < CONNECTS; i++) {
		int fd = tls_socket(AF_INET, protocol, "localhost");

		if (tls_connect(fd, AF_INET, l.port) < 0) {
			assert_int_equal(errno, EINTR);
			await(fd);
		}
		while (send(fd, "x", 1, 0) < 0)
			assert_int_equal(errno, EINTR);
		while (recv(fd, &byte, 1, 0) < 0)
			assert_int_equal(errno, EINTR);
		close(fd);
	}
	scene_calm();
	assert_int_equal(pthread_join(thread, NULL), 0);
	close(l.listener);
}

static void connects(void **state)
{
	(void)state;
	connect_by(IPPROTO_TCP);
	connect_by(IPPROTO_TLS);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {CASE(all_that_they_bring), CASE(connects),
						  CASE(not_the_childs), CASE(real_time),
						  CASE(all_that_they_bring)};

	return compare_main("handlers", cases, COUNT(cases), tests, COUNT(tests));
}
