/* SPDX-License-Identifier: MIT */
/* Wide characters on streams of a TLS socket. */
#include "alone.h"
#include "file.h"
#include "proc.h"
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

wchar_t *__fgetws_chk(wchar_t *text, size_t size, int n, FILE *f);
wchar_t *__fgetws_unlocked_chk(wchar_t *text, size_t size, int n, FILE *f);
int __fwprintf_chk(FILE *f, int flag, const wchar_t *format, ...);
int __isoc99_fwscanf(FILE *f, const wchar_t *format, ...);

static void sends(struct link *l, const char *text)
{
	assert_ok(send(l->server, text, strlen(text), 0));
}

static void written(struct link *l, struct trace *t)
{
	FILE *f = file_on(&l->client, "w");

	file_note_state(t, f);
	CALL(t, fputwc(0xe9, f));
	file_note_state(t, f);
	CALL(t, putwc('b', f));
	CALL(t, fputwc_unlocked(0x20ac, f));
	CALL(t, putwc_unlocked('d', f));
	file_note_arrived(t, l->server, 0);
	CALL(t, fflush(f));
	file_note_arrived(t, l->server, 7);
	CALL(t, fputws(L"w\xf6rter \U0001d11e\n", f));
	CALL(t, fputws_unlocked(L"", f));
	CALL(t, fputws_unlocked(L"unlocked", f));
	CALL(t, fflush(f));
	file_note_arrived(t, l->server, 21);
	CALL(t, fwprintf(f, L"%ls \xe4 %s %d %c %.1f\n", L"\xfc", "\xc3\xb6", 12, 'c', 2.5));
	CALL(t, __fwprintf_chk(f, 1, L"%5lc|", (wint_t)0xdf));
	CALL(t, fwprintf(f, L"%s", "half \xff"));
	CALL(t, fwprintf(f, L""));
	for (int i = 0; i < 3000; i++)
		fputwc(L'\xe0' + i % 20, f);
	CALL(t, fclose(f));
	file_note_arrived(t, l->server, 6032);
}

static void put_when(struct link *l, struct trace *t)
{
	FILE *f = file_on(&l->client, "w");

	CALL(t, setvbuf(f, NULL, _IOLBF, 0));
	CALL(t, fputws(L"line\nand", f));
	CALL(t, fputwc('\n', f));
	file_note_arrived(t, l->server, 9);
	CALL(t, setvbuf(f, NULL, _IONBF, 0));
	CALL(t, fputwc(0xe9, f));
	file_note_arrived(t, l->server, 2);
	CALL(t, fwprintf(f, L"%d\xe9", 1));
	file_note_arrived(t, l->server, 3);
	CALL(t, fputws(L"at once", f));
	file_note_arrived(t, l->server, 7);
	CALL(t, fclose(f));
}

static void read_back(struct link *l, struct trace *t)
{
	wchar_t text[64];
	FILE *f = file_on(&l->client, "r");

	sends(l, "h\xc3\xa9llo\nsecond \xe2\x82\xac line\nxyz\xf0\x9d\x84\x9e");
	file_note_wide_line(t, f, 64);
	file_note_wide_line(t, f, 5);
	file_note_wide_line(t, f, 1);
	file_note_wide_line(t, f, 0);
	file_note_wide(t, "chk", text, __fgetws_chk(text, 64, 4, f) != NULL);
	file_note_wide(t, "unlocked", text, fgetws_unlocked(text, 3, f) != NULL);
	CALL(t, fgetwc(f));
	CALL(t, ungetwc(L'\xe9', f));
	CALL(t, ungetwc(L'\u20ac', f));
	CALL(t, ungetwc(WEOF, f));
	file_note_wide(t, "chk unlocked", text, __fgetws_unlocked_chk(text, 64, 64, f) != NULL);
	CALL(t, getwc(f));
	CALL(t, getwc_unlocked(f));
	CALL(t, fgetwc_unlocked(f));
	CALL(t, fgetwc(f));
	assert_ok(shutdown(l->server, SHUT_WR));
	CALL(t, fgetwc(f));
	file_note_state(t, f);
	CALL(t, ungetwc('u', f));
	file_note_state(t, f);
	file_note_wide_line(t, f, 64);
	file_note_wide_line(t, f, 64);
	CALL(t, fputwc('w', f));
	file_note_state(t, f);
	CALL(t, fclose(f));
}

static void not_text(struct link *l, struct trace *t)
{
	FILE *f = file_on(&l->client, "r");

	sends(l, "ok\nab\xff"
		 "c");
	file_note_wide_line(t, f, 64);
	file_note_wide_line(t, f, 64);
	CALL(t, fgetwc(f));
	file_note_state(t, f);
	clearerr(f);
	CALL(t, fgetwc(f));
	file_note_state(t, f);
	CALL(t, fclose(f));
}

static void cut_off(struct link *l, struct trace *t)
{
	FILE *f = file_on(&l->client, "r");

	sends(l, "a\xe2\x82");
	assert_ok(shutdown(l->server, SHUT_WR));
	CALL(t, fgetwc(f));
	CALL(t, fgetwc(f));
	file_note_state(t, f);
	CALL(t, fclose(f));
}

/* What the locale has no character for. */
static void not_in_locale(struct link *l, struct trace *t)
{
	FILE *f = file_on(&l->client, "w");

	CALL(t, fputws(L"a\xd800z", f));
	CALL(t, fclose(f));
	file_note_arrived(t, l->server, 3);
	assert_non_null(setlocale(LC_CTYPE, "C"));
	f = file_on(&l->server, "w");
	CALL(t, fputws(L"\xe9 \u20ac \xdf \u4e00", f));
	CALL(t, fclose(f));
}

static void in_plain_locale(struct link *l, struct trace *t)
{
	FILE *f;

	assert_non_null(setlocale(LC_CTYPE, "C"));
	f = file_on(&l->client, "r+");
	CALL(t, fputws(L"\xe9 \u20ac \xdf \u4e00", f));
	CALL(t, fflush(f));
	file_note_arrived(t, l->server, 10);
	sends(l, "a\n\xe9");
	file_note_wide_line(t, f, 64);
	CALL(t, fgetwc(f));
	file_note_state(t, f);
	CALL(t, fclose(f));
}

static void oriented(struct link *l, struct trace *t)
{
	FILE *f = file_on(&l->client, "w"), *g = file_on(&l->server, "w");

	CALL(t, fwide(f, 0));
	CALL(t, fwide(f, 1));
	CALL(t, fwide(f, -1));
	CALL(t, fwide(g, -1));
	CALL(t, fwide(g, 1));
	CALL(t, fputwc('x', g));
	CALL(t, fputws(L"x", g));
	CALL(t, fwprintf(g, L"x"));
	CALL(t, fgetwc(g));
	CALL(t, fwscanf(g, L"%d", &(int){0}));
	file_note_wide_line(t, g, 64);
	CALL(t, fputs("bytes", g));
	CALL(t, fclose(g));
	CALL(t, fclose(f));
}

static void used_as_bytes(struct link *l, struct trace *t)
{
	FILE *f = file_on(&l->client, "r+");

	CALL(t, fprintf(f, "bytes"));
	file_note_state(t, f);
	CALL(t, fputwc('x', f));
	CALL(t, fflush(f));
	file_note_arrived(t, l->server, 5);
	sends(l, "in");
	CALL(t, fgetc(f));
	CALL(t, fgetwc(f));
	CALL(t, fgetc(f));
	CALL(t, fclose(f));
}

static void scanned(struct link *l, struct trace *t)
{
	wchar_t word[64] = L"", set[64] = L"", c = 0;
	char bytes[64] = "";
	wchar_t *grown = NULL;
	double d = 0;
	int n = 0, m = 0;
	FILE *f = file_on(&l->client, "r");

	sends(l, "12 w\xc3\xb6rter 0x1fz|2.5e1,abc\xc3\xa9"
		 "def;q");
	CALL(t, fwscanf(f, L"%d %ls", &n, word));
	file_note_wide(t, "word", word, true);
	CALL(t, fgetwc(f));
	CALL(t, __isoc99_fwscanf(f, L"%i%lc|%lf,%n", &m, &c, &d, &n));
	trace_note(t, "%d %x %f %d\n", m, (unsigned int)c, d, n);
	CALL(t, fwscanf(f, L"%3s%l[^;]", bytes, set));
	trace_note(t, "%s\n", bytes);
	file_note_wide(t, "set", set, true);
	CALL(t, fwscanf(f, L"%d", &n));
	CALL(t, fgetwc(f));
	CALL(t, fwscanf(f, L""));
	CALL(t, fwscanf(f, L"%d", &n));
	CALL(t, fgetwc(f));
	file_note_state(t, f);
	sends(l, "text %]%d%x 31 32 ");
	CALL(t, fwscanf(f, L"%mls %l[]%d]x", &grown, set));
	file_note_wide(t, "grown", grown, grown);
	file_note_wide(t, "set", set, true);
	free(grown);
	CALL(t, fwscanf(f, L"%2$d%1$d", &n, &m));
	trace_note(t, "%d %d\n", n, m);
	file_note_wide_line(t, f, 2);
	sends(l, "7 8");
	assert_ok(shutdown(l->server, SHUT_WR));
	CALL(t, fwscanf(f, L"%d%d%d", &n, &m, &n));
	trace_note(t, "%d %d\n", n, m);
	file_note_state(t, f);
	CALL(t, fwscanf(f, L"%d", &n));
	file_note_state(t, f);
	CALL(t, fclose(f));
}

/* Nothing is waited for that is not needed. */
static void scanned_as_it_comes(struct link *l, struct trace *t)
{
	struct pollfd readable = {.fd = l->client, .events = POLLIN};
	wchar_t word[64] = L"";
	FILE *f;
	int n = 0;

	assert_ok(fcntl(l->client, F_SETFL, O_NONBLOCK));
	f = file_on(&l->client, "r");
	sends(l, "5 \xc3\xa9t\xc3\xa9 ");
	assert_int_equal(poll(&readable, 1, TEST_DEADLINE_MS), 1);
	CALL(t, fwscanf(f, L"%d%ls", &n, word));
	file_note_wide(t, "word", word, true);
	CALL(t, fgetwc(f));
	CALL(t, fgetwc(f));
	file_note_state(t, f);
	CALL(t, fwscanf(f, L"%d", &n));
	file_note_state(t, f);
	CALL(t, fclose(f));
}

/* X(title, function) */
#define CASES(X)                                                                                   \
	X("what is written", written)                                                              \
	X("when it is written", put_when)                                                          \
	X("what is read", read_back)                                                               \
	X("what is no character", not_text)                                                        \
	X("a character that is cut off", cut_off)                                                  \
	X("what the locale lacks", not_in_locale)                                                  \
	X("the locale C", in_plain_locale)                                                         \
	X("fwide", oriented)                                                                       \
	X("a stream that was used for bytes", used_as_bytes)                                       \
	X("fwscanf", scanned)                                                                      \
	X("fwscanf, of what comes in pieces", scanned_as_it_comes)

CASES(ALONE_CASE)

static const struct compare_case cases[] = {CASES(ALONE_ROW)};

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	if (!setlocale(LC_ALL, "C.UTF-8"))
		return 1;
	return compare_main("stdiowide", cases, COUNT(cases), NULL, 0);
}
