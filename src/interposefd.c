/* SPDX-License-Identifier: MIT */
/* The calls on descriptors as such. */
#include "interpose.h"

#include "libc.h"
#include "sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <stdint.h>
#include <sys/ioctl.h>

/* Before anything is done; other calls that close are no cancellation points. */
static int close_or_cancel(int fd)
{
	signals_cancel_point(NULL, NULL);
	return sockets_close(fd);
}

static SLOW int close_ours(int fd)
{
	return (int)FINISH(close_or_cancel(fd));
}

EXPORT int close(int fd)
{
	return fdtable_has(fd) ? close_ours(fd) : libc.close(fd);
}

ALIAS(__close, close);

EXPORT int close_range(unsigned int first, unsigned int last, int flags)
{
	if (!fdtable_any() && !((unsigned int)flags & CLOSE_RANGE_UNSHARE))
		return libc.close_range(first, last, flags);
	return (int)FINISH_UNCANCELLED(sockets_close_range(first, last, flags));
}

EXPORT void closefrom(int first)
{
	if (fdtable_any())
		(void)FINISH_UNCANCELLED(
			sockets_close_range(first < 0 ? 0 : (unsigned int)first, UINT_MAX, 0));
	else
		libc.closefrom(first);
}

static SLOW int dup_ours(int fd)
{
	return (int)SERVE(fd, sockets_dup(e, fd, 0, false), fresh(libc.dup(fd)));
}

EXPORT int dup(int fd)
{
	return fdtable_has(fd) ? dup_ours(fd) : libc.dup(fd);
}

EXPORT int dup2(int fd, int to)
{
	if (fd == to || !(fdtable_has(fd) || fdtable_has(to)))
		return libc.dup2(fd, to);
	return (int)FINISH_UNCANCELLED(sockets_dup_to(fd, to, false));
}

ALIAS(__dup2, dup2);

EXPORT int dup3(int fd, int to, int flags)
{
	if ((flags & ~O_CLOEXEC) || !(fdtable_has(fd) || fdtable_has(to)))
		return libc.dup3(fd, to, flags);
	return (int)FINISH_UNCANCELLED(sockets_dup_to(fd, to, flags & O_CLOEXEC));
}

static SLOW int fcntl_ours(int fd, int cmd, void *arg)
{
	const int n = (int)(intptr_t)arg;

	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return (int)SERVE(fd, sockets_dup(e, fd, n, cmd != F_DUPFD),
				  fresh(libc.fcntl64(fd, cmd, arg)));
	case F_GETFD:
		return (int)SERVE(fd, sockets_get_cloexec(e, fd), libc.fcntl64(fd, cmd));
	case F_SETFD:
		return (int)SERVE(fd, sockets_set_cloexec(e, fd, n & FD_CLOEXEC),
				  libc.fcntl64(fd, cmd, arg));
	default:
		/* The program has never heard of the library's own. */
		return fdtable_is_reserved(fd) && !sockets_stale(fd) ? refuse(EBADF)
								     : libc.fcntl64(fd, cmd, arg);
	}
}

/*
 * Of fixed arity, as Linux's ABIs let them be: to read an argument by va_arg all the
 * registers for arguments are stored first, in every call.
 */
EXPORT int fcntl64_fixed(int fd, int cmd, void *arg) __asm__("fcntl64");
EXPORT int ioctl_fixed(int fd, unsigned long request, void *arg) __asm__("ioctl");

int fcntl64_fixed(int fd, int cmd, void *arg)
{
	return fdtable_has(fd) ? fcntl_ours(fd, cmd, arg) : libc.fcntl64(fd, cmd, arg);
}

EXPORT __typeof__(fcntl64_fixed) fcntl_fixed __asm__("fcntl") __attribute__((alias("fcntl64")));
EXPORT __typeof__(fcntl64_fixed) __fcntl __attribute__((alias("fcntl64")));

static SLOW int ioctl_ours(int fd, unsigned long request, void *arg)
{
	return (int)SERVE(fd, sockets_ioctl(e, fd, request, arg), libc.ioctl(fd, request, arg));
}

int ioctl_fixed(int fd, unsigned long request, void *arg)
{
	return fdtable_has(fd) ? ioctl_ours(fd, request, arg) : libc.ioctl(fd, request, arg);
}
