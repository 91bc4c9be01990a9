/* SPDX-License-Identifier: MIT */
#include "wide.h"

#include "libc.h"
#include "signals.h"

#include <errno.h>
#include <iconv.h>
#include <langinfo.h>
#include <limits.h>
#include <stdio_ext.h>
#include <string.h>

const char wide_mark;

struct wide wide_reopened = {.pointers = {[10] = &wide_mark}};

void wide_install(FILE *f, struct wide *w)
{
	*w = (struct wide){.pointers = {[10] = &wide_mark}};
	f->_wide_data = (struct _IO_wide_data *)w;
	f->_mode = 0;
}

/* As glibc leaves a stream of bytes. */
void wide_remove(FILE *f)
{
	f->_wide_data = (struct _IO_wide_data *)-1;
	f->_mode = -1;
}

void wide_reorient(FILE *f, int mode)
{
	((struct wide *)f->_wide_data)->oriented = mode > 0;
	f->_mode = mode < 0 ? -1 : 0;
}

/* What is written and read here makes glibc take it for a stream of bytes. */
int wide_orient(FILE *f, int mode)
{
	struct wide *w = (struct wide *)f->_wide_data;

	if (!w->oriented && f->_mode == 0)
		wide_reorient(f, mode);
	return w->oriented ? 1 : f->_mode;
}

static void push_back(FILE *f, const char *bytes, size_t n)
{
	while (n > 0)
		ungetc((unsigned char)bytes[--n], f);
}

wint_t wide_getc(FILE *f)
{
	char bytes[MB_LEN_MAX];
	mbstate_t state = {0};
	size_t r = (size_t)-2;
	wchar_t c = 0;

	if (wide_orient(f, 1) < 0)
		return WEOF;
	for (size_t n = 0; r == (size_t)-2 && n < sizeof(bytes); n++) {
		int byte = getc_unlocked(f);

		if (byte == EOF) {
			if (ferror_unlocked(f))
				push_back(f, bytes, n);
			return WEOF;
		}
		bytes[n] = (char)byte;
		r = mbrtowc(&c, &bytes[n], 1, &state);
		if (r == (size_t)-1) {
			push_back(f, bytes, n + 1);
			f->_flags |= _IO_ERR_SEEN;
			return WEOF;
		}
	}
	return (wint_t)c;
}

/* What the locale has no character for, as glibc's streams put it. Returns how much it is. */
static size_t transliterate(wchar_t c, char *bytes, size_t room)
{
	char code[64], *from = (char *)&c, *to = bytes;
	size_t from_n = sizeof(c), to_n = room;
	iconv_t how;

	snprintf(code, sizeof(code), "%s//TRANSLIT", nl_langinfo(CODESET));
	how = iconv_open(code, "WCHAR_T");
	if (how != (iconv_t)-1) {
		iconv(how, &from, &from_n, &to, &to_n);
		iconv_close(how);
	}
	if (to == bytes)
		*to++ = '?';
	return (size_t)(to - bytes);
}

size_t wide_encode(wchar_t c, char bytes[MB_LEN_MAX])
{
	mbstate_t state = {0};
	int saved = errno;
	size_t n = wcrtomb(bytes, c, &state);

	if (n == (size_t)-1)
		n = transliterate(c, bytes, MB_LEN_MAX);
	errno = saved;
	return n;
}

size_t wide_write(const wchar_t *text, size_t n, FILE *f)
{
	char bytes[512];
	size_t done = 0, end;

	if (wide_orient(f, 1) < 0)
		return 0;
	while (done < n) {
		size_t from = done;

		for (end = 0; done < n && end + MB_LEN_MAX <= sizeof(bytes); done++)
			end += wide_encode(text[done], bytes + end);
		if (fwrite_unlocked(bytes, 1, end, f) < end)
			return from;
	}
	return n;
}

wint_t wide_putc(wchar_t c, FILE *f)
{
	return wide_write(&c, 1, f) == 1 ? (wint_t)c : WEOF;
}

int wide_puts(const wchar_t *text, FILE *f)
{
	size_t n = wcslen(text);

	return wide_orient(f, 1) > 0 && wide_write(text, n, f) == n ? 1 : -1;
}

/* An error of before does not count, nor that there is nothing more now. */
wchar_t *wide_gets(wchar_t *text, int n, FILE *f)
{
	int before = f->_flags & _IO_ERR_SEEN, at = 0;
	wint_t c = 0;
	bool failed;

	if (n <= 0)
		return NULL;
	f->_flags &= ~_IO_ERR_SEEN;
	while (at < n - 1 && c != L'\n') {
		c = wide_getc(f);
		if (c == WEOF)
			break;
		text[at++] = (wchar_t)c;
	}
	failed = n > 1 && (at == 0 || (ferror_unlocked(f) && errno != EAGAIN));
	f->_flags |= before;
	if (failed)
		return NULL;
	text[at] = L'\0';
	return text;
}

static void unlock(void *f)
{
	funlockfile(f);
}

#define LOCKED(f, call)                                                                            \
	({                                                                                         \
		__typeof__(call) locked_result;                                                    \
		flockfile(f);                                                                      \
		CLEANUP_PUSH(unlock, f);                                                           \
		locked_result = (call);                                                            \
		CLEANUP_POP(1);                                                                    \
		locked_result;                                                                     \
	})

static wint_t unget(wint_t c, FILE *f)
{
	char bytes[MB_LEN_MAX];

	if (c == WEOF)
		return WEOF;
	wide_orient(f, 1);
	push_back(f, bytes, wide_encode((wchar_t)c, bytes));
	return c;
}

wint_t wide_ungetc_locked(wint_t c, FILE *f)
{
	return LOCKED(f, unget(c, f));
}

wint_t wide_getc_locked(FILE *f)
{
	return LOCKED(f, wide_getc(f));
}

wint_t wide_putc_locked(wchar_t c, FILE *f)
{
	return LOCKED(f, wide_putc(c, f));
}

wchar_t *wide_gets_locked(wchar_t *text, int n, FILE *f)
{
	return LOCKED(f, wide_gets(text, n, f));
}

int wide_puts_locked(const wchar_t *text, FILE *f)
{
	return LOCKED(f, wide_puts(text, f));
}
