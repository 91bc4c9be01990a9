/* SPDX-License-Identifier: MIT */
#include "child.h"
#include "proc.h"
#include "test.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

/*
 * A hook of the leak checker's. What only other threads of the parent pointed to
 * is no leak of the child's, which has none of them.
 */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return test_failure_exits != 0;
}

pid_t child_start(int (*run)(void *arg), void *arg)
{
	pid_t parent = getpid(), pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
			_exit(126);
		test_failure_exits = TEST_CHILD_FAILED;
		alarm(TEST_DEADLINE_MS / 1000); /* the parent waits for it without a limit */
		_exit(run(arg));
	}
	assert_true(pid > 0);
	return pid;
}

int child_finish(pid_t pid)
{
	return proc_reap(pid);
}

void child_turns_init(struct child_turns *turns, int fd)
{
	assert_ok(pipe2(turns->to_child, O_CLOEXEC));
	assert_ok(pipe2(turns->to_parent, O_CLOEXEC));
	turns->fd = fd;
}

pid_t child_turns_start(struct child_turns *turns, int fd, int (*run)(void *turns))
{
	child_turns_init(turns, fd);
	return child_start(run, turns);
}

void child_turns_fini(struct child_turns *turns)
{
	for (int i = 0; i < 2; i++) {
		close(turns->to_child[i]);
		close(turns->to_parent[i]);
	}
}

void child_give(const int pipe[2])
{
	assert_ok(write(pipe[1], "", 1));
}

/* By a deadline: both have both ends, so that a child's death ends no wait. */
void child_take(const int pipe[2])
{
	struct pollfd said = {.fd = pipe[0], .events = POLLIN};
	char c;

	assert_ok(poll(&said, 1, TEST_DEADLINE_MS / 2) - 1);
	assert_ok(read(pipe[0], &c, 1));
}
