/* SPDX-License-Identifier: MIT */
/* syscall(2), by which programs reach calls past their names in libc. */
#include "interpose.h"

#include "libc.h"
#include "sockets.h"

#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

/* libuv's uv__close, and node's. */
EXPORT long syscall(long number, ...)
{
	long arg[6];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		arg[i] = va_arg(ap, long);
	va_end(ap);
	if (number == SYS_close && fdtable_has((int)arg[0]))
		return FINISH(sockets_close((int)arg[0]));
	return libc.syscall(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}
