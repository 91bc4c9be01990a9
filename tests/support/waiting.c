/* SPDX-License-Identifier: MIT */
#include "waiting.h"
#include "test.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static ssize_t receive(struct waiting *waiting)
{
	return recv(waiting->fd, waiting->buf, sizeof(waiting->buf), 0);
}

static void *run(void *arg)
{
	struct waiting *w = arg;

	__atomic_store_n(&w->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	w->result = w->call(w);
	w->error = errno;
	return NULL;
}

/* Does a line of /proc/self/task/TID/status have this text? Not once the thread has gone. */
static int status_has(pid_t tid, const char *field, const char *text)
{
	char path[64], line[128] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", tid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file) && strncmp(line, field, strlen(field)) != 0)
		continue;
	fclose(file);
	return strncmp(line, field, strlen(field)) == 0 && strstr(line, text) != NULL;
}

static void until_asleep(pid_t tid)
{
	while (status_has(tid, "State:", "R (running)"))
		sched_yield();
}

void waiting_start(struct waiting *waiting, int fd)
{
	waiting_start_in(waiting, fd, receive);
}

void waiting_start_in(struct waiting *waiting, int fd, waiting_call *call)
{
	pid_t tid;

	*waiting = (struct waiting){.fd = fd, .call = call};
	assert_int_equal(pthread_create(&waiting->thread, NULL, run, waiting), 0);
	while (!(tid = __atomic_load_n(&waiting->tid, __ATOMIC_ACQUIRE)))
		sched_yield();
	until_asleep(tid);
}

void waiting_settle(struct waiting *waiting)
{
	/* SIGUSR1 is the tenth. */
	while (status_has(waiting->tid, "SigPnd:", "200\n"))
		sched_yield();
	until_asleep(waiting->tid);
}

void waiting_finish(struct waiting *waiting)
{
	pthread_join(waiting->thread, NULL);
}

unsigned int waiting_threads(void)
{
	struct stat task;

	assert_ok(stat("/proc/self/task", &task));
	return (unsigned int)task.st_nlink - 2;
}
