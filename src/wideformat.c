/* SPDX-License-Identifier: MIT */
/* printf and scanf for wide characters: libc's own, on streams over memory. */
#include "wide.h"

#include "libc.h"
#include "signals.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct text {
	FILE *f; /* whose lock is held */
	wchar_t *wide;
	char *bytes;
	size_t n, room;
};

static void drop(void *text)
{
	struct text *t = text;

	free(t->wide); /* which keeps errno, as does the rest */
	free(t->bytes);
	funlockfile(t->f);
}

static int print(struct text *t, int flag, const wchar_t *format, va_list ap)
{
	FILE *memory = wide_orient(t->f, 1) < 0 ? NULL : open_wmemstream(&t->wide, &t->n);
	int r, error;

	if (!memory)
		return -1;
	r = flag < 0 ? libc.vfwprintf(memory, format, ap)
		     : libc.__vfwprintf_chk(memory, flag, format, ap);
	error = errno;
	if (libc.fclose(memory) != 0)
		return -1;
	errno = error;
	return wide_write(t->wide, t->n, t->f) == t->n ? r : -1;
}

int wide_vprintf(FILE *f, int flag, const wchar_t *format, va_list ap)
{
	struct text t = {.f = f};
	int r;

	flockfile(f);
	CLEANUP_PUSH(drop, &t);
	r = print(&t, flag, format, ap);
	CLEANUP_POP(1);
	return r;
}

typedef int scanner(FILE *f, const wchar_t *format, va_list ap);

/* Returns a stream that reads what has come so far, or NULL. */
static FILE *over(const struct text *t)
{
	int fd = libc.memfd_create("scanf", MFD_CLOEXEC);
	FILE *f = NULL;

	if (fd >= 0 && (t->n == 0 || pwrite(fd, t->bytes, t->n, 0) == (ssize_t)t->n))
		f = libc.fdopen(fd, "r");
	if (fd >= 0 && !f)
		libc.close(fd);
	return f;
}

struct trial {
	int result;
	size_t used;
	bool wants_more;
};

static int try(const struct text *t, scanner *scan, const wchar_t *format, va_list ap,
	       struct trial *trial)
{
	FILE *f = over(t);
	va_list again;
	off_t used;

	if (!f)
		return -1;
	va_copy(again, ap);
	trial->result = scan(f, format, again);
	va_end(again);
	trial->wants_more = feof_unlocked(f);
	used = ftello(f);
	trial->used = used < 0 || (size_t)used > t->n ? t->n : (size_t)used;
	libc.fclose(f);
	return 0;
}

/* Whether the next character is there as a whole. */
static bool is_buffered(const FILE *f)
{
	return f->_IO_read_ptr < f->_IO_read_end &&
	       ((unsigned char)*f->_IO_read_ptr < 0x80 ||
		f->_IO_read_end - f->_IO_read_ptr >= (ptrdiff_t)MB_CUR_MAX);
}

/* One character, for which it waits, and those behind it for which it need not. */
static bool read_more(struct text *t)
{
	mbstate_t state = {0};

	do {
		wint_t c;

		if (t->room - t->n < MB_LEN_MAX) {
			char *bytes = realloc(t->bytes, 2 * t->room + 1024);

			if (!bytes)
				return false;
			t->bytes = bytes;
			t->room = 2 * t->room + 1024;
		}
		c = wide_getc(t->f);
		if (c == WEOF)
			return false;
		t->n += wcrtomb(t->bytes + t->n, (wchar_t)c, &state);
	} while (is_buffered(t->f));
	return true;
}

/* How long a conversion is behind its %. */
static size_t conversion(const wchar_t *format)
{
	size_t n = wcsspn(format, L"*0123456789'ImhlLqjzt");

	if (format[n] != L'[')
		return n;
	n += format[n + 1] == L'^' ? 2 : 1;
	n += format[n] == L']';
	return n + wcscspn(format + n, L"]");
}

/* How long the number of an argument is there, with its $. */
static size_t position(const wchar_t *format)
{
	size_t n = wcsspn(format, L"0123456789");

	return format[n] == L'$' ? n + 1 : 0;
}

/* The same format without any assignment, allocated. */
static wchar_t *without_assignments(const wchar_t *format)
{
	wchar_t *start = malloc((2 * wcslen(format) + 1) * sizeof(*start)), *to = start;

	while (to && *format) {
		size_t n = 1;

		*to++ = *format;
		if (*format++ != L'%')
			continue;
		if (*format != L'%') {
			format += position(format);
			if (*format != L'*')
				*to++ = L'*';
			n = conversion(format);
		}
		wmemcpy(to, format, n);
		to += n;
		format += n;
	}
	if (to)
		*to = L'\0';
	return start;
}

/*
 * What is found up to some character does not depend on those behind it, unless the end
 * is looked at: so it is tried with more and more, and nothing is assigned before the
 * last time.
 */
static int scan_text(struct text *t, scanner *scan, const wchar_t *format, va_list ap)
{
	struct trial trial;
	int saved = errno, error = saved;
	bool more = wide_orient(t->f, 1) > 0;

	if (more)
		t->wide = without_assignments(format);
	if (!t->wide)
		return -1;
	while (more) {
		if (SIGNALS_HELD(try(t, scan, t->wide, ap, &trial)) < 0)
			return -1;
		more = trial.wants_more && read_more(t);
		error = more || !trial.wants_more ? saved : errno;
	}
	if (SIGNALS_HELD(try(t, scan, format, ap, &trial)) < 0)
		return -1;
	for (size_t i = t->n; i > trial.used; i--)
		ungetc((unsigned char)t->bytes[i - 1], t->f);
	errno = trial.result < 0 ? error : saved;
	return trial.result;
}

int wide_vscanf(FILE *f, scanner *scan, const wchar_t *format, va_list ap)
{
	struct text t = {.f = f};
	int r;

	flockfile(f);
	CLEANUP_PUSH(drop, &t);
	r = scan_text(&t, scan, format, ap);
	CLEANUP_POP(1);
	return r;
}
