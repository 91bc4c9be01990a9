/* SPDX-License-Identifier: MIT */
/* The calls with a struct msghdr, or an address: what a stream makes of them (tcp(7)). */
#include "libc.h"
#include "log.h"
#include "receive.h"
#include "sockets.h"
#include "spawnfd.h"
#include "transfer.h"

#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <string.h>
#include <time.h>

/* The kernel's own, which says that a message is in the 32-bit layout. */
enum { COMPAT = (int)0x80000000 };

static int check(const struct msghdr *msg, int flags)
{
	if ((flags & COMPAT) || (msg->msg_name && (int)msg->msg_namelen < 0))
		return -EINVAL;
	return msg->msg_iovlen > IOV_MAX ? -EMSGSIZE : 0;
}

/*
 * The kernel judges a name and control data, by a message without a byte. What they ask
 * for is for packets, and TCP does not tell which of its own a record came to be in.
 */
static int judge(int fd, const struct msghdr *msg)
{
	struct msghdr empty = {.msg_name = msg->msg_name,
			       .msg_namelen = msg->msg_namelen,
			       .msg_control = msg->msg_control,
			       .msg_controllen = msg->msg_controllen};

	if (!msg->msg_name && !msg->msg_controllen)
		return 0;
	/* EAGAIN: not connected yet, and it may not wait; the data will. */
	if (libc.sendmsg(fd, &empty, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
		return -errno;
	return spawnfd_passes_ours(msg) ? -EOPNOTSUPP : 0;
}

static ssize_t send_message(struct connection *c, int fd, const struct msghdr *msg, int flags)
{
	ssize_t r = check(msg, flags);

	if (r == 0 && !(flags & MSG_FASTOPEN))
		r = transfer_told(judge(fd, msg), flags);
	if (r < 0)
		return r;
	return transfer_send(c, fd, msg->msg_iov, msg->msg_iovlen, flags);
}

ssize_t sockets_sendmsg(struct entry *e, int fd, const struct msghdr *msg, int flags)
{
	ssize_t r = e->object ? send_message(e->object, fd, msg, flags) : -EBADF;

	fdtable_put(e);
	return r;
}

/* The kernel has other limits for this address than for a message's: it judges. */
ssize_t sockets_sendto(struct entry *e, int fd, const struct iovec *iov, int flags,
		       const struct sockaddr *sa, socklen_t len)
{
	const int quiet = MSG_DONTWAIT | MSG_NOSIGNAL;
	ssize_t r = e->object ? 0 : -EBADF;

	sa = flags & MSG_FASTOPEN ? NULL : sa;
	if (r == 0 && sa && libc.sendto(fd, NULL, 0, quiet, sa, len) < 0 && errno != EAGAIN)
		r = transfer_told(-errno, flags);
	if (r == 0)
		r = transfer_send(e->object, fd, iov, 1, flags);
	fdtable_put(e);
	return r;
}

/* True if the message was sent as a whole: only then comes the next. */
static bool is_whole(const struct msghdr *msg, ssize_t sent)
{
	struct cursor cur;

	return cursor_init(&cur, msg->msg_iov, msg->msg_iovlen) == 0 && cur.left == (size_t)sent;
}

int sockets_sendmmsg(struct entry *e, int fd, struct mmsghdr *v, unsigned int n, int flags)
{
	ssize_t r = e->object ? 0 : -EBADF;
	unsigned int done = 0;

	while (r >= 0 && done < n && done < IOV_MAX) {
		r = send_message(e->object, fd, &v[done].msg_hdr, flags);
		if (r < 0)
			break;
		v[done].msg_len = (unsigned int)r;
		if (!is_whole(&v[done++].msg_hdr, r))
			break;
	}
	fdtable_put(e);
	/* An error after the first message is found again by the next call. */
	return done ? (int)done : (int)r;
}

/* As the kernel puts one message of control data, cut off where there is no more room. */
static size_t put_control(struct msghdr *msg, int level, int type, const void *data, size_t n)
{
	struct cmsghdr head = {.cmsg_len = CMSG_LEN(n), .cmsg_level = level, .cmsg_type = type};
	size_t room = msg->msg_control ? msg->msg_controllen : 0;

	if (room < CMSG_LEN(n))
		msg->msg_flags |= MSG_CTRUNC;
	if (room < sizeof(head))
		return 0;
	head.cmsg_len = head.cmsg_len < room ? head.cmsg_len : room;
	memcpy(msg->msg_control, &head, sizeof(head));
	memcpy((uint8_t *)msg->msg_control + sizeof(head), data, head.cmsg_len - sizeof(head));
	return CMSG_SPACE(n) < room ? CMSG_SPACE(n) : room;
}

/* TCP_INQ: how much is left, the end counting for one. */
static size_t put_inq(struct connection *c, int fd, struct msghdr *msg)
{
	bool ended = false;
	ssize_t n = connection_enter(c, fd);
	int left;

	if (n == 0) {
		n = connection_available(c, fd, &ended);
		connection_unlock(c);
	}
	n = n < 0 ? 0 : n;
	left = n < INT_MAX ? (int)n + ended : INT_MAX;
	return put_control(msg, IPPROTO_TCP, TCP_CM_INQ, &left, sizeof(left));
}

static ssize_t receive_message(struct connection *c, int fd, struct msghdr *msg, int flags)
{
	ssize_t r = check(msg, flags);

	if (r < 0)
		return r;
	if (flags & MSG_ERRQUEUE) {
		r = libc.recvmsg(fd, msg, flags);
		return r < 0 ? -errno : r;
	}
	r = transfer_receive(c, fd, msg->msg_iov, msg->msg_iovlen, flags);
	if (r < 0)
		return r;
	msg->msg_flags = flags & MSG_CMSG_CLOEXEC;
	msg->msg_controllen = c->inq ? put_inq(c, fd, msg) : 0;
	/* A stream has no sender's address. */
	if (msg->msg_name)
		msg->msg_namelen = 0;
	return r;
}

ssize_t sockets_recvmsg(struct entry *e, int fd, struct msghdr *msg, int flags)
{
	ssize_t r = e->object ? receive_message(e->object, fd, msg, flags) : -EBADF;

	fdtable_put(e);
	return r;
}

ssize_t sockets_recvfrom(struct entry *e, int fd, const struct iovec *iov, int flags,
			 struct sockaddr *sa, socklen_t *len)
{
	ssize_t r;

	if (e->object && (flags & MSG_ERRQUEUE)) {
		r = libc.recvfrom(fd, iov->iov_base, iov->iov_len, flags, sa, len);
		r = r < 0 ? -errno : r;
	} else {
		r = e->object ? transfer_receive(e->object, fd, iov, 1, flags) : -EBADF;
		if (r >= 0 && sa && (!len || (int)*len < 0))
			r = len ? -EINVAL : -EFAULT;
		else if (r >= 0 && sa)
			*len = 0;
	}
	fdtable_put(e);
	return r;
}

/* An error that nobody was told of: this call tells it, before anything is received. */
static int take_error(struct connection *c, int fd)
{
	int r = connection_enter(c, fd), error;
	socklen_t len = sizeof(error);

	if (r < 0)
		return r;
	error = c->so_error;
	c->so_error = 0;
	if (!error && c->state == STATE_OPEN)
		libc.getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	connection_unlock(c);
	return -error;
}

/* After the first message an error is the next call's. */
static void keep_error(struct connection *c, int fd, ssize_t error)
{
	if (error == -EAGAIN || error == -EINTR || error == -EBADF || error == -EBADFD ||
	    connection_enter(c, fd) < 0)
		return;
	c->so_error = (int)-error;
	connection_unlock(c);
}

static struct timespec now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t;
}

static struct timespec minus(struct timespec a, struct timespec b)
{
	enum { NS = 1000000000 };

	a.tv_sec -= b.tv_sec;
	a.tv_nsec -= b.tv_nsec;
	if (a.tv_nsec < 0) {
		a.tv_sec--;
		a.tv_nsec += NS;
	}
	return a;
}

/* Looked at after each message, as the kernel does. True if the time is over. */
static bool is_over(struct timespec *timeout, const struct timespec *whole,
		    const struct timespec *start)
{
	if (!timeout)
		return false;
	*timeout = minus(*whole, minus(now(), *start));
	if (timeout->tv_sec < 0)
		*timeout = (struct timespec){0};
	return timeout->tv_sec == 0 && timeout->tv_nsec == 0;
}

static int receive_messages(struct connection *c, int fd, struct mmsghdr *v, unsigned int n,
			    int flags, struct timespec *timeout)
{
	const struct timespec start = now(), whole = timeout ? *timeout : start;
	ssize_t r = flags & MSG_ERRQUEUE ? 0 : take_error(c, fd);
	unsigned int done = 0;

	while (r >= 0 && done < n) {
		r = receive_message(c, fd, &v[done].msg_hdr, flags & ~MSG_WAITFORONE);
		if (r < 0)
			break;
		v[done++].msg_len = (unsigned int)r;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if (is_over(timeout, &whole, &start))
			break;
	}
	if (r < 0 && done)
		keep_error(c, fd, r);
	return done ? (int)done : (int)r;
}

int sockets_recvmmsg(struct entry *e, int fd, struct mmsghdr *v, unsigned int n, int flags,
		     struct timespec *timeout)
{
	int r = e->object ? 0 : -EBADF;

	if (timeout && (timeout->tv_sec < 0 || (unsigned long)timeout->tv_nsec >= 1000000000))
		r = -EINVAL;
	if (r == 0)
		r = receive_messages(e->object, fd, v, n, flags, timeout);
	fdtable_put(e);
	return r;
}
