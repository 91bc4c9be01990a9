/* SPDX-License-Identifier: MIT */
/* The calls that move data: all of them come down to one send and one receive. */
#include "transfer.h"

#include "libc.h"
#include "receive.h"
#include "send.h"
#include "sockets.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>

ssize_t transfer_told(ssize_t r, int flags)
{
	if (r == -EPIPE && !(flags & MSG_NOSIGNAL))
		raise(SIGPIPE);
	return r;
}

ssize_t transfer_send(struct connection *c, int fd, const struct iovec *iov, size_t n, int flags)
{
	struct cursor cur;
	ssize_t r = cursor_init(&cur, iov, n);

	if (r == 0)
		r = connection_send(c, fd, &cur, flags);
	return transfer_told(r, flags);
}

/* The error queue holds no application data: it is the kernel's. */
static ssize_t receive_errors(int fd, const struct iovec *iov, size_t n, int flags)
{
	struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = n};
	ssize_t r = libc.recvmsg(fd, &msg, flags);

	return r < 0 ? -errno : r;
}

ssize_t transfer_receive(struct connection *c, int fd, const struct iovec *iov, size_t n, int flags)
{
	struct cursor cur;
	ssize_t r = cursor_init(&cur, iov, n);

	if (r < 0)
		return r;
	return flags & MSG_ERRQUEUE ? receive_errors(fd, iov, n, flags)
				    : connection_receive(c, fd, &cur, flags);
}

ssize_t sockets_send(struct entry *e, int fd, const struct iovec *iov, size_t n, int flags)
{
	ssize_t r = e->object ? transfer_send(e->object, fd, iov, n, flags) : -EBADF;

	fdtable_put(e);
	return r;
}

ssize_t sockets_receive(struct entry *e, int fd, const struct iovec *iov, size_t n, int flags)
{
	ssize_t r = e->object ? transfer_receive(e->object, fd, iov, n, flags) : -EBADF;

	fdtable_put(e);
	return r;
}

/*
 * What preadv2 and pwritev2 ask for beyond readv and writev. The kernel takes those for
 * files on a socket too, and refuses what it does not know.
 */
static int message_flags(int rwf)
{
	enum { NOAPPEND = 0x20, NOSIGNAL = 0x100 };
	const int known =
		RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND | NOAPPEND | NOSIGNAL;

	if (rwf & ~known)
		return -EOPNOTSUPP;
	return (rwf & RWF_NOWAIT ? MSG_DONTWAIT : 0) | (rwf & NOSIGNAL ? MSG_NOSIGNAL : 0);
}

/* Returns 1 if there is something to do, 0 if no bytes are asked for, or an error. */
static int vector_size(const struct iovec *iov, int n)
{
	struct cursor cur;
	int r;

	if (n < 0 || n > IOV_MAX)
		return -EINVAL;
	r = cursor_init(&cur, iov, (size_t)n);
	return r < 0 ? r : cur.left > 0;
}

static ssize_t move_vector(struct entry *e, int fd, const struct iovec *iov, int n, int rwf,
			   bool out)
{
	ssize_t r = e->object ? vector_size(iov, n) : -EBADF;
	int flags = r > 0 ? message_flags(rwf) : 0;

	if (flags < 0)
		r = flags;
	else if (r > 0 && out)
		r = transfer_send(e->object, fd, iov, (size_t)n, flags);
	else if (r > 0)
		r = transfer_receive(e->object, fd, iov, (size_t)n, flags);
	fdtable_put(e);
	return r;
}

ssize_t sockets_readv(struct entry *e, int fd, const struct iovec *iov, int n, int rwf)
{
	return move_vector(e, fd, iov, n, rwf, false);
}

ssize_t sockets_writev(struct entry *e, int fd, const struct iovec *iov, int n, int rwf)
{
	return move_vector(e, fd, iov, n, rwf, true);
}
