/* SPDX-License-Identifier: MIT */
/*
 * What each socket call means for a TLS socket. The functions that take an entry
 * take over its reference. They return what the call returns, or a negative errno.
 */
#ifndef SOCKETS_H
#define SOCKETS_H

#include "cursor.h"
#include "fdtable.h"

#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

/* The memory of a call: what is over the kernel's limit is left for the next one. */
static inline struct iovec sockets_piece(const void *buf, size_t n)
{
	return (struct iovec){(void *)(uintptr_t)buf, n < CURSOR_MOST ? n : CURSOR_MOST};
}

/* True if socket() with these arguments asks for TLS. */
bool sockets_asks_for_tls(int family, int type, int protocol);

/*
 * getaddrinfo(3), but that hints may name one of our protocols, as a program does that
 * passes a socket's own on. Returns as that does.
 */
int sockets_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
			struct addrinfo **res);

/*
 * setsockopt on what is no TLS socket: SO_PROTOCOL with a protocol of ours, or
 * TCP_UPGRADE_TLS. 1: it is neither, and the kernel is to be asked.
 */
int sockets_upgrade(int fd, int level, int name, const void *v, socklen_t len);

/*
 * setsockopt SO_PROTOCOL on a TLS socket: one that was upgraded becomes a TCP socket again.
 * It waits as recv does.
 */
int sockets_downgrade(struct entry *e, int fd, const void *v, socklen_t len);

int sockets_socket(int family, int type, int protocol);
int sockets_bind(struct entry *e, int fd, const struct sockaddr *sa, socklen_t len);
int sockets_connect(struct entry *e, int fd, const struct sockaddr *sa, socklen_t len);
int sockets_listen(struct entry *e, int fd, int backlog);
int sockets_accept(struct entry *e, int fd, struct sockaddr *sa, socklen_t *len, int flags);
int sockets_shutdown(struct entry *e, int fd, int how);
int sockets_close(int fd);

/* For a caller that holds no signals, where libc's close is no cancellation point. */
int sockets_close_whole(int fd);

/*
 * The number is another file's by now, or nobody's: it was closed past us. Forgets what
 * it named, which cannot take leave of its peer any more; the file is left alone.
 */
void sockets_forget(int fd);

/* If it is so, which costs a system call: forgets it and returns true. */
bool sockets_stale(int fd);

/*
 * A new number of an open file that is perhaps one of ours: then it is a duplicate like
 * dup's, with FD_CLOEXEC. Returns the number or a negative errno.
 */
int sockets_twin(int fd);

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
ssize_t sockets_receive(struct entry *e, int fd, const struct iovec *iov, size_t n, int flags);

/* No bytes asked for are none, at once. rwf: preadv2's RWF_ flags. */
ssize_t sockets_readv(struct entry *e, int fd, const struct iovec *iov, int n, int rwf);
ssize_t sockets_writev(struct entry *e, int fd, const struct iovec *iov, int n, int rwf);

ssize_t sockets_sendto(struct entry *e, int fd, const struct iovec *iov, int flags,
		       const struct sockaddr *sa, socklen_t len);
ssize_t sockets_recvfrom(struct entry *e, int fd, const struct iovec *iov, int flags,
			 struct sockaddr *sa, socklen_t *len);
ssize_t sockets_sendmsg(struct entry *e, int fd, const struct msghdr *msg, int flags);
ssize_t sockets_recvmsg(struct entry *e, int fd, struct msghdr *msg, int flags);
int sockets_sendmmsg(struct entry *e, int fd, struct mmsghdr *v, unsigned int n, int flags);
int sockets_recvmmsg(struct entry *e, int fd, struct mmsghdr *v, unsigned int n, int flags,
		     struct timespec *timeout);

/* One of the numbers or both are ours. */
ssize_t sockets_sendfile(int out, int in, off64_t *off, size_t n);
ssize_t sockets_splice(int in, const off64_t *in_off, int out, const off64_t *out_off, size_t n,
		       unsigned int flags);

int sockets_getsockopt(struct entry *e, int fd, int level, int name, void *v, socklen_t *len);
int sockets_setsockopt(struct entry *e, int fd, int level, int name, const void *v, socklen_t len);

/*
 * For a listener: a silent client is not even returned by accept. The kernel keeps it back
 * as long as the handshake may take, or longer if the program wants that.
 */
struct connection;
void sockets_defer_accept(const struct connection *c, int fd);

/*
 * FIONREAD: how much plaintext can be read without waiting. SIOCOUTQ and SIOCOUTQNSD count
 * ciphertext, ours too. FIOCLEX and FIONCLEX as F_SETFD. Others are the kernel's.
 */
int sockets_ioctl(struct entry *e, int fd, unsigned long request, void *arg);

/* For a call that TLS sockets do not have yet, or never: drops the reference. */
int sockets_refuse(struct entry *e, int error);

#endif /* SOCKETS_H */
