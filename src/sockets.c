/* SPDX-License-Identifier: MIT */
#include "sockets.h"

#include "adopt.h"
#include "closing.h"
#include "connection.h"
#include "libc.h"
#include "log.h"
#include "pending.h"
#include "stdiofd.h"
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <netinet/tcp.h>
#include <tlssock.h>

enum { PROTOCOL_DTLS_1_0 = 272, PROTOCOL_DTLS_1_2 = 273, TYPE_MASK = 0xf };

static bool is_dtls(int protocol)
{
	return protocol == PROTOCOL_DTLS_1_0 || protocol == PROTOCOL_DTLS_1_2;
}

bool sockets_asks_for_tls(int family, int type, int protocol)
{
	type &= TYPE_MASK;
	/* Raw sockets carry any protocol; packet and netlink ones number theirs. */
	if (type == SOCK_RAW || !(family == AF_INET || family == AF_INET6 || family == AF_UNIX ||
				  family == AF_HOSTNAME))
		return false;
	return settings_min_version(protocol) >= 0 || is_dtls(protocol);
}

int sockets_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
			struct addrinfo **res)
{
	struct addrinfo asked = {0};
	int r;

	if (!hints ||
	    !(settings_min_version(hints->ai_protocol) >= 0 || is_dtls(hints->ai_protocol)))
		return libc.getaddrinfo(node, service, hints, res);
	asked = *hints;
	asked.ai_protocol = hints->ai_socktype == SOCK_DGRAM ? IPPROTO_UDP : IPPROTO_TCP;
	r = libc.getaddrinfo(node, service, &asked, res);
	for (struct addrinfo *ai = r == 0 ? *res : NULL; ai; ai = ai->ai_next)
		ai->ai_protocol = hints->ai_protocol;
	return r;
}

static int check_kind(int family, int type, int protocol)
{
	type &= TYPE_MASK;
	if (family == AF_UNIX)
		return -EAFNOSUPPORT;
	if (type == SOCK_STREAM)
		return is_dtls(protocol) ? -EPROTOTYPE : 0;
	if (type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	if (protocol != IPPROTO_TLS && !is_dtls(protocol))
		return -EPROTOTYPE;
	log_line(LEVEL_ERROR, "socket: DTLS is not supported by this version");
	return -EPROTONOSUPPORT;
}

int sockets_socket(int family, int type, int protocol)
{
	const int on = 1;
	int r = check_kind(family, type, protocol);
	int fd;

	if (r < 0)
		return r;
	if (family == AF_HOSTNAME)
		family = AF_INET6;
	fd = libc.socket(family, type | SOCK_CLOEXEC, IPPROTO_TCP);
	if (fd < 0)
		return -errno;
	/* An urgent byte is taken out of the stream otherwise, and the record with it. */
	libc.setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
	return adopt(fd, settings_new(protocol), type & SOCK_CLOEXEC) ? fd : -ENOMEM;
}

int sockets_refuse(struct entry *e, int error)
{
	fdtable_put(e);
	return -error;
}

/* Locks the entry's connection, or puts the entry and says why not. */
static int enter(struct entry *e)
{
	int r = e->object ? connection_lock(e->object) : -EBADF;

	if (r < 0)
		fdtable_put(e);
	return r;
}

static int leave(struct entry *e, int r)
{
	connection_unlock(e->object);
	fdtable_put(e);
	return r;
}

int sockets_bind(struct entry *e, int fd, const struct sockaddr *sa, socklen_t len)
{
	struct connection *c = e->object;
	int r = enter(e);

	if (r < 0)
		return r;
	r = c->state != STATE_NEW ? -EINVAL : libc.bind(fd, sa, len) < 0 ? -errno : 0;
	return leave(e, r);
}

/*
 * A silent client is not even returned by accept. As long as the handshake may
 * take, the kernel keeps it back.
 */
static void defer_accept(struct connection *c, int fd)
{
	unsigned int ms = c->settings->handshake_timeout_ms;
	int seconds = ms ? (int)((ms + 999) / 1000) : 3600;

	libc.setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds));
}

static int check_identity(struct connection *c)
{
	char reason[512] = "not enough memory";
	struct credentials *credentials = NULL;
	int r = settings_credentials(c->settings, true, &credentials, reason, sizeof(reason));

	if (r < 0)
		return connection_explain(c, r, "listen", reason);
	if (!credentials_have_identity(credentials))
		r = connection_explain(c, -ENOKEY, "listen",
				       "a server needs a certificate and its key: set "
				       "TLS_CERTIFICATE_CHAIN and TLS_PRIVATE_KEY, or TLSSOCK_CERT "
				       "and TLSSOCK_KEY in the environment");
	credentials_put(credentials);
	return r;
}

int sockets_listen(struct entry *e, int fd, int backlog)
{
	struct connection *c = e->object;
	int r = enter(e);

	if (r < 0)
		return r;
	if (c->state != STATE_NEW && c->state != STATE_LISTENING)
		return leave(e, -EOPNOTSUPP);
	r = check_identity(c);
	if (r == 0) {
		defer_accept(c, fd);
		r = libc.listen(fd, backlog) < 0 ? -errno : 0;
	}
	if (r == 0)
		c->state = STATE_LISTENING;
	return leave(e, r);
}

int sockets_shutdown(struct entry *e, int fd, int how)
{
	int r = e->object ? closing_shutdown(e->object, fd, how) : -EBADF;

	fdtable_put(e);
	return r;
}

/* What names the connection by a number that goes is told, with its lock. */
static void number_goes(struct connection *c, int fd, bool last)
{
	int other = last ? -1 : fdtable_next(0);

	watch_number_goes(c, fd, last);
	if (last || c->pending_fd != fd || !pending_has(c))
		return;
	while (other >= 0 && (other == fd || !fdtable_names(other, c->entry)))
		other = fdtable_next(other + 1);
	if (other >= 0)
		pending_add(c, other, c->handshake_end_ms);
}

/*
 * The real close of a number that is not the connection's last. A call that has the
 * lock may be about to use the number.
 */
static int close_one_of_several(struct connection *c, int fd)
{
	bool locked = connection_lock(c) == 0;
	int r;

	if (locked)
		number_goes(c, fd, false);
	r = libc.close(fd) < 0 ? -errno : 0;
	if (locked)
		connection_unlock(c);
	return r;
}

static void leave_sets(struct connection *c, int fd)
{
	/* Not in a signal handler that interrupted its own thread's call. */
	if (!c->watches || connection_lock(c) < 0)
		return;
	watch_number_goes(c, fd, true);
	connection_unlock(c);
}

int sockets_close(int fd)
{
	struct entry *e;
	bool last = false;
	int r;

	/* A vfork child closes its own copy of the descriptor, not our parent's table. */
	if (owner_in_vfork_child() || owner_orphaned()) {
		if (owner_orphaned())
			fdtable_clear(fd);
		return libc.close(fd) < 0 ? -errno : 0;
	}
	e = fdtable_begin_close(fd, &last);
	if (!e)
		return -EBADF;
	stdiofd_release(fd);
	if (last) {
		leave_sets(e->object, fd);
		closing_last(e->object, fd);
		r = libc.close(fd) < 0 ? -errno : 0;
	} else {
		r = close_one_of_several(e->object, fd);
	}
	fdtable_end_close(fd);
	fdtable_put(e);
	return r;
}

/* Closes, in the kernel, what is not ours between two numbers. */
static int close_plain(unsigned int first, unsigned int last, int flags)
{
	if (first > last)
		return 0;
	return libc.close_range(first, last, flags) < 0 ? -errno : 0;
}

int sockets_close_range(unsigned int first, unsigned int last, int flags)
{
	int r = first > last ? -EINVAL : 0;

	while (r == 0 && first <= last) {
		int fd = first > INT_MAX ? -1 : fdtable_next((int)first);

		if (fd < 0 || (unsigned int)fd > last)
			return close_plain(first, last, flags);
		if (fd > 0)
			r = close_plain(first, (unsigned int)fd - 1, flags);
		if (r == 0 && (flags & CLOSE_RANGE_CLOEXEC))
			fdtable_set_cloexec(fd, true);
		else if (r == 0)
			sockets_close(fd); /* the library's own stay open */
		first = (unsigned int)fd + 1;
	}
	return r;
}

int sockets_dup(struct entry *e, int fd, int min, bool cloexec)
{
	int to = -EBADF;

	if (e->object)
		to = libc.fcntl64(fd, F_DUPFD_CLOEXEC, min);
	if (to == -1)
		to = -errno;
	if (to < 0 || owner_in_vfork_child()) {
		fdtable_put(e);
		return to;
	}
	return adopt_number(to, e, cloexec);
}

/* The descriptor itself; in the kernel ours always has FD_CLOEXEC. */
static int real_dup_to(int fd, int to, bool cloexec)
{
	int r = libc.dup3(fd, to, cloexec ? O_CLOEXEC : 0);

	return r < 0 ? -errno : r;
}

/* dup2 with nothing of ours to be careful with, or in a child that must not touch the table. */
static int dup_plainly(int fd, int to, bool cloexec)
{
	bool ours = fdtable_has(fd);

	if (owner_orphaned() && fd != to)
		fdtable_clear(to);
	return real_dup_to(fd, to, cloexec || ours);
}

/*
 * A TLS socket onto a number that is not ours. A thread that writes to the number
 * meanwhile waits for the end: it must not meet the bare connection.
 */
static int dup_onto_plain(int fd, int to, struct entry *e, bool cloexec)
{
	int r = fdtable_begin_open(to);

	if (r == 0)
		r = real_dup_to(fd, to, true);
	if (r >= 0)
		return adopt_number(to, e, cloexec);
	if (to >= 0 && fdtable_has(to))
		fdtable_end_close(to);
	fdtable_put(e);
	return r;
}

/*
 * Onto one of ours. What was there is let go only when the number is no longer its
 * own: should dup fail, the number is what it was.
 */
static int dup_onto_ours(int fd, int to, struct entry *e, bool cloexec)
{
	bool last = false, was_cloexec = fdtable_cloexec(to);
	struct entry *old = fdtable_begin_close(to, &last);
	int copy = old ? fdtable_high_dup(to) : -EBUSY; /* the library's own */
	bool locked = old && connection_lock(old->object) == 0;
	int r = copy;

	if (locked && copy >= 0)
		number_goes(old->object, to, last);
	if (copy >= 0)
		r = real_dup_to(fd, to, cloexec || e);
	if (locked)
		connection_unlock(old->object);
	if (r < 0) {
		if (old)
			fdtable_install(to, old, was_cloexec);
	} else {
		stdiofd_release(to);
		if (e)
			adopt_number(to, e, cloexec);
		else
			fdtable_end_close(to);
		if (last)
			closing_last(old->object, copy);
	}
	if (r < 0)
		fdtable_put(e);
	if (copy >= 0)
		libc.close(copy);
	fdtable_put(old);
	return r;
}

int sockets_dup_to(int fd, int to, bool cloexec)
{
	struct entry *e;

	if (owner_in_vfork_child() || owner_orphaned() || fd == to)
		return dup_plainly(fd, to, cloexec);
	if (libc.fcntl64(fd, F_GETFD) < 0)
		return -EBADF;
	e = fdtable_get(fd);
	if (e && !e->object)
		return -EBADF;
	return fdtable_has(to) ? dup_onto_ours(fd, to, e, cloexec)
			       : dup_onto_plain(fd, to, e, cloexec);
}

int sockets_get_cloexec(struct entry *e, int fd)
{
	int r = e->object ? (fdtable_cloexec(fd) ? FD_CLOEXEC : 0) : -EBADF;

	fdtable_put(e);
	return r;
}

int sockets_set_cloexec(struct entry *e, int fd, bool on)
{
	int r = e->object ? 0 : -EBADF;

	if (r == 0)
		fdtable_set_cloexec(fd, on);
	fdtable_put(e);
	return r;
}
