/* SPDX-License-Identifier: MIT */
/*
 * What each socket call means for a TLS socket. The functions that take an entry
 * take over its reference. They return what the call returns, or a negative errno.
 */
#ifndef SOCKETS_H
#define SOCKETS_H

#include "fdtable.h"

#include <netdb.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

/* True if socket() with these arguments asks for TLS. */
bool sockets_asks_for_tls(int family, int type, int protocol);

/*
 * getaddrinfo(3), but that hints may name one of our protocols, as a program does that
 * passes a socket's own on. Returns as that does.
 */
int sockets_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
			struct addrinfo **res);

int sockets_socket(int family, int type, int protocol);
int sockets_bind(struct entry *e, int fd, const struct sockaddr *sa, socklen_t len);
int sockets_connect(struct entry *e, int fd, const struct sockaddr *sa, socklen_t len);
int sockets_listen(struct entry *e, int fd, int backlog);
int sockets_accept(struct entry *e, int fd, struct sockaddr *sa, socklen_t *len, int flags);
int sockets_shutdown(struct entry *e, int fd, int how);
int sockets_close(int fd);

/* close_range(2): ours one by one, the rest in the kernel. */
int sockets_close_range(unsigned int first, unsigned int last, int flags);

/* F_DUPFD and kin: a new number, at least min. */
int sockets_dup(struct entry *e, int fd, int min, bool cloexec);

/* dup2 and dup3, where one of the numbers or both are ours. */
int sockets_dup_to(int fd, int to, bool cloexec);

/* F_GETFD and F_SETFD: the flag that the program sees. */
int sockets_get_cloexec(struct entry *e, int fd);
int sockets_set_cloexec(struct entry *e, int fd, bool on);

ssize_t sockets_send(struct entry *e, int fd, const struct iovec *iov, size_t n, int flags);
/* read and readv: no bytes asked for are none, at once. */
ssize_t sockets_read(struct entry *e, int fd, const struct iovec *iov, size_t n);
ssize_t sockets_receive(struct entry *e, int fd, const struct iovec *iov, size_t n, int flags);
ssize_t sockets_sendmsg(struct entry *e, int fd, const struct msghdr *msg, int flags);
ssize_t sockets_recvmsg(struct entry *e, int fd, struct msghdr *msg, int flags);

int sockets_getsockopt(struct entry *e, int fd, int level, int name, void *v, socklen_t *len);
int sockets_setsockopt(struct entry *e, int fd, int level, int name, const void *v, socklen_t len);

/*
 * FIONREAD: how much plaintext can be read without waiting. FIOCLEX and FIONCLEX as
 * F_SETFD. Others are the kernel's.
 */
int sockets_ioctl(struct entry *e, int fd, unsigned long request, void *arg);

/* For a call that TLS sockets do not have yet, or never: drops the reference. */
int sockets_refuse(struct entry *e, int error);

#endif /* SOCKETS_H */
