/* SPDX-License-Identifier: MIT */
/* The names of <stdio.h>. */
#include "interpose.h"

#include "libc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* The programs' own formats. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

EXPORT FILE *fdopen(int fd, const char *mode)
{
	if (!fdtable_has(fd))
		return libc.fdopen(fd, mode);
	errno = EOPNOTSUPP;
	return NULL;
}

ALIAS(_IO_fdopen, fdopen);

EXPORT int vdprintf(int fd, const char *format, va_list ap)
{
	return fdtable_has(fd) ? refuse(EOPNOTSUPP) : libc.vdprintf(fd, format, ap);
}

EXPORT int __vdprintf_chk(int fd, int flag, const char *format, va_list ap)
{
	return fdtable_has(fd) ? refuse(EOPNOTSUPP) : libc.__vdprintf_chk(fd, flag, format, ap);
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
