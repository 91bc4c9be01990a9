/* SPDX-License-Identifier: MIT */
#include "common.h"
#include "measure.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { MAX_PROCESSES = 8 };

static pid_t added[MAX_PROCESSES];
static int added_count;

double cpu_of_process(pid_t process)
{
	struct timespec used;
	clockid_t clock;

	if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &used) < 0)
		die("no CPU clock of process %ld", (long)process);
	return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

void cpu_add_processes(const char *list)
{
	char *copy = copy_text(list), *rest = copy, *word;

	while ((word = strsep(&rest, ","))) {
		if (added_count == MAX_PROCESSES)
			die("at most %d proxies", MAX_PROCESSES);
		added[added_count++] = (pid_t)parse_number("a proxy", word);
	}
	free(copy);
}

double cpu_seconds(void)
{
	struct rusage usage;
	double sum;

	getrusage(RUSAGE_SELF, &usage);
	sum = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	      (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	for (int i = 0; i < added_count; i++)
		sum += cpu_of_process(added[i]);
	return sum;
}
