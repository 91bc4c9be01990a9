/* SPDX-License-Identifier: MIT */
/*
 * The calls that read and write. Those that would move data past us, since libc or the
 * kernel would read and write the bare connection, fail on a TLS socket, each with the
 * error after which programs go back to plain reads and writes.
 */
#include "interpose.h"

#include "libc.h"
#include "sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

static SLOW ssize_t write_ours(int fd, const void *buf, size_t n)
{
	const struct iovec iov = sockets_piece(buf, n);

	return SERVE(fd, sockets_send(e, fd, &iov, 1, 0), libc.write(fd, buf, n));
}

EXPORT ssize_t write(int fd, const void *buf, size_t n)
{
	return fdtable_has(fd) ? write_ours(fd, buf, n) : libc.write(fd, buf, n);
}

ALIAS(__write, write);

static SLOW ssize_t writev_ours(int fd, const struct iovec *iov, int n)
{
	return SERVE(fd, sockets_writev(e, fd, iov, n, 0), libc.writev(fd, iov, n));
}

EXPORT ssize_t writev(int fd, const struct iovec *iov, int n)
{
	return fdtable_has(fd) ? writev_ours(fd, iov, n) : libc.writev(fd, iov, n);
}

static SLOW ssize_t read_ours(int fd, void *buf, size_t n)
{
	const struct iovec iov = sockets_piece(buf, n);

	return SERVE(fd, sockets_readv(e, fd, &iov, 1, 0), libc.read(fd, buf, n));
}

EXPORT ssize_t read(int fd, void *buf, size_t n)
{
	return fdtable_has(fd) ? read_ours(fd, buf, n) : libc.read(fd, buf, n);
}

ALIAS(__read, read);

static SLOW ssize_t readv_ours(int fd, const struct iovec *iov, int n)
{
	return SERVE(fd, sockets_readv(e, fd, iov, n, 0), libc.readv(fd, iov, n));
}

EXPORT ssize_t readv(int fd, const struct iovec *iov, int n)
{
	return fdtable_has(fd) ? readv_ours(fd, iov, n) : libc.readv(fd, iov, n);
}

/* A read and a write of eight bytes, of whatever file. */
EXPORT int eventfd_read(int fd, eventfd_t *value)
{
	return read(fd, value, sizeof(*value)) == sizeof(*value) ? 0 : -1;
}

EXPORT int eventfd_write(int fd, eventfd_t value)
{
	return write(fd, &value, sizeof(value)) == sizeof(value) ? 0 : -1;
}

/* What a fortified program calls in their place. */
EXPORT ssize_t __read_chk(int fd, void *buf, size_t n, size_t size)
{
	if (n > size)
		__chk_fail();
	return read(fd, buf, n);
}

/* As in SERVE(), of two numbers. */
static bool pair_theirs(int in, int out, ssize_t r)
{
	ssize_t result = r < 0 ? -errno : r;
	bool theirs = interpose_theirs(in, result);

	return interpose_theirs(out, result) || theirs;
}

static SLOW ssize_t sendfile_ours(int out, int in, off64_t *off, size_t n)
{
	int before = errno;
	ssize_t r = FINISH_UNCANCELLED(sockets_sendfile(out, in, off, n));

	if (!pair_theirs(in, out, r))
		return r;
	errno = before;
	return sendfile64(out, in, off, n);
}

EXPORT ssize_t sendfile64(int out, int in, off64_t *off, size_t n)
{
	return fdtable_has(out) || fdtable_has(in) ? sendfile_ours(out, in, off, n)
						   : libc.sendfile64(out, in, off, n);
}

EXPORT ssize_t sendfile(int out, int in, off_t *off, size_t n)
{
	off64_t at = off ? *off : 0;
	ssize_t r;

	if (!fdtable_has(out) && !fdtable_has(in))
		return libc.sendfile(out, in, off, n);
	r = sendfile_ours(out, in, off ? &at : NULL, n);
	if (off)
		*off = (off_t)at;
	return r;
}

static SLOW ssize_t splice_ours(int in, off64_t *in_off, int out, off64_t *out_off, size_t n,
				unsigned int flags)
{
	int before = errno;
	ssize_t r = FINISH(sockets_splice(in, in_off, out, out_off, n, flags));

	if (!pair_theirs(in, out, r))
		return r;
	errno = before;
	return splice(in, in_off, out, out_off, n, flags);
}

EXPORT ssize_t splice(int in, off64_t *in_off, int out, off64_t *out_off, size_t n,
		      unsigned int flags)
{
	return fdtable_has(out) || fdtable_has(in)
		       ? splice_ours(in, in_off, out, out_off, n, flags)
		       : libc.splice(in, in_off, out, out_off, n, flags);
}

EXPORT ssize_t preadv64v2(int fd, const struct iovec *iov, int n, off64_t off, int flags)
{
	/* With an offset the kernel refuses any socket. */
	if (off != -1)
		return libc.preadv64v2(fd, iov, n, off, flags);
	return SERVE_IF_OURS(fd, sockets_readv(e, fd, iov, n, flags),
			     libc.preadv64v2(fd, iov, n, off, flags));
}

EXPORT ssize_t pwritev64v2(int fd, const struct iovec *iov, int n, off64_t off, int flags)
{
	if (off != -1)
		return libc.pwritev64v2(fd, iov, n, off, flags);
	return SERVE_IF_OURS(fd, sockets_writev(e, fd, iov, n, flags),
			     libc.pwritev64v2(fd, iov, n, off, flags));
}

EXPORT ssize_t preadv2(int fd, const struct iovec *iov, int n, off_t off, int flags)
{
	return preadv64v2(fd, iov, n, off, flags);
}

EXPORT ssize_t pwritev2(int fd, const struct iovec *iov, int n, off_t off, int flags)
{
	return pwritev64v2(fd, iov, n, off, flags);
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
