/* SPDX-License-Identifier: MIT */
/* Wide characters on streams whose number becomes a TLS socket's, or ceases to be one. */
#include "alone.h"
#include "file.h"
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wchar.h>

int __wprintf_chk(int flag, const wchar_t *format, ...);
int __vfwprintf_chk(FILE *f, int flag, const wchar_t *format, va_list ap);
int __vwprintf_chk(int flag, const wchar_t *format, va_list ap);
int __isoc99_wscanf(const wchar_t *format, ...);
int __isoc99_vfwscanf(FILE *f, const wchar_t *format, va_list ap);
int __isoc99_vwscanf(const wchar_t *format, va_list ap);

static int list(int how, FILE *f, const wchar_t *format, ...)
{
	va_list ap;
	int r;

	va_start(ap, format);
	switch (how) {
	case 0:
		r = vfwprintf(f, format, ap);
		break;
	case 1:
		r = vwprintf(format, ap);
		break;
	case 2:
		r = __vfwprintf_chk(f, 1, format, ap);
		break;
	case 3:
		r = __vwprintf_chk(1, format, ap);
		break;
	case 4:
		r = vfwscanf(f, format, ap);
		break;
	case 5:
		r = vwscanf(format, ap);
		break;
	case 6:
		r = __isoc99_vfwscanf(f, format, ap);
		break;
	default:
		r = __isoc99_vwscanf(format, ap);
	}
	va_end(ap);
	return r;
}

static void standard(struct link *l, struct trace *t)
{
	int n = 0;

	CALL(t, fflush(stdout));
	CALL(t, freopen("/dev/null", "we", stdout) == stdout);
	CALL(t, dup2(l->client, 1));
	CALL(t, freopen("/dev/null", "re", stdin) == stdin);
	CALL(t, dup2(l->server, 0));
	CALL(t, wprintf(L"%d\xe9 ", 1));
	CALL(t, __wprintf_chk(1, L"%d ", 2));
	for (int how = 0; how < 4; how++)
		CALL(t, list(how, stdout, L"%d ", 3 + how));
	CALL(t, putwchar(L'7'));
	CALL(t, putwchar_unlocked(L' '));
	CALL(t, fputws(L"8 9 10 11 12 13 ", stdout));
	file_note_state(t, stdout);
	CALL(t, fflush(stdout));
	CALL(t, wscanf(L"%d", &n));
	CALL(t, getwchar());
	CALL(t, getwchar_unlocked());
	CALL(t, __isoc99_wscanf(L"%d", &n));
	for (int how = 4; how < 8; how++) {
		CALL(t, list(how, stdin, L"%d", &n));
		trace_note(t, "%d\n", n);
	}
	file_note_state(t, stdin);
}

static int memory; /* a file, and its name */
static char path[64];

/* A shell's echo, of a program whose standard output is wide from the start. */
static void goes_and_comes(struct link *l, struct trace *t)
{
	int file = memfd_create("plain", MFD_CLOEXEC);
	char text[128];

	CALL(t, fflush(stdout));
	CALL(t, freopen("/dev/null", "we", stdout) == stdout);
	CALL(t, dup2(file, 1));
	for (int i = 0; i < 3; i++) {
		CALL(t, dup2(l->client, 1));
		CALL(t, wprintf(L"over\xe9 %d\n", i));
		CALL(t, fflush(stdout));
		file_note_arrived(t, l->server, 9);
		file_note_state(t, stdout);
		CALL(t, wprintf(L"waits "));
		CALL(t, dup2(file, 1));
		CALL(t, wprintf(L"plain\xe9 %d\n", i));
		CALL(t, fflush(stdout));
		file_note_state(t, stdout);
	}
	CALL(t, putwchar('!'));
	NAMED(t, "freopen", freopen(path, "w", stdout) == stdout ? 0 : -1);
	file_note_state(t, stdout);
	CALL(t, printf("bytes again\n"));
	CALL(t, fflush(stdout));
	CALL(t, fileno(stdout));
	CALL(t, fclose(stdout));
	trace_bytes(t, text, pread(file, text, sizeof(text), 0));
	trace_bytes(t, text, pread(memory, text, sizeof(text), 0));
	file_note_arrived(t, l->server, 0);
}

/* Both were wide before the socket came, and held something. */
static void wide_before(struct link *l, struct trace *t)
{
	int file = memfd_create("plain", MFD_CLOEXEC);

	assert_ok(write(file, "one\xc3\xa9\ntwo\xe2\x82\xac\nthree\n", 19));
	assert_ok(lseek(file, 0, SEEK_SET));
	CALL(t, fflush(stdout));
	CALL(t, freopen("/dev/null", "we", stdout) == stdout);
	CALL(t, freopen("/dev/null", "re", stdin) == stdin);
	CALL(t, dup2(file, 0));
	CALL(t, wprintf(L"to the file\n"));
	CALL(t, fflush(stdout));
	CALL(t, wprintf(L"waits\xe9 "));
	file_note_wide_line(t, stdin, 64);
	CALL(t, ungetwc(0x20ac, stdin));
	CALL(t, dup2(l->client, 1));
	CALL(t, dup2(l->server, 0));
	file_note_arrived(t, l->server, 0);
	CALL(t, wprintf(L"over\n"));
	file_note_state(t, stdout);
	CALL(t, fflush(stdout));
	for (int i = 0; i < 3; i++)
		file_note_wide_line(t, stdin, 64);
}

static void reopened(struct link *l, struct trace *t)
{
	FILE *f = file_on(&l->client, "w");

	CALL(t, fputws(L"before\xe9", f));
	NAMED(t, "freopen", freopen(path, "w+", f) == f ? 0 : -1);
	file_note_arrived(t, l->server, 8);
	CALL(t, fputws(L"in the file\xe9\n", f));
	rewind(f);
	file_note_wide_line(t, f, 64);
	CALL(t, fclose(f));
}

/* X(title, function) */
#define CASES(X)                                                                                   \
	X("standard input and output", standard)                                                   \
	X("standard output comes and goes", goes_and_comes)                                        \
	X("wide before the socket came", wide_before)                                              \
	X("freopen", reopened)

CASES(ALONE_CASE)

static const struct compare_case cases[] = {CASES(ALONE_ROW)};

int main(void)
{
	memory = memfd_create("plain", MFD_CLOEXEC);
	signal(SIGPIPE, SIG_IGN);
	if (!setlocale(LC_ALL, "C.UTF-8"))
		return 1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
	return compare_main("stdiowidenumbers", cases, COUNT(cases), NULL, 0);
}
