/* SPDX-License-Identifier: MIT */
/* The names of <sys/socket.h>. */
#include "interpose.h"

#include "api.h"
#include "libc.h"
#include "sockets.h"
#include "spawnfd.h"

#include <errno.h>
#include <stdint.h>
#include <sys/single_threaded.h>
#include <tlssock.h>

EXPORT int socket(int family, int type, int protocol)
{
	if (!sockets_asks_for_tls(family, type, protocol) || !api_ready())
		return fresh(libc.socket(family, type, protocol));
	signals_begin();
	return (int)FINISH(sockets_socket(family, type, protocol));
}

EXPORT int bind(int fd, __CONST_SOCKADDR_ARG sa, socklen_t len)
{
	return (int)SERVE_IF_OURS(fd, sockets_bind(e, fd, sa.__sockaddr__, len),
				  libc.bind(fd, sa.__sockaddr__, len));
}

EXPORT int connect(int fd, __CONST_SOCKADDR_ARG sa, socklen_t len)
{
	return (int)SERVE_IF_OURS(fd, sockets_connect(e, fd, sa.__sockaddr__, len),
				  libc.connect(fd, sa.__sockaddr__, len));
}

ALIAS(__connect, connect);

EXPORT int listen(int fd, int backlog)
{
	return (int)SERVE_IF_OURS(fd, sockets_listen(e, fd, backlog), libc.listen(fd, backlog));
}

EXPORT int accept(int fd, __SOCKADDR_ARG sa, socklen_t *restrict len)
{
	return (int)SERVE_IF_OURS(fd, sockets_accept(e, fd, sa.__sockaddr__, len, 0),
				  fresh(libc.accept(fd, sa.__sockaddr__, len)));
}

EXPORT int accept4(int fd, __SOCKADDR_ARG sa, socklen_t *restrict len, int flags)
{
	return (int)SERVE_IF_OURS(fd, sockets_accept(e, fd, sa.__sockaddr__, len, flags),
				  fresh(libc.accept4(fd, sa.__sockaddr__, len, flags)));
}

EXPORT int shutdown(int fd, int how)
{
	return (int)SERVE_IF_OURS(fd, sockets_shutdown(e, fd, how), libc.shutdown(fd, how));
}

static SLOW int getsockopt_ours(int fd, int level, int name, void *v, socklen_t *len)
{
	/* SO_ERROR is often read into errno itself. */
	bool into_errno = v == &errno && len && *len <= sizeof(int);
	int value = errno, r;

	v = into_errno ? &value : v;
	r = (int)SERVE(fd, sockets_getsockopt(e, fd, level, name, v, len),
		       libc.getsockopt(fd, level, name, v, len));
	if (into_errno && r == 0)
		errno = value;
	return r;
}

EXPORT int getsockopt(int fd, int level, int name, void *restrict v, socklen_t *restrict len)
{
	return fdtable_has(fd) ? getsockopt_ours(fd, level, name, v, len)
			       : libc.getsockopt(fd, level, name, v, len);
}

static SLOW int setsockopt_ours(int fd, int level, int name, const void *v, socklen_t len)
{
	return (int)SERVE(fd, sockets_setsockopt(e, fd, level, name, v, len),
			  libc.setsockopt(fd, level, name, v, len));
}

static SLOW int setsockopt_upgrade(int fd, int level, int name, const void *v, socklen_t len)
{
	int r;

	signals_begin();
	r = (int)FINISH(sockets_upgrade(fd, level, name, v, len));
	return r == 1 ? libc.setsockopt(fd, level, name, v, len) : r;
}

EXPORT int setsockopt(int fd, int level, int name, const void *v, socklen_t len)
{
	if (fdtable_has(fd))
		return setsockopt_ours(fd, level, name, v, len);
	if ((level == SOL_SOCKET && name == SO_PROTOCOL) ||
	    (level == IPPROTO_TCP && name == TCP_UPGRADE_TLS))
		return setsockopt_upgrade(fd, level, name, v, len);
	return libc.setsockopt(fd, level, name, v, len);
}

static SLOW ssize_t send_ours(int fd, const void *buf, size_t n, int flags)
{
	const struct iovec iov = sockets_piece(buf, n);

	return SERVE(fd, sockets_send(e, fd, &iov, 1, flags), libc.send(fd, buf, n, flags));
}

EXPORT ssize_t send(int fd, const void *buf, size_t n, int flags)
{
	return fdtable_has(fd) ? send_ours(fd, buf, n, flags) : libc.send(fd, buf, n, flags);
}

ALIAS(__send, send);

static SLOW ssize_t sendto_ours(int fd, const void *buf, size_t n, int flags,
				const struct sockaddr *sa, socklen_t len)
{
	const struct iovec iov = sockets_piece(buf, n);

	return SERVE(fd, sockets_sendto(e, fd, &iov, flags, sa, len),
		     libc.sendto(fd, buf, n, flags, sa, len));
}

EXPORT ssize_t sendto(int fd, const void *buf, size_t n, int flags, __CONST_SOCKADDR_ARG sa,
		      socklen_t len)
{
	return fdtable_has(fd) ? sendto_ours(fd, buf, n, flags, sa.__sockaddr__, len)
			       : libc.sendto(fd, buf, n, flags, sa.__sockaddr__, len);
}

static SLOW ssize_t sendmsg_ours(int fd, const struct msghdr *msg, int flags)
{
	return SERVE(fd, sockets_sendmsg(e, fd, msg, flags), sendmsg(fd, msg, flags));
}

static SLOW ssize_t sendmsg_beside_ours(int fd, const struct msghdr *msg, int flags)
{
	return spawnfd_passes_ours(msg) ? refuse(EOPNOTSUPP) : libc.sendmsg(fd, msg, flags);
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (fdtable_has(fd))
		return sendmsg_ours(fd, msg, flags);
	if (fdtable_any() && msg->msg_controllen > 0)
		return sendmsg_beside_ours(fd, msg, flags);
	return libc.sendmsg(fd, msg, flags);
}

static SLOW ssize_t recv_ours(int fd, void *buf, size_t n, int flags)
{
	const struct iovec iov = sockets_piece(buf, n);

	return SERVE(fd, sockets_receive(e, fd, &iov, 1, flags), libc.recv(fd, buf, n, flags));
}

EXPORT ssize_t recv(int fd, void *buf, size_t n, int flags)
{
	return fdtable_has(fd) ? recv_ours(fd, buf, n, flags) : libc.recv(fd, buf, n, flags);
}

static SLOW ssize_t recvfrom_ours(int fd, void *buf, size_t n, int flags, struct sockaddr *sa,
				  socklen_t *len)
{
	const struct iovec iov = sockets_piece(buf, n);

	return SERVE(fd, sockets_recvfrom(e, fd, &iov, flags, sa, len),
		     libc.recvfrom(fd, buf, n, flags, sa, len));
}

EXPORT ssize_t recvfrom(int fd, void *restrict buf, size_t n, int flags, __SOCKADDR_ARG sa,
			socklen_t *restrict len)
{
	return fdtable_has(fd) ? recvfrom_ours(fd, buf, n, flags, sa.__sockaddr__, len)
			       : libc.recvfrom(fd, buf, n, flags, sa.__sockaddr__, len);
}

static SLOW ssize_t recvmsg_ours(int fd, struct msghdr *msg, int flags)
{
	return SERVE(fd, sockets_recvmsg(e, fd, msg, flags), recvmsg(fd, msg, flags));
}

static SLOW ssize_t recvmsg_beside_ours(int fd, struct msghdr *msg, int flags)
{
	ssize_t r = libc.recvmsg(fd, msg, flags);

	if (r >= 0 && fdtable_any())
		interpose_fresh_rights(msg);
	return r;
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	if (fdtable_has(fd))
		return recvmsg_ours(fd, msg, flags);
	/* Without a TLS socket nothing may be read that the kernel has not accepted. */
	if (fdtable_any() ? msg->msg_controllen > 0 : !__libc_single_threaded)
		return recvmsg_beside_ours(fd, msg, flags);
	return libc.recvmsg(fd, msg, flags);
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

static SLOW int sendmmsg_ours(int fd, struct mmsghdr *v, unsigned int n, int flags)
{
	return (int)SERVE(fd, sockets_sendmmsg(e, fd, v, n, flags), sendmmsg(fd, v, n, flags));
}

EXPORT int sendmmsg(int fd, struct mmsghdr *v, unsigned int n, int flags)
{
	if (fdtable_has(fd))
		return sendmmsg_ours(fd, v, n, flags);
	for (unsigned int i = 0; fdtable_any() && i < n; i++)
		if (spawnfd_passes_ours(&v[i].msg_hdr))
			return refuse(EOPNOTSUPP);
	return libc.sendmmsg(fd, v, n, flags);
}

static SLOW int recvmmsg_ours(int fd, struct mmsghdr *v, unsigned int n, int flags,
			      struct timespec *timeout)
{
	return (int)SERVE(fd, sockets_recvmmsg(e, fd, v, n, flags, timeout),
			  recvmmsg(fd, v, n, flags, timeout));
}

EXPORT int recvmmsg(int fd, struct mmsghdr *v, unsigned int n, int flags, struct timespec *timeout)
{
	int r;

	if (fdtable_has(fd))
		return recvmmsg_ours(fd, v, n, flags, timeout);
	r = libc.recvmmsg(fd, v, n, flags, timeout);
	for (int i = 0; fdtable_any() && i < r; i++)
		interpose_fresh_rights(&v[i].msg_hdr);
	return r;
}
