/* SPDX-License-Identifier: MIT */
/* The calls that move data: all of them come down to one send and one receive. */
#include "connection.h"
#include "libc.h"
#include "receive.h"
#include "send.h"
#include "sockets.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>

ssize_t sockets_send(struct entry *e, int fd, const struct iovec *iov, size_t n, int flags)
{
	struct cursor cur;
	ssize_t r = cursor_init(&cur, iov, n);

	if (!e->object)
		r = -EBADF;
	if (r == 0)
		r = connection_send(e->object, fd, &cur, flags);
	fdtable_put(e);
	if (r == -EPIPE && !(flags & MSG_NOSIGNAL))
		raise(SIGPIPE);
	return r;
}

/* The error queue holds no application data: it is the kernel's. */
static ssize_t receive_errors(int fd, const struct iovec *iov, size_t n, int flags)
{
	struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = n};
	ssize_t r = libc.recvmsg(fd, &msg, flags);

	return r < 0 ? -errno : r;
}

ssize_t sockets_receive(struct entry *e, int fd, const struct iovec *iov, size_t n, int flags)
{
	struct cursor cur;
	ssize_t r = cursor_init(&cur, iov, n);

	if (!e->object)
		r = -EBADF;
	if (r == 0 && (flags & MSG_ERRQUEUE))
		r = receive_errors(fd, iov, n, flags);
	else if (r == 0)
		r = connection_receive(e->object, fd, &cur, flags);
	fdtable_put(e);
	return r;
}

ssize_t sockets_read(struct entry *e, int fd, const struct iovec *iov, size_t n)
{
	struct cursor cur;

	if (e->object && cursor_init(&cur, iov, n) == 0 && cur.left == 0) {
		fdtable_put(e);
		return 0;
	}
	return sockets_receive(e, fd, iov, n, 0);
}

ssize_t sockets_sendmsg(struct entry *e, int fd, const struct msghdr *msg, int flags)
{
	if (msg->msg_iovlen > IOV_MAX)
		return sockets_refuse(e, EMSGSIZE);
	return sockets_send(e, fd, msg->msg_iov, msg->msg_iovlen, flags);
}

ssize_t sockets_recvmsg(struct entry *e, int fd, struct msghdr *msg, int flags)
{
	ssize_t r;

	if (msg->msg_iovlen > IOV_MAX)
		return sockets_refuse(e, EMSGSIZE);
	if (e->object && (flags & MSG_ERRQUEUE)) {
		fdtable_put(e);
		r = libc.recvmsg(fd, msg, flags);
		return r < 0 ? -errno : r;
	}
	r = sockets_receive(e, fd, msg->msg_iov, msg->msg_iovlen, flags);
	if (r < 0)
		return r;
	/* As TCP: a stream has no sender's address and none of these. */
	msg->msg_namelen = 0;
	msg->msg_controllen = 0;
	msg->msg_flags = 0;
	return r;
}

int sockets_ioctl(struct entry *e, int fd, unsigned long request, void *arg)
{
	struct connection *c = e->object;
	int r;

	if (request == FIOCLEX || request == FIONCLEX)
		return sockets_set_cloexec(e, fd, request == FIOCLEX);
	r = c ? connection_lock(c) : -EBADF;
	if (r == 0) {
		if (request == FIONREAD && c->state == STATE_OPEN && connection_claim(c) == 0) {
			connection_readable(c, fd);
			*(int *)arg = (int)engine_pending(c->engine);
		} else {
			r = libc.ioctl(fd, request, arg);
			r = r < 0 ? -errno : r;
		}
		connection_unlock(c);
	}
	fdtable_put(e);
	return r;
}
