/* SPDX-License-Identifier: MIT */
/*
 * The names of <wchar.h> for streams. A stream that is not ours pays for a look at what
 * glibc has in it for wide characters; that a process has no TLS socket says nothing,
 * since a stream outlives its number.
 */
#include "interpose.h"

#include "libc.h"
#include "wide.h"

#include <stdarg.h>
#include <stdio.h>
#include <wchar.h>

EXPORT wint_t fgetwc(FILE *f)
{
	return wide_of(f) ? wide_getc_locked(f) : libc.fgetwc(f);
}

ALIAS(getwc, fgetwc);

EXPORT wint_t fgetwc_unlocked(FILE *f)
{
	return wide_of(f) ? wide_getc(f) : libc.fgetwc_unlocked(f);
}

ALIAS(getwc_unlocked, fgetwc_unlocked);

EXPORT wint_t getwchar(void)
{
	return fgetwc(stdin);
}

EXPORT wint_t getwchar_unlocked(void)
{
	return fgetwc_unlocked(stdin);
}

EXPORT wint_t fputwc(wchar_t c, FILE *f)
{
	return wide_of(f) ? wide_putc_locked(c, f) : libc.fputwc(c, f);
}

ALIAS(putwc, fputwc);

EXPORT wint_t fputwc_unlocked(wchar_t c, FILE *f)
{
	return wide_of(f) ? wide_putc(c, f) : libc.fputwc_unlocked(c, f);
}

ALIAS(putwc_unlocked, fputwc_unlocked);

EXPORT wint_t putwchar(wchar_t c)
{
	return fputwc(c, stdout);
}

EXPORT wint_t putwchar_unlocked(wchar_t c)
{
	return fputwc_unlocked(c, stdout);
}

EXPORT wint_t ungetwc(wint_t c, FILE *f)
{
	return wide_of(f) ? wide_ungetc_locked(c, f) : libc.ungetwc(c, f);
}

EXPORT wchar_t *fgetws(wchar_t *text, int n, FILE *f)
{
	return wide_of(f) ? wide_gets_locked(text, n, f) : libc.fgetws(text, n, f);
}

EXPORT wchar_t *fgetws_unlocked(wchar_t *text, int n, FILE *f)
{
	return wide_of(f) ? wide_gets(text, n, f) : libc.fgetws_unlocked(text, n, f);
}

EXPORT wchar_t *__fgetws_chk(wchar_t *text, size_t size, int n, FILE *f)
{
	if (!wide_of(f))
		return libc.__fgetws_chk(text, size, n, f);
	if (n > 0 && (size_t)n > size)
		__chk_fail();
	return wide_gets_locked(text, n, f);
}

EXPORT wchar_t *__fgetws_unlocked_chk(wchar_t *text, size_t size, int n, FILE *f)
{
	if (!wide_of(f))
		return libc.__fgetws_unlocked_chk(text, size, n, f);
	if (n > 0 && (size_t)n > size)
		__chk_fail();
	return wide_gets(text, n, f);
}

EXPORT int fputws(const wchar_t *text, FILE *f)
{
	return wide_of(f) ? wide_puts_locked(text, f) : libc.fputws(text, f);
}

EXPORT int fputws_unlocked(const wchar_t *text, FILE *f)
{
	return wide_of(f) ? wide_puts(text, f) : libc.fputws_unlocked(text, f);
}

EXPORT int fwide(FILE *f, int mode)
{
	return wide_of(f) ? wide_orient(f, mode) : libc.fwide(f, mode);
}

EXPORT int vfwprintf(FILE *f, const wchar_t *format, va_list ap)
{
	return wide_of(f) ? wide_vprintf(f, -1, format, ap) : libc.vfwprintf(f, format, ap);
}

EXPORT int vwprintf(const wchar_t *format, va_list ap)
{
	return vfwprintf(stdout, format, ap);
}

EXPORT int __vfwprintf_chk(FILE *f, int flag, const wchar_t *format, va_list ap)
{
	return wide_of(f) ? wide_vprintf(f, flag, format, ap)
			  : libc.__vfwprintf_chk(f, flag, format, ap);
}

EXPORT int __vwprintf_chk(int flag, const wchar_t *format, va_list ap)
{
	return __vfwprintf_chk(stdout, flag, format, ap);
}

/* What follows takes its arguments from the program's call. */
#define FORWARD(call)                                                                              \
	({                                                                                         \
		va_list ap;                                                                        \
		int forwarded;                                                                     \
		va_start(ap, format);                                                              \
		forwarded = (call);                                                                \
		va_end(ap);                                                                        \
		forwarded;                                                                         \
	})

EXPORT int fwprintf(FILE *f, const wchar_t *format, ...)
{
	return FORWARD(vfwprintf(f, format, ap));
}

EXPORT int wprintf(const wchar_t *format, ...)
{
	return FORWARD(vfwprintf(stdout, format, ap));
}

EXPORT int __fwprintf_chk(FILE *f, int flag, const wchar_t *format, ...)
{
	return FORWARD(__vfwprintf_chk(f, flag, format, ap));
}

EXPORT int __wprintf_chk(int flag, const wchar_t *format, ...)
{
	return FORWARD(__vfwprintf_chk(stdout, flag, format, ap));
}

/*
 * libc has this family once for each edition of the language, and its header may give a
 * name to another edition's function: here each symbol is named.
 */
#define SCANF_FAMILY(edition)                                                                      \
	EXPORT int edition##vfwscanf_hook(FILE *f, const wchar_t *format,                          \
					  va_list ap) __asm__(#edition "vfwscanf");                \
	EXPORT int edition##vwscanf_hook(const wchar_t *format,                                    \
					 va_list ap) __asm__(#edition "vwscanf");                  \
	EXPORT int edition##fwscanf_hook(FILE *f, const wchar_t *format,                           \
					 ...) __asm__(#edition "fwscanf");                         \
	EXPORT int edition##wscanf_hook(const wchar_t *format, ...) __asm__(#edition "wscanf");    \
	int edition##vfwscanf_hook(FILE *f, const wchar_t *format, va_list ap)                     \
	{                                                                                          \
		return wide_of(f) ? wide_vscanf(f, libc.edition##vfwscanf, format, ap)             \
				  : libc.edition##vfwscanf(f, format, ap);                         \
	}                                                                                          \
	int edition##vwscanf_hook(const wchar_t *format, va_list ap)                               \
	{                                                                                          \
		return edition##vfwscanf_hook(stdin, format, ap);                                  \
	}                                                                                          \
	int edition##fwscanf_hook(FILE *f, const wchar_t *format, ...)                             \
	{                                                                                          \
		return FORWARD(edition##vfwscanf_hook(f, format, ap));                             \
	}                                                                                          \
	int edition##wscanf_hook(const wchar_t *format, ...)                                       \
	{                                                                                          \
		return FORWARD(edition##vfwscanf_hook(stdin, format, ap));                         \
	}

SCANF_FAMILY()
SCANF_FAMILY(__isoc99_)
SCANF_FAMILY(__isoc23_)
