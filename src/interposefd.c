/* SPDX-License-Identifier: MIT */
/* The calls on descriptors as such. */
#include "interpose.h"

#include "libc.h"
#include "sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/ioctl.h>

EXPORT int close(int fd)
{
	return fdtable_has(fd) ? (int)FINISH(sockets_close(fd)) : libc.close(fd);
}

ALIAS(__close, close);

EXPORT int close_range(unsigned int first, unsigned int last, int flags)
{
	return fdtable_any() ? (int)FINISH(sockets_close_range(first, last, flags))
			     : libc.close_range(first, last, flags);
}

EXPORT void closefrom(int first)
{
	if (fdtable_any())
		(void)FINISH(sockets_close_range(first < 0 ? 0 : (unsigned int)first, UINT_MAX, 0));
	else
		libc.closefrom(first);
}

EXPORT int dup(int fd)
{
	struct entry *e = ours(fd);

	return e ? (int)FINISH(sockets_dup(e, fd, 0, false)) : libc.dup(fd);
}

EXPORT int dup2(int fd, int to)
{
	if (fd == to || !(fdtable_has(fd) || fdtable_has(to)))
		return libc.dup2(fd, to);
	return (int)FINISH(sockets_dup_to(fd, to, false));
}

ALIAS(__dup2, dup2);

EXPORT int dup3(int fd, int to, int flags)
{
	if ((flags & ~O_CLOEXEC) || !(fdtable_has(fd) || fdtable_has(to)))
		return libc.dup3(fd, to, flags);
	return (int)FINISH(sockets_dup_to(fd, to, flags & O_CLOEXEC));
}

EXPORT int fcntl64(int fd, int cmd, ...)
{
	struct entry *e = ours(fd);
	void *arg;
	va_list ap;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (e && (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC))
		return (int)FINISH(sockets_dup(e, fd, (int)(intptr_t)arg, cmd != F_DUPFD));
	if (e && cmd == F_GETFD)
		return (int)FINISH(sockets_get_cloexec(e, fd));
	if (e && cmd == F_SETFD)
		return (int)FINISH(sockets_set_cloexec(e, fd, (intptr_t)arg & FD_CLOEXEC));
	fdtable_put(e);
	return libc.fcntl64(fd, cmd, arg);
}

ALIAS(fcntl, fcntl64);
ALIAS(__fcntl, fcntl64);

EXPORT int ioctl(int fd, unsigned long request, ...)
{
	struct entry *e = ours(fd);
	void *arg;
	va_list ap;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	return e ? (int)FINISH(sockets_ioctl(e, fd, request, arg)) : libc.ioctl(fd, request, arg);
}
