/* SPDX-License-Identifier: MIT */
/*
 * zephyr/net/socket.h - Zephyr's sockets on Linux: its names for the calls of libc, which
 * libtlssock stands in front of, and for their types and constants. A program that says
 * zsock_socket(…, IPPROTO_TLS_1_2) compiles as it is; so does one that uses the POSIX
 * names, which Zephyr has with CONFIG_POSIX_API. zsock_* return as libc's do: -1 and
 * errno.
 *
 * The types are libc's own under Zephyr's names, so that both can be mixed.
 */
#ifndef ZEPHYR_INCLUDE_NET_SOCKET_H_
#define ZEPHYR_INCLUDE_NET_SOCKET_H_

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <tlssock.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

#define zsock_pollfd pollfd
#define zsock_addrinfo addrinfo
#define zsock_fd_set fd_set
#define zsock_timeval timeval

#define ZSOCK_POLLIN POLLIN
#define ZSOCK_POLLPRI POLLPRI
#define ZSOCK_POLLOUT POLLOUT
#define ZSOCK_POLLERR POLLERR
#define ZSOCK_POLLHUP POLLHUP
#define ZSOCK_POLLNVAL POLLNVAL

#define ZSOCK_MSG_PEEK MSG_PEEK
#define ZSOCK_MSG_CTRUNC MSG_CTRUNC
#define ZSOCK_MSG_TRUNC MSG_TRUNC
#define ZSOCK_MSG_DONTWAIT MSG_DONTWAIT
#define ZSOCK_MSG_WAITALL MSG_WAITALL

#define ZSOCK_SHUT_RD SHUT_RD
#define ZSOCK_SHUT_WR SHUT_WR
#define ZSOCK_SHUT_RDWR SHUT_RDWR

#define ZVFS_F_GETFL F_GETFL
#define ZVFS_F_SETFL F_SETFL
#define ZVFS_O_NONBLOCK O_NONBLOCK
#define ZFD_IOCTL_FIONBIO FIONBIO
#define ZFD_IOCTL_FIONREAD FIONREAD
#define ZSOCK_FD_SETSIZE FD_SETSIZE

#define ZSOCK_FD_ZERO(set) FD_ZERO(set)
#define ZSOCK_FD_SET(fd, set) FD_SET(fd, set)
#define ZSOCK_FD_CLR(fd, set) FD_CLR(fd, set)
#define ZSOCK_FD_ISSET(fd, set) FD_ISSET(fd, set)

static inline int zsock_socket(int family, int type, int proto)
{
	return socket(family, type, proto);
}

static inline int zsock_socketpair(int family, int type, int proto, int *sv)
{
	return socketpair(family, type, proto, sv);
}

static inline int zsock_close(int sock)
{
	return close(sock);
}

static inline int zsock_shutdown(int sock, int how)
{
	return shutdown(sock, how);
}

static inline int zsock_bind(int sock, const struct sockaddr *addr, socklen_t addrlen)
{
	return bind(sock, addr, addrlen);
}

static inline int zsock_connect(int sock, const struct sockaddr *addr, socklen_t addrlen)
{
	return connect(sock, addr, addrlen);
}

static inline int zsock_listen(int sock, int backlog)
{
	return listen(sock, backlog);
}

static inline int zsock_accept(int sock, struct sockaddr *addr, socklen_t *addrlen)
{
	return accept(sock, addr, addrlen);
}

static inline ssize_t zsock_send(int sock, const void *buf, size_t len, int flags)
{
	return send(sock, buf, len, flags);
}

static inline ssize_t zsock_sendto(int sock, const void *buf, size_t len, int flags,
				   const struct sockaddr *addr, socklen_t addrlen)
{
	return sendto(sock, buf, len, flags, addr, addrlen);
}

static inline ssize_t zsock_sendmsg(int sock, const struct msghdr *msg, int flags)
{
	return sendmsg(sock, msg, flags);
}

static inline ssize_t zsock_recv(int sock, void *buf, size_t len, int flags)
{
	return recv(sock, buf, len, flags);
}

static inline ssize_t zsock_recvfrom(int sock, void *buf, size_t len, int flags,
				     struct sockaddr *addr, socklen_t *addrlen)
{
	return recvfrom(sock, buf, len, flags, addr, addrlen);
}

static inline ssize_t zsock_recvmsg(int sock, struct msghdr *msg, int flags)
{
	return recvmsg(sock, msg, flags);
}

/* An int behind it at most, as in Zephyr. */
static inline int zsock_fcntl(int sock, int cmd, ...)
{
	va_list ap;
	int flags;

	va_start(ap, cmd);
	flags = va_arg(ap, int);
	va_end(ap);
	return fcntl(sock, cmd, flags);
}

static inline int zsock_ioctl(int sock, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	return ioctl(sock, request, arg);
}

static inline int zsock_poll(struct zsock_pollfd *fds, int nfds, int timeout)
{
	return poll(fds, (nfds_t)nfds, timeout);
}

static inline int zsock_select(int nfds, zsock_fd_set *readfds, zsock_fd_set *writefds,
			       zsock_fd_set *exceptfds, struct zsock_timeval *timeout)
{
	return select(nfds, readfds, writefds, exceptfds, timeout);
}

static inline int zsock_getsockopt(int sock, int level, int optname, void *optval,
				   socklen_t *optlen)
{
	return getsockopt(sock, level, optname, optval, optlen);
}

static inline int zsock_setsockopt(int sock, int level, int optname, const void *optval,
				   socklen_t optlen)
{
	return setsockopt(sock, level, optname, optval, optlen);
}

static inline int zsock_getpeername(int sock, struct sockaddr *addr, socklen_t *addrlen)
{
	return getpeername(sock, addr, addrlen);
}

static inline int zsock_getsockname(int sock, struct sockaddr *addr, socklen_t *addrlen)
{
	return getsockname(sock, addr, addrlen);
}

static inline int zsock_gethostname(char *buf, size_t len)
{
	return gethostname(buf, len);
}

static inline int zsock_getaddrinfo(const char *host, const char *service,
				    const struct zsock_addrinfo *hints, struct zsock_addrinfo **res)
{
	return getaddrinfo(host, service, hints, res);
}

static inline void zsock_freeaddrinfo(struct zsock_addrinfo *ai)
{
	freeaddrinfo(ai);
}

static inline const char *zsock_gai_strerror(int errcode)
{
	return gai_strerror(errcode);
}

static inline int zsock_getnameinfo(const struct sockaddr *addr, socklen_t addrlen, char *host,
				    socklen_t hostlen, char *serv, socklen_t servlen, int flags)
{
	return getnameinfo(addr, addrlen, host, hostlen, serv, servlen, flags);
}

static inline const char *zsock_inet_ntop(sa_family_t family, const void *src, char *dst,
					  size_t size)
{
	return inet_ntop(family, src, dst, (socklen_t)size);
}

static inline int zsock_inet_pton(sa_family_t family, const char *src, void *dst)
{
	return inet_pton(family, src, dst);
}

#ifdef __cplusplus
}
#endif

#endif /* ZEPHYR_INCLUDE_NET_SOCKET_H_ */
