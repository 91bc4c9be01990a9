/* SPDX-License-Identifier: MIT */
#include "file.h"
#include <string.h>
#include <sys/socket.h>

FILE *file_on(int *fd, const char *mode)
{
	FILE *f = fdopen(*fd, mode);

	assert_non_null(f);
	*fd = -1;
	return f;
}

void file_note_line(struct trace *t, FILE *f)
{
	char line[64] = "";

	NAMED(t, "fgets", fgets(line, sizeof(line), f) ? 0 : -1);
	trace_bytes(t, line, (long)strlen(line));
}

void file_note_arrived(struct trace *t, int fd, size_t n)
{
	static char buf[32768];

	if (n)
		CALL(t, recv(fd, buf, n, MSG_WAITALL));
	trace_bytes(t, buf, n > 64 ? 64 : (long)n);
	CALL(t, recv(fd, buf, 1, MSG_DONTWAIT));
}
