/* SPDX-License-Identifier: MIT */
#include "process.h"

#include "common.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void become(const char *const *argv, const char *preload)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_DFL);
	if (preload)
		setenv("LD_PRELOAD", preload, 1);
	else
		unsetenv("LD_PRELOAD");
	execvp(argv[0], (char *const *)(const void *)argv);
	die_errno(argv[0]);
}

static FILE *open_end(int fd, const char *mode)
{
	FILE *file = fdopen(fd, mode);

	if (!file)
		die_errno("fdopen");
	return file;
}

void process_start(struct process *process, const char *const *argv, const char *preload)
{
	process_start_on(process, argv, preload, -1);
}

void process_start_on(struct process *process, const char *const *argv, const char *preload,
		      int cpu)
{
	int to[2], from[2];

	/* Close-on-exec, or a second program keeps the first one's pipes open. */
	if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
		die_errno("pipe");
	fflush(stdout);
	process->name = argv[0];
	process->pid = fork();
	if (process->pid < 0)
		die_errno("fork");
	if (process->pid == 0) {
		dup2(to[0], STDIN_FILENO);
		dup2(from[1], STDOUT_FILENO);
		if (cpu >= 0)
			pin_to_cpu(cpu);
		become(argv, preload);
	}
	close(to[0]);
	close(from[1]);
	process->input = open_end(to[1], "w");
	process->output = open_end(from[0], "r");
}

int process_reap(struct process *process)
{
	int status;

	fclose(process->input);
	fclose(process->output);
	if (waitpid(process->pid, &status, 0) < 0)
		die_errno("waitpid");
	return status;
}

bool process_finish(struct process *process)
{
	int status = process_reap(process);

	if (WIFSIGNALED(status))
		fprintf(stderr, "%s: %s\n", process->name, strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != 0)
		fprintf(stderr, "%s: exit status %d\n", process->name, WEXITSTATUS(status));
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
