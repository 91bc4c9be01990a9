/* SPDX-License-Identifier: MIT */
/*
 * libc's names. A descriptor that is not ours pays one load and is passed on. This
 * file is built without _FILE_OFFSET_BITS and _FORTIFY_SOURCE, which would rename
 * what it defines; exports.list has the names.
 */
#include "interpose.h"

#include "api.h"
#include "libc.h"
#include "names.h"
#include "sockets.h"
#include "spawnfd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

/*
 * Apart from the hook itself, which then needs no stack frame: a plain descriptor
 * pays a load, a compare and a jump.
 */
#define SLOW __attribute__((noinline))

EXPORT int socket(int family, int type, int protocol)
{
	if (!sockets_asks_for_tls(family, type, protocol) || !api_ready())
		return libc.socket(family, type, protocol);
	return (int)FINISH(sockets_socket(family, type, protocol));
}

EXPORT int bind(int fd, __CONST_SOCKADDR_ARG sa, socklen_t len)
{
	struct entry *e = ours(fd);

	return e ? (int)FINISH(sockets_bind(e, fd, sa.__sockaddr__, len))
		 : libc.bind(fd, sa.__sockaddr__, len);
}

EXPORT int connect(int fd, __CONST_SOCKADDR_ARG sa, socklen_t len)
{
	struct entry *e = ours(fd);

	return e ? (int)FINISH(sockets_connect(e, fd, sa.__sockaddr__, len))
		 : libc.connect(fd, sa.__sockaddr__, len);
}

EXPORT int listen(int fd, int backlog)
{
	struct entry *e = ours(fd);

	return e ? (int)FINISH(sockets_listen(e, fd, backlog)) : libc.listen(fd, backlog);
}

EXPORT int accept(int fd, __SOCKADDR_ARG sa, socklen_t *restrict len)
{
	struct entry *e = ours(fd);

	return e ? (int)FINISH(sockets_accept(e, fd, sa.__sockaddr__, len, 0))
		 : libc.accept(fd, sa.__sockaddr__, len);
}

EXPORT int accept4(int fd, __SOCKADDR_ARG sa, socklen_t *restrict len, int flags)
{
	struct entry *e = ours(fd);

	return e ? (int)FINISH(sockets_accept(e, fd, sa.__sockaddr__, len, flags))
		 : libc.accept4(fd, sa.__sockaddr__, len, flags);
}

EXPORT int shutdown(int fd, int how)
{
	struct entry *e = ours(fd);

	return e ? (int)FINISH(sockets_shutdown(e, fd, how)) : libc.shutdown(fd, how);
}

EXPORT int close(int fd)
{
	return fdtable_has(fd) ? (int)FINISH(sockets_close(fd)) : libc.close(fd);
}

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

EXPORT int getsockopt(int fd, int level, int name, void *restrict v, socklen_t *restrict len)
{
	struct entry *e = ours(fd);
	int saved = errno;
	ssize_t r;

	if (!e)
		return libc.getsockopt(fd, level, name, v, len);
	r = sockets_getsockopt(e, fd, level, name, v, len);
	/* SO_ERROR is often read into errno itself. */
	return (int)finish(r, r == 0 && v == &errno ? errno : saved);
}

EXPORT int setsockopt(int fd, int level, int name, const void *v, socklen_t len)
{
	struct entry *e = ours(fd);

	return e ? (int)FINISH(sockets_setsockopt(e, fd, level, name, v, len))
		 : libc.setsockopt(fd, level, name, v, len);
}

static SLOW ssize_t send_ours(int fd, const void *buf, size_t n, int flags)
{
	const struct iovec iov = {(void *)(uintptr_t)buf, n};
	struct entry *e = fdtable_get(fd);

	return e ? FINISH(sockets_send(e, fd, &iov, 1, flags)) : libc.send(fd, buf, n, flags);
}

EXPORT ssize_t send(int fd, const void *buf, size_t n, int flags)
{
	return fdtable_has(fd) ? send_ours(fd, buf, n, flags) : libc.send(fd, buf, n, flags);
}

EXPORT ssize_t sendto(int fd, const void *buf, size_t n, int flags, __CONST_SOCKADDR_ARG sa,
		      socklen_t len)
{
	const struct iovec iov = {(void *)(uintptr_t)buf, n};
	struct entry *e = ours(fd);

	return e ? FINISH(sockets_send(e, fd, &iov, 1, flags))
		 : libc.sendto(fd, buf, n, flags, sa.__sockaddr__, len);
}

static SLOW ssize_t sendmsg_ours(int fd, const struct msghdr *msg, int flags)
{
	struct entry *e = fdtable_get(fd);

	return e ? FINISH(sockets_sendmsg(e, fd, msg, flags)) : libc.sendmsg(fd, msg, flags);
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (fdtable_has(fd))
		return sendmsg_ours(fd, msg, flags);
	if (fdtable_any() && spawnfd_passes_ours(msg)) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return libc.sendmsg(fd, msg, flags);
}

static SLOW ssize_t write_ours(int fd, const void *buf, size_t n)
{
	const struct iovec iov = {(void *)(uintptr_t)buf, n};
	struct entry *e = fdtable_get(fd);

	return e ? FINISH(sockets_send(e, fd, &iov, 1, 0)) : libc.write(fd, buf, n);
}

EXPORT ssize_t write(int fd, const void *buf, size_t n)
{
	return fdtable_has(fd) ? write_ours(fd, buf, n) : libc.write(fd, buf, n);
}

EXPORT ssize_t writev(int fd, const struct iovec *iov, int n)
{
	struct entry *e = ours(fd);

	if (!e)
		return libc.writev(fd, iov, n);
	if (n < 0 || n > IOV_MAX)
		return FINISH(sockets_refuse(e, EINVAL));
	return FINISH(sockets_send(e, fd, iov, (size_t)n, 0));
}

static SLOW ssize_t recv_ours(int fd, void *buf, size_t n, int flags)
{
	const struct iovec iov = {buf, n};
	struct entry *e = fdtable_get(fd);

	return e ? FINISH(sockets_receive(e, fd, &iov, 1, flags)) : libc.recv(fd, buf, n, flags);
}

EXPORT ssize_t recv(int fd, void *buf, size_t n, int flags)
{
	return fdtable_has(fd) ? recv_ours(fd, buf, n, flags) : libc.recv(fd, buf, n, flags);
}

EXPORT ssize_t recvfrom(int fd, void *restrict buf, size_t n, int flags, __SOCKADDR_ARG sa,
			socklen_t *restrict len)
{
	const struct iovec iov = {buf, n};
	struct entry *e = ours(fd);
	ssize_t r;

	if (!e)
		return libc.recvfrom(fd, buf, n, flags, sa.__sockaddr__, len);
	r = FINISH(sockets_receive(e, fd, &iov, 1, flags));
	if (r >= 0 && sa.__sockaddr__ && len)
		*len = 0; /* as TCP: the peer's address is getpeername's */
	return r;
}

static SLOW ssize_t recvmsg_ours(int fd, struct msghdr *msg, int flags)
{
	struct entry *e = fdtable_get(fd);

	return e ? FINISH(sockets_recvmsg(e, fd, msg, flags)) : libc.recvmsg(fd, msg, flags);
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	return fdtable_has(fd) ? recvmsg_ours(fd, msg, flags) : libc.recvmsg(fd, msg, flags);
}

static SLOW ssize_t read_ours(int fd, void *buf, size_t n)
{
	const struct iovec iov = {buf, n};
	struct entry *e = fdtable_get(fd);

	return e ? FINISH(sockets_read(e, fd, &iov, 1)) : libc.read(fd, buf, n);
}

EXPORT ssize_t read(int fd, void *buf, size_t n)
{
	return fdtable_has(fd) ? read_ours(fd, buf, n) : libc.read(fd, buf, n);
}

EXPORT ssize_t readv(int fd, const struct iovec *iov, int n)
{
	struct entry *e = ours(fd);

	if (!e)
		return libc.readv(fd, iov, n);
	if (n < 0 || n > IOV_MAX)
		return FINISH(sockets_refuse(e, EINVAL));
	return FINISH(sockets_read(e, fd, iov, (size_t)n));
}

/* What a fortified program calls in their place. */
EXPORT ssize_t __read_chk(int fd, void *buf, size_t n, size_t size)
{
	if (n > size)
		__chk_fail();
	return read(fd, buf, n);
}

EXPORT ssize_t __recv_chk(int fd, void *buf, size_t n, size_t size, int flags)
{
	if (n > size)
		__chk_fail();
	return recv(fd, buf, n, flags);
}

EXPORT ssize_t __recvfrom_chk(int fd, void *restrict buf, size_t n, size_t size, int flags,
			      __SOCKADDR_ARG sa, socklen_t *restrict len)
{
	if (n > size)
		__chk_fail();
	return recvfrom(fd, buf, n, flags, sa, len);
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

EXPORT int fcntl(int fd, int cmd, ...) __attribute__((alias("fcntl64")));

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

EXPORT int getaddrinfo(const char *restrict node, const char *restrict service,
		       const struct addrinfo *restrict hints, struct addrinfo **restrict res)
{
	int r = sockets_getaddrinfo(node, service, hints, res);

	if (r == 0)
		names_learn(node, *res);
	return r;
}

EXPORT void freeaddrinfo(struct addrinfo *ai)
{
	names_forget(ai);
	libc.freeaddrinfo(ai);
}
