/* SPDX-License-Identifier: MIT */
/*
 * Wide characters on streams of ours. glibc's cookie streams are of bytes, so what its
 * functions do is done here, out of those for bytes, in the locale of the call. All return and set
 * errno as their namesakes. Those without a lock in their names want the caller to have the
 * stream's.
 */
#ifndef WIDE_H
#define WIDE_H

#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <wchar.h>

/* Not part of the hook that calls it: that needs no stack frame for other streams. */
#define APART __attribute__((noinline))

/*
 * What such a stream has in the place of glibc's structure, which begins with eleven
 * pointers since there is one. Only glibc's wide functions look into it, and those are
 * hooked.
 */
struct wide {
	const void *pointers[11]; /* the last one tells that it is one of these */
	char rest[512];
	bool oriented;
};

extern const char wide_mark;

/* For a stream that glibc's freopen has made its own. */
extern struct wide wide_reopened;

/* Returns the stream's, or NULL if it has a structure of glibc's, or none. */
static inline struct wide *wide_of(const FILE *f)
{
	struct wide *w = (struct wide *)f->_wide_data;

	return (uintptr_t)w + 1 > 1 && w->pointers[10] == &wide_mark ? w : NULL;
}

/* Makes the stream one of these, without orientation. */
void wide_install(FILE *f, struct wide *w);

/* Takes that from it: calls for wide characters are not for this stream any more. */
void wide_remove(FILE *f);

/* Whatever it was before; 0: as a stream that was not used yet. */
void wide_reorient(FILE *f, int mode);

/* fwide(3): the orientation, after an attempt to set it. */
APART int wide_orient(FILE *f, int mode);

/* As the locale, or glibc's streams where that has no such character. Returns how much it is. */
size_t wide_encode(wchar_t c, char bytes[MB_LEN_MAX]);

APART wint_t wide_getc(FILE *f);
APART wint_t wide_putc(wchar_t c, FILE *f);
APART wchar_t *wide_gets(wchar_t *text, int n, FILE *f);
APART int wide_puts(const wchar_t *text, FILE *f);

/* Returns how many are written, or in the buffer; less than n with errno set. */
size_t wide_write(const wchar_t *text, size_t n, FILE *f);

/* These take it themselves. */
APART wint_t wide_ungetc_locked(wint_t c, FILE *f);
APART wint_t wide_getc_locked(FILE *f);
APART wint_t wide_putc_locked(wchar_t c, FILE *f);
APART wchar_t *wide_gets_locked(wchar_t *text, int n, FILE *f);
APART int wide_puts_locked(const wchar_t *text, FILE *f);

/* With flag < 0 the one that is not fortified. */
APART int wide_vprintf(FILE *f, int flag, const wchar_t *format, va_list ap);

/* By one of libc's functions of this kind. */
APART int wide_vscanf(FILE *f, int (*scan)(FILE *f, const wchar_t *format, va_list ap),
		      const wchar_t *format, va_list ap);

#endif /* WIDE_H */
