/* SPDX-License-Identifier: MIT */
/* Signals while the library is at work: handled later, each as it came, or not at all. */
#include "signals.h"
#include "handlers.h"
#include "late.h"
#include "proc.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const int numbers[] = {SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM, SIGCHLD};

enum { NUMBERS = COUNT(numbers), INFORMED = 7, ALL = 32, VALUE = 100, TRIES = 200 };

static volatile sig_atomic_t calls[ALL], value[ALL];

static void count(int number)
{
	calls[number]++;
}

static void take(int number, siginfo_t *info, void *context)
{
	(void)context;
	calls[number]++;
	value[number] = info->si_code == SI_QUEUE ? info->si_value.sival_int : -1;
}

static void install(int number, int flags, void (*handler)(int number))
{
	const struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	calls[number] = value[number] = 0;
	assert_ok(handlers_sigaction(number, &action, NULL));
}

static void install_informed(int number)
{
	const struct sigaction action = {.sa_sigaction = take, .sa_flags = SA_SIGINFO};

	calls[number] = value[number] = 0;
	assert_ok(handlers_sigaction(number, &action, NULL));
}

static void queue(int number, int with)
{
	assert_ok(sigqueue(getpid(), number, (union sigval){.sival_int = with}));
}

static int teardown(void **state)
{
	for (int number = 1; number < ALL; number++)
		if (number != SIGKILL && number != SIGSTOP)
			handlers_sigaction(number, &(struct sigaction){.sa_handler = SIG_DFL},
					   NULL);
	return unit_teardown(state);
}

/* As many as there is room for; of others that they came. */
static void test_each_with_its_info(void **state)
{
	(void)state;
	signals_hold();
	for (int i = 0; i < NUMBERS; i++) {
		install_informed(numbers[i]);
		queue(numbers[i], VALUE + i);
		/* As one that is pending, the first counts. */
		queue(numbers[i], -1);
		assert_int_equal(calls[numbers[i]], 0);
	}
	signals_let();
	for (int i = 0; i < NUMBERS; i++) {
		assert_int_equal(calls[numbers[i]], 1);
		assert_int_equal(value[numbers[i]], i < INFORMED ? VALUE + i : -1);
	}
}

/* In a child that no handler of fork has come by: 0 if all was as it should be. */
static int child_after_fork(void)
{
	signals_let();
	if (calls[SIGUSR1] != 0)
		return 1;
	signals_hold();
	queue(SIGUSR1, VALUE + 1);
	if (calls[SIGUSR1] != 0)
		return 2;
	signals_let();
	return calls[SIGUSR1] == 1 && value[SIGUSR1] == VALUE + 1 ? 0 : 3;
}

/* What came to the parent is handled there, and does not spoil what comes to the child. */
static void test_fork(void **state)
{
	pid_t pid;

	(void)state;
	install_informed(SIGUSR1);
	signals_hold();
	queue(SIGUSR1, VALUE);
	pid = fork();
	if (pid == 0)
		_exit(child_after_fork());
	assert_int_equal(proc_reap(pid), 0);
	signals_let();
	assert_int_equal(calls[SIGUSR1], 1);
	assert_int_equal(value[SIGUSR1], VALUE);
}

/* The kernel takes the one from what is pending when the other comes. */
static void test_stop_and_continue(void **state)
{
	static const int stops[] = {SIGTSTP, SIGTTIN, SIGTTOU};

	(void)state;
	/* Nor does what is taken leave its info behind. */
	install_informed(SIGTSTP);
	install(SIGCONT, 0, count);
	for (int i = 0; i < 2; i++) {
		signals_hold();
		queue(SIGTSTP, VALUE + i);
		if (i == 0)
			assert_ok(raise(SIGCONT));
		signals_let();
	}
	assert_int_equal(calls[SIGTSTP], 1);
	assert_int_equal(value[SIGTSTP], VALUE + 1);
	for (size_t i = 0; i < 2 * COUNT(stops); i++) {
		int first = i % 2 ? SIGCONT : stops[i / 2], second = i % 2 ? stops[i / 2] : SIGCONT;

		install(first, 0, count);
		install(second, 0, count);
		signals_hold();
		assert_ok(raise(first));
		assert_ok(raise(second));
		signals_let();
		assert_int_equal(calls[first], 0);
		assert_int_equal(calls[second], 1);
	}
}

/* A handler that is gone when the signal would be handled, by another thread's doing. */
static void test_taken_away(void **state)
{
	(void)state;
	install(SIGUSR1, 0, count);
	install_informed(SIGUSR2);
	signals_hold();
	assert_ok(raise(SIGUSR1));
	assert_ok(raise(SIGUSR2));
	install(SIGUSR1, 0, SIG_DFL);
	install(SIGUSR2, 0, SIG_DFL);
	signals_let();
	assert_int_equal(calls[SIGUSR1] + calls[SIGUSR2], 0);
}

static void exit_well(int number)
{
	_exit(number);
}

/* What finds the library's memory spoilt is within the library. */
static void test_abort(void **state)
{
	pid_t pid;

	(void)state;
	for (int i = 0; i < 4; i++) {
		install(SIGABRT, i % 2 ? (int)SA_RESETHAND : 0, exit_well);
		pid = fork();
		if (pid == 0) {
			if (i / 2)
				signals_hold();
			abort();
		}
		assert_int_equal(proc_reap(pid), SIGABRT);
	}
	/* From elsewhere it waits as any other. */
	install(SIGABRT, 0, count);
	signals_hold();
	assert_ok(kill(getpid(), SIGABRT));
	assert_int_equal(calls[SIGABRT], 0);
	signals_let();
	assert_int_equal(calls[SIGABRT], 1);
}

static void assert_action(int number, void (*handler)(int number), unsigned int flags)
{
	struct sigaction now;

	assert_ok(handlers_sigaction(number, NULL, &now));
	assert_ptr_equal(now.sa_handler, handler);
	assert_int_equal((unsigned int)now.sa_flags & ~0x04000000U, flags); /* SA_RESTORER */
}

/* Gone when it is called, and not before. */
static void test_once(void **state)
{
	static const unsigned int flags[] = {SA_RESETHAND, SA_RESETHAND | SA_NODEFER};
	struct sigaction kernel;

	(void)state;
	for (size_t i = 0; i < COUNT(flags); i++) {
		install(SIGUSR1, (int)flags[i], count);
		/* Held off by the mask if it were. */
		assert_ok(sigaction(SIGUSR1, NULL, &kernel));
		assert_int_equal((unsigned int)kernel.sa_flags & SA_RESETHAND, 0);
		signals_hold();
		assert_ok(raise(SIGUSR1));
		assert_action(SIGUSR1, count, flags[i]);
		assert_int_equal(calls[SIGUSR1], 0);
		signals_let();
		assert_int_equal(calls[SIGUSR1], 1);
		assert_action(SIGUSR1, SIG_DFL, flags[i]);
	}
}

static pthread_barrier_t together;
static int said[2];

static void say(int number)
{
	(void)!write(said[1], &number, sizeof(number));
}

static void *raise_one(void *unused)
{
	pthread_barrier_wait(&together);
	raise(SIGUSR1);
	return unused;
}

static int once_in_two_threads(void)
{
	pthread_t thread;

	install(SIGUSR1, (int)SA_RESETHAND, say);
	pthread_barrier_init(&together, NULL, 2);
	if (pthread_create(&thread, NULL, raise_one, NULL) != 0)
		return 1;
	raise_one(NULL);
	pthread_join(thread, NULL);
	return 2;
}

/* The first signal has it, and the other one is of nobody: it may end all before the call. */
static void test_once_for_one(void **state)
{
	int number[2], called = 0;
	ssize_t n;
	pid_t pid;

	(void)state;
	assert_ok(pipe2(said, O_NONBLOCK));
	for (int i = 0; i < TRIES; i++) {
		pid = fork();
		if (pid == 0)
			_exit(once_in_two_threads());
		assert_int_equal(proc_reap(pid), 128 + SIGUSR1);
		n = read(said[0], number, sizeof(number));
		assert_true(n < (ssize_t)sizeof(number));
		called += n > 0;
	}
	assert_true(called > 0);
	close(said[0]);
	close(said[1]);
}

static void count_and_default(int number)
{
	count(number);
	install(number, 0, SIG_DFL);
	calls[number]++;
}

static bool restarts_after(int number)
{
	struct signals_wait w;
	bool restarts;

	signals_hold();
	(void)signals_open(&w);
	raise(number);
	signals_close(&w);
	assert_true(signals_came());
	restarts = signals_restart();
	signals_let();
	return restarts;
}

/* Which handler ran decides, whatever has become of it, and whatever others there are. */
static void test_restart(void **state)
{
	struct signals_wait w;

	(void)state;
	install(SIGUSR2, 0, count);
	install(SIGUSR1, SA_RESTART, count);
	assert_true(restarts_after(SIGUSR1));
	install(SIGUSR1, SA_RESTART, count_and_default);
	assert_true(restarts_after(SIGUSR1));
	install(SIGUSR1, 0, count_and_default);
	assert_false(restarts_after(SIGUSR1));
	install(SIGUSR1, (int)SA_RESETHAND, count);
	assert_false(restarts_after(SIGUSR1));
	install(SIGUSR1, SA_RESTART, count);
	assert_ok(handlers_siginterrupt(SIGUSR1, 1));
	assert_false(restarts_after(SIGUSR1));
	assert_ok(handlers_siginterrupt(SIGUSR1, 0));
	assert_true(restarts_after(SIGUSR1));
	/* One that came too early ends the wait before it begins. */
	for (int i = 0; i < 2; i++) {
		install(SIGUSR1, i ? SA_RESTART : 0, count_and_default);
		signals_hold();
		raise(SIGUSR1);
		assert_int_equal(signals_open(&w), !i);
		signals_close(&w);
		signals_let();
	}
}

static int poll_with(const sigset_t *mask)
{
	const struct timespec patience = {0, 1000000};
	struct signals_wait w;
	int r;

	signals_hold();
	raise(SIGUSR1);
	mask = signals_open_in(&w, mask);
	r = ppoll(NULL, 0, &patience, mask) < 0 ? -errno : 0;
	signals_close_in(&w);
	signals_let();
	return r;
}

/* With a mask that would hold it off it is handled before, as it would have been. */
static void test_wait_with_a_mask(void **state)
{
	sigset_t set, now;

	(void)state;
	install(SIGUSR1, SA_RESTART, count);
	assert_int_equal(poll_with(NULL), -EINTR);
	sigemptyset(&set);
	assert_int_equal(poll_with(&set), -EINTR);
	assert_int_equal(calls[SIGUSR1], 2);
	sigaddset(&set, SIGUSR1);
	assert_int_equal(poll_with(&set), 0);
	assert_int_equal(calls[SIGUSR1], 3);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &now), 0);
	assert_int_equal(sigismember(&now, SIGUSR1), 0);
}

/* A system call that installs one has it behind ours, with the flags that it gave. */
static void test_adopted(void **state)
{
	struct sigaction action = {.sa_handler = count, .sa_flags = (int)SA_RESETHAND}, now;

	(void)state;
	calls[SIGUSR1] = 0;
	assert_ok(sigaction(SIGUSR1, &action, NULL));
	handlers_adopt(SIGUSR1);
	assert_ok(sigaction(SIGUSR1, NULL, &now));
	assert_ptr_not_equal(now.sa_handler, count);
	assert_action(SIGUSR1, count, SA_RESETHAND);
	signals_hold();
	assert_ok(raise(SIGUSR1));
	assert_int_equal(calls[SIGUSR1], 0);
	signals_let();
	assert_int_equal(calls[SIGUSR1], 1);
}

#define SIGNALS_CASE(function) cmocka_unit_test_setup_teardown(function, unit_setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		SIGNALS_CASE(test_each_with_its_info),
		SIGNALS_CASE(test_fork),
		SIGNALS_CASE(test_stop_and_continue),
		SIGNALS_CASE(test_abort),
		SIGNALS_CASE(test_once),
		SIGNALS_CASE(test_once_for_one),
		SIGNALS_CASE(test_restart),
		SIGNALS_CASE(test_wait_with_a_mask),
		SIGNALS_CASE(test_adopted),
		SIGNALS_CASE(test_taken_away),
	};

	signals_begin();
	return cmocka_run_group_tests_name("signals", tests, NULL, NULL);
}
