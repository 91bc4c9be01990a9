/* SPDX-License-Identifier: MIT */
#include "file.h"
#include <string.h>
#include <sys/socket.h>
#include <wchar.h>

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

void file_note_state(struct trace *t, FILE *f)
{
	trace_note(t, "eof %d error %d orientation %d\n", feof(f) != 0, ferror(f) != 0,
		   fwide(f, 0));
}

void file_note_wide(struct trace *t, const char *what, const wchar_t *text, bool found)
{
	trace_note(t, "%s: %d", what, found);
	for (; found && *text; text++)
		trace_note(t, " %x", (unsigned int)*text);
	trace_note(t, "\n");
}

void file_note_wide_line(struct trace *t, FILE *f, int n)
{
	wchar_t text[64] = L"";

	file_note_wide(t, "fgetws", text, fgetws(text, n, f) != NULL);
	file_note_state(t, f);
}
