/* SPDX-License-Identifier: MIT */
/* The names of <stdio.h>. */
#include "interpose.h"

#include "libc.h"
#include "stdiofd.h"
#include "streams.h"
#include "texts.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>

/* The programs' own formats. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

static SLOW FILE *fdopen_ours(int fd, const char *mode)
{
	FILE *f = NULL;

	return FINISH(streams_fdopen(fd, mode, &f)) < 0 ? NULL : f;
}

EXPORT FILE *fdopen(int fd, const char *mode)
{
	return fdtable_has(fd) ? fdopen_ours(fd, mode) : libc.fdopen(fd, mode);
}

EXPORT int fclose(FILE *f)
{
	return fdtable_any() ? stdiofd_fclose(f, libc.fclose) : libc.fclose(f);
}

ALIAS(_IO_fclose, fclose);

EXPORT int pclose(FILE *f)
{
	return fdtable_any() ? stdiofd_fclose(f, libc.pclose) : libc.pclose(f);
}

EXPORT FILE *freopen(const char *path, const char *mode, FILE *f)
{
	return fdtable_any() ? stdiofd_freopen(path, mode, f, libc.freopen)
			     : libc.freopen(path, mode, f);
}

EXPORT FILE *freopen64(const char *path, const char *mode, FILE *f)
{
	return fdtable_any() ? stdiofd_freopen(path, mode, f, libc.freopen64)
			     : libc.freopen64(path, mode, f);
}

ALIAS(_IO_fdopen, fdopen);

EXPORT int vdprintf(int fd, const char *format, va_list ap)
{
	return fdtable_has(fd) ? texts_vdprintf(fd, format, ap) : libc.vdprintf(fd, format, ap);
}

EXPORT int __vdprintf_chk(int fd, int flag, const char *format, va_list ap)
{
	return fdtable_has(fd) ? texts_vdprintf_chk(fd, flag, format, ap)
			       : libc.__vdprintf_chk(fd, flag, format, ap);
}

EXPORT int dprintf(int fd, const char *format, ...)
{
	va_list ap;
	int r;

	va_start(ap, format);
	r = vdprintf(fd, format, ap);
	va_end(ap);
	return r;
}

EXPORT int __dprintf_chk(int fd, int flag, const char *format, ...)
{
	va_list ap;
	int r;

	va_start(ap, format);
	r = __vdprintf_chk(fd, flag, format, ap);
	va_end(ap);
	return r;
}

EXPORT void malloc_stats(void)
{
	if (fdtable_any())
		texts_malloc_stats();
	else
		libc.malloc_stats();
}
