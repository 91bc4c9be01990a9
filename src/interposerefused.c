/* SPDX-License-Identifier: MIT */
/*
 * Calls that would move data past us: libc or the kernel would read and write the
 * bare connection. On a TLS socket they fail, each with the error after which
 * programs go back to plain reads and writes.
 */
#include "interpose.h"

#include "libc.h"
#include "spawnfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

static int refuse(int error)
{
	errno = error;
	return -1;
}

EXPORT ssize_t sendfile(int out, int in, off_t *off, size_t n)
{
	if (fdtable_has(out) || fdtable_has(in))
		return refuse(EINVAL);
	return libc.sendfile(out, in, off, n);
}

EXPORT ssize_t sendfile64(int out, int in, off64_t *off, size_t n)
{
	if (fdtable_has(out) || fdtable_has(in))
		return refuse(EINVAL);
	return libc.sendfile64(out, in, off, n);
}

EXPORT ssize_t splice(int in, off64_t *in_off, int out, off64_t *out_off, size_t n,
		      unsigned int flags)
{
	if (fdtable_has(out) || fdtable_has(in))
		return refuse(EINVAL);
	return libc.splice(in, in_off, out, out_off, n, flags);
}

EXPORT ssize_t tee(int in, int out, size_t n, unsigned int flags)
{
	if (fdtable_has(out) || fdtable_has(in))
		return refuse(EINVAL);
	return libc.tee(in, out, n, flags);
}

EXPORT ssize_t vmsplice(int fd, const struct iovec *iov, size_t n, unsigned int flags)
{
	return fdtable_has(fd) ? refuse(EBADF) : libc.vmsplice(fd, iov, n, flags);
}

EXPORT int sendmmsg(int fd, struct mmsghdr *v, unsigned int n, int flags)
{
	if (fdtable_has(fd))
		return refuse(ENOSYS);
	for (unsigned int i = 0; fdtable_any() && i < n; i++)
		if (spawnfd_passes_ours(&v[i].msg_hdr))
			return refuse(EOPNOTSUPP);
	return libc.sendmmsg(fd, v, n, flags);
}

EXPORT int recvmmsg(int fd, struct mmsghdr *v, unsigned int n, int flags, struct timespec *timeout)
{
	return fdtable_has(fd) ? refuse(ENOSYS) : libc.recvmmsg(fd, v, n, flags, timeout);
}

EXPORT ssize_t preadv64v2(int fd, const struct iovec *iov, int n, off64_t off, int flags)
{
	return fdtable_has(fd) ? refuse(EOPNOTSUPP) : libc.preadv64v2(fd, iov, n, off, flags);
}

EXPORT ssize_t pwritev64v2(int fd, const struct iovec *iov, int n, off64_t off, int flags)
{
	return fdtable_has(fd) ? refuse(EOPNOTSUPP) : libc.pwritev64v2(fd, iov, n, off, flags);
}

EXPORT ssize_t preadv2(int fd, const struct iovec *iov, int n, off_t off, int flags)
{
	return preadv64v2(fd, iov, n, off, flags);
}

EXPORT ssize_t pwritev2(int fd, const struct iovec *iov, int n, off_t off, int flags)
{
	return pwritev64v2(fd, iov, n, off, flags);
}

EXPORT FILE *fdopen(int fd, const char *mode)
{
	if (!fdtable_has(fd))
		return libc.fdopen(fd, mode);
	errno = EOPNOTSUPP;
	return NULL;
}

/* glibc's asynchronous calls are plain reads and writes of a thread of its own. */
EXPORT int aio_read(struct aiocb *cb)
{
	return fdtable_has(cb->aio_fildes) ? refuse(EINVAL) : libc.aio_read(cb);
}

EXPORT int aio_read64(struct aiocb64 *cb)
{
	return fdtable_has(cb->aio_fildes) ? refuse(EINVAL) : libc.aio_read64(cb);
}

EXPORT int aio_write(struct aiocb *cb)
{
	return fdtable_has(cb->aio_fildes) ? refuse(EINVAL) : libc.aio_write(cb);
}

EXPORT int aio_write64(struct aiocb64 *cb)
{
	return fdtable_has(cb->aio_fildes) ? refuse(EINVAL) : libc.aio_write64(cb);
}

EXPORT int lio_listio(int mode, struct aiocb *const list[restrict], int n,
		      struct sigevent *restrict sig)
{
	for (int i = 0; fdtable_any() && i < n; i++)
		if (list[i] && fdtable_has(list[i]->aio_fildes))
			return refuse(EINVAL);
	return libc.lio_listio(mode, list, n, sig);
}

EXPORT int lio_listio64(int mode, struct aiocb64 *const list[restrict], int n,
			struct sigevent *restrict sig)
{
	for (int i = 0; fdtable_any() && i < n; i++)
		if (list[i] && fdtable_has(list[i]->aio_fildes))
			return refuse(EINVAL);
	return libc.lio_listio64(mode, list, n, sig);
}

/* The programs' own formats. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

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
