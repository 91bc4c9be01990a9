/* SPDX-License-Identifier: MIT */
/* What libc's streams hold, or write to a number, never goes out in the clear. */
#include "child.h"
#include "deeds.h"
#include "trace.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>
#include <wchar.h>

static void by_stdio(int fd)
{
	int copy = dup(fd);
	FILE *file = fdopen(copy, "w");

	if (!file) {
		close(copy);
		return;
	}
	fprintf(file, CANARY "\n");
	fclose(file);
}

static void write_canary(FILE *file)
{
	fprintf(file, CANARY "\n");
	fflush(file);
}

/*
 * A stream that was there before the number was ours; it is that of /dev/null. The relay,
 * which runs beside the test, is not given such a number when it is closed.
 */
static FILE *older_stream(int *number)
{
	int low = (int)assert_ok(open("/dev/null", O_WRONLY | O_CLOEXEC));
	FILE *file = fdopen(*number = (int)assert_ok(fcntl(low, F_DUPFD_CLOEXEC, 100)), "w");

	assert_non_null(file);
	assert_ok(close(low));
	return file;
}

static void by_older_stream(int fd)
{
	int number;
	FILE *file = older_stream(&number);

	fprintf(file, CANARY);
	assert_ok(dup2(fd, number));
	write_canary(file);
	fclose(file);
	assert_fails(fcntl(number, F_GETFD), EBADF);
}

/* The number was closed under the stream. */
static void by_stale_stream(int fd)
{
	int number;
	FILE *file = older_stream(&number);

	close(number);
	assert_ok(fcntl(fd, F_DUPFD, number));
	write_canary(file);
	fclose(file);
}

/* C++'s cout has stdout's first value. */
static int print_to_kept(void *arg)
{
	FILE *kept = stdout;

	dup2(*(int *)arg, 1);
	write_canary(kept);
	return 0;
}

static int print_wide(void *arg)
{
	/* It has no orientation any more then. */
	assert_ok(freopen("/dev/null", "we", stdout) ? 0 : -1);
	fwide(stdout, 1);
	dup2(*(int *)arg, 1);
	wprintf(L"" CANARY "\n");
	fflush(stdout);
	return 0;
}

static void by_kept_stdout(int fd)
{
	child_finish(child_start(print_to_kept, &fd));
}

static void by_wide_stdout(int fd)
{
	child_finish(child_start(print_wide, &fd));
}

static const struct deed deeds[] = {
	{"fdopen", by_stdio},
	{"an older stream of the number", by_older_stream},
	{"a stale stream of the number", by_stale_stream},
	{"stdout, kept", by_kept_stdout},
	{"stdout, wide", by_wide_stdout},
};

int main(void)
{
	return deeds_main("stdiowire", deeds, COUNT(deeds), NULL, 0);
}
