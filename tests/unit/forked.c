/* SPDX-License-Identifier: MIT */
#include "forked.h"
#include "unit.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

pid_t fork_with(struct owner *owners, unsigned int n)
{
	struct arena *arena = owner_fork_begin(n);
	pid_t pid;

	for (unsigned int i = 0; i < n; i++)
		owner_fork_share(arena, &owners[i]);
	pid = fork();
	owner_fork_unlock(arena);
	if (pid == 0)
		owner_fork_child(arena);
	else
		owner_fork_parent(arena);
	return pid;
}

void answer(bool yes)
{
	_exit(yes ? YES : NO);
}

void gate_open(struct gate *g)
{
	assert_ok(pipe(g->go));
	assert_ok(pipe(g->done));
}

void gate_close(struct gate *g)
{
	for (int i = 0; i < 2; i++) {
		close(g->go[i]);
		close(g->done[i]);
	}
}

void pass(int fd)
{
	(void)!write(fd, "x", 1);
}

void await(int fd)
{
	char byte;

	(void)!read(fd, &byte, 1);
}

pid_t raw_clone(void)
{
	return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}
