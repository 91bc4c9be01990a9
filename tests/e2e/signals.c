/* SPDX-License-Identifier: MIT */
/*
 * Signal handlers that write to sockets, whatever call of the library's they come upon: to
 * a pipe, to the socket that is in use and to another one.
 */
#include "child.h"
#include "scene.h"
#include "trace.h"

#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <tlssock.h>
#include <unistd.h>

enum { STORM_US = 150, WRITES = 1500, UPGRADED = -1 };

static volatile sig_atomic_t plain_bytes, same_bytes, other_bytes;
static volatile sig_atomic_t handled, wrong;

static void add(volatile sig_atomic_t *count, ssize_t n)
{
	if (n > 0)
		*count += (sig_atomic_t)n;
	else if (errno != EAGAIN)
		wrong = errno;
}

static void write_everywhere(int number)
{
	int saved = errno;

	(void)number;
	handled++;
	add(&plain_bytes, write(scene.pipe[1], "p", 1));
	add(&same_bytes, send(scene.link.client, "h", 1, MSG_DONTWAIT));
	add(&other_bytes, send(scene.other.client, "o", 1, MSG_DONTWAIT));
	errno = saved;
}

/* Empty what the handlers have filled. Returns how much it was, in all. */
static long drain(int fd)
{
	long all = 0;
	ssize_t n;

	do {
		n = recv(fd, scene_got, sizeof(scene_got), MSG_DONTWAIT);
		all += n > 0 ? n : 0;
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0 && errno != EAGAIN)
		wrong = errno;
	return all;
}

/* Calls that send and receive all along, and count what of it was the calls' own. */
static void count_under_fire(void (*cease)(void))
{
	long sent = 0, same = 0, other = 0, plain = 0;
	char buf[4096];

	for (int64_t round = 0; handled < WRITES; round++) {
		ssize_t n = send(scene.link.client, scene_block, 1 + (size_t)round % 5000, 0);

		sent += n > 0 ? n : 0;
		same += drain(scene.link.server);
		other += drain(scene.other.server);
		n = read(scene.pipe[0], buf, plain_bytes > plain ? sizeof(buf) : 0);
		plain += n > 0 ? n : 0;
		scene_calls[SCENE_SENDING + round % (SCENE_CALLS - SCENE_SENDING)]();
	}
	cease();
	same += drain(scene.link.server);
	other += drain(scene.other.server);
	assert_int_equal(wrong, 0);
	assert_true(same_bytes > 0 && other_bytes > 0);
	assert_int_equal(same, sent + same_bytes);
	assert_int_equal(other, other_bytes);
	/* Nothing was full: the socket that was interrupted took what the other one took. */
	assert_int_equal(same_bytes, handled);
	assert_int_equal(other_bytes, handled);
}

/* Before the first signal can come. */
static void open_uncounted(int protocol)
{
	if (protocol == UPGRADED)
		scene_open_upgraded();
	else
		scene_open(protocol);
	handled = wrong = plain_bytes = same_bytes = other_bytes = 0;
}

static void handlers_write_by(int protocol)
{
	open_uncounted(protocol);
	scene_catch(SIGALRM, write_everywhere, SA_RESTART);
	scene_storm();
	count_under_fire(scene_calm);
	scene_still_usable();
	scene_close();
}

static void handlers_write(void **state)
{
	(void)state;
	handlers_write_by(IPPROTO_TCP);
	handlers_write_by(IPPROTO_TLS);
}

/* In a process that has no other TLS sockets: before the tests, which see that they can. */
static pid_t upgraded;

static int write_when_upgraded(void *unused)
{
	(void)unused;
	handlers_write_by(UPGRADED);
	return 0;
}

static void handlers_write_when_upgraded(void **state)
{
	(void)state;
	assert_int_equal(child_finish(upgraded), 0);
}

static struct {
	pthread_t target, thread;
	atomic_bool over;
} shooter;

static void *shoot(void *unused)
{
	while (!shooter.over) {
		pthread_kill(shooter.target, SIGALRM);
		usleep(STORM_US);
	}
	return unused;
}

static void cease_shooting(void)
{
	shooter.over = true;
	pthread_join(shooter.thread, NULL);
	signal(SIGALRM, SIG_DFL);
}

/* The same with signals from another thread, for this one. */
static void handlers_write_when_shot(void **state)
{
	(void)state;
	open_uncounted(IPPROTO_TLS);
	scene_catch(SIGALRM, write_everywhere, SA_RESTART);
	shooter.target = pthread_self();
	shooter.over = false;
	assert_int_equal(pthread_create(&shooter.thread, NULL, shoot, NULL), 0);
	count_under_fire(cease_shooting);
	scene_still_usable();
	scene_close();
}

/* Signals that faults have, too, and that a timer sends. */
static timer_t timer;

static void cease_timer(void)
{
	assert_ok(timer_delete(timer));
}

static void handlers_write_by_timer(void **state)
{
	static const int numbers[] = {SIGTRAP, SIGABRT};
	const struct itimerspec every = {{0, STORM_US * 1000}, {0, STORM_US * 1000}};

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(numbers); i++) {
		struct sigevent event = {.sigev_signo = numbers[i / 2],
					 .sigev_notify = SIGEV_SIGNAL};

		open_uncounted(i % 2 ? IPPROTO_TLS : IPPROTO_TCP);
		scene_catch(numbers[i / 2], write_everywhere, SA_RESTART);
		assert_ok(timer_create(CLOCK_MONOTONIC, &event, &timer));
		assert_ok(timer_settime(timer, 0, &every, NULL));
		count_under_fire(cease_timer);
		signal(numbers[i / 2], SIG_DFL);
		scene_still_usable();
		scene_close();
	}
}

static void exit_well(int number)
{
	(void)number;
	_exit(7);
}

static int abort_in_child(void *unused)
{
	(void)unused;
	scene_open(IPPROTO_TLS);
	scene_catch(SIGABRT, exit_well, 0);
	abort();
}

static void abort_is_handled(void **state)
{
	(void)state;
	assert_int_equal(child_finish(child_start(abort_in_child, NULL)), 7);
}

static void nothing(int number)
{
	(void)number;
}

/* Exits with 0 where no signal is blocked. */
static char *const look[] = {(char[]){"grep"}, (char[]){"-q"}, (char[]){"^SigBlk:\t0*$"},
			     (char[]){"/proc/self/status"}, NULL};
static const char look_command[] = "exec grep -q '^SigBlk:\t0*$' /proc/self/status";

static void exec_look(void)
{
	assert_int_equal(dup2(scene.link.client, 100), 100);
	execvp("grep", look);
	_exit(127);
}

static void *sleep_on(void *unused)
{
	pause();
	return unused;
}

static void exec_look_among_threads(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, sleep_on, NULL) == 0)
		exec_look();
}

static int exit_status(pid_t pid)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int look_by_fork(void (*exec)(void))
{
	pid_t pid = (pid_t)assert_ok(fork());

	if (pid == 0)
		exec();
	return exit_status(pid);
}

/* What waits for the library to be done waits in no other program. */
static void programs_get_the_mask(void **state)
{
	FILE *file;
	pid_t pid;

	(void)state;
	scene_open(IPPROTO_TLS);
	scene_catch(SIGUSR1, nothing, 0);
	assert_int_equal(dup2(scene.link.client, 100), 100);
	assert_int_equal(look_by_fork(exec_look), 0);
	assert_int_equal(look_by_fork(exec_look_among_threads), 0);
	assert_int_equal(posix_spawnp(&pid, "grep", NULL, NULL, look, environ), 0);
	assert_int_equal(exit_status(pid), 0);
	assert_int_equal(system(look_command), 0);
	file = popen(look_command, "r");
	assert_non_null(file);
	assert_int_equal(pclose(file), 0);
	close(100);
	signal(SIGUSR1, SIG_DFL);
	scene_still_usable();
	scene_close();
}

static const struct CMUnitTest tests[] = {
	CASE(handlers_write_when_upgraded), CASE(handlers_write),   CASE(handlers_write_when_shot),
	CASE(handlers_write_by_timer),	    CASE(abort_is_handled), CASE(programs_get_the_mask),
};

int main(void)
{
	upgraded = child_start(write_when_upgraded, NULL);
	return compare_main("signals", NULL, 0, tests, COUNT(tests));
}
