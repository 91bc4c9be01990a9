/* SPDX-License-Identifier: MIT */
#include "calls.h"

#include "common.h"
#include "process.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct process counter;
static char table[] = "/tmp/bench-calls-XXXXXX";

static bool attached(void)
{
	char line[256];

	while (fgets(line, sizeof(line), counter.output))
		if (strstr(line, " attached"))
			return true;
	return false;
}

bool calls_begin(pid_t process)
{
	char command[256];
	const char *const argv[] = {"sh", "-c", command, NULL};
	int fd;

	strcpy(table + sizeof(table) - sizeof("XXXXXX"), "XXXXXX");
	fd = mkstemp(table);
	if (fd < 0)
		die_errno(table);
	close(fd);
	/* It says on stderr when it has begun. */
	snprintf(command, sizeof(command), "exec strace -c -f -U calls,name -o %s -p %ld 2>&1",
		 table, (long)process);
	process_start(&counter, argv, NULL);
	if (attached())
		return true;
	fprintf(stderr, "system calls are not counted: strace cannot\n");
	process_finish(&counter);
	unlink(table);
	return false;
}

unsigned long calls_end(void)
{
	unsigned long calls = 0, n;
	char line[256], name[64];
	FILE *file;

	kill(counter.pid, SIGINT);
	/* It writes its table and goes. */
	while (fgets(line, sizeof(line), counter.output))
		;
	process_reap(&counter);
	file = fopen(table, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%lu %63s", &n, name) == 2 && strcmp(name, "total") == 0)
			calls = n;
	if (file)
		fclose(file);
	unlink(table);
	return calls;
}
