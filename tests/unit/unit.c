/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <tlssock.h>
#include <unistd.h>

static size_t descriptors_before;

static size_t count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

int unit_setup(void **state)
{
	(void)state;
	descriptors_before = count_descriptors();
	return 0;
}

bool unit_descriptors_left(void)
{
	return count_descriptors() > descriptors_before;
}

int unit_teardown(void **state)
{
	size_t now = count_descriptors();

	(void)state;
	if (now == descriptors_before)
		return 0;
	print_message("# %zu descriptors, before the case %zu\n", now, descriptors_before);
	return -1;
}

size_t read_file(const char *path, char *bytes, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, bytes, size);
	close(fd);
	assert_true(n > 0 && (size_t)n < size);
	return (size_t)n;
}

struct CMUnitTest versioned_case(int version, const char *title, CMUnitTestFunction run,
				 const void *row)
{
	static struct versioned cases[128];
	static size_t used;
	struct versioned *v = &cases[used++];

	assert_true(used <= COUNT(cases));
	*v = (struct versioned){.version = version, .row = row};
	snprintf(v->title, sizeof(v->title), "TLS 1.%d: %s", version, title);
	return (struct CMUnitTest){v->title, run, unit_setup, unit_teardown, v};
}
