/* SPDX-License-Identifier: MIT */
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void find_processor(char *name, size_t size)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256];

	snprintf(name, size, "unknown processor");
	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		const char *value = strstr(line, ": ");

		if (value && strncmp(line, "model name", strlen("model name")) == 0) {
			line[strcspn(line, "\n")] = '\0';
			snprintf(name, size, "%.*s", (int)size - 1, value + 2);
			break;
		}
	}
	fclose(file);
}

static void find_congestion(char *name, size_t size)
{
	FILE *file = fopen("/proc/sys/net/ipv4/tcp_congestion_control", "re");

	if (!file || !fgets(name, (int)size, file))
		snprintf(name, size, "unknown");
	name[strcspn(name, "\n")] = '\0';
	if (file)
		fclose(file);
}

void machine_describe(struct machine *machine)
{
	uname(&machine->system);
	machine->processors = sysconf(_SC_NPROCESSORS_ONLN);
	if (getloadavg(&machine->load, 1) != 1)
		machine->load = -1;
	find_processor(machine->processor, sizeof(machine->processor));
	find_congestion(machine->congestion, sizeof(machine->congestion));
}
