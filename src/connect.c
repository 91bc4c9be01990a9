/* SPDX-License-Identifier: MIT */
/* connect on a TLS socket, by address and by name. */
#include "connection.h"
#include "dissolve.h"
#include "expect.h"
#include "handshake.h"
#include "libc.h"
#include "names.h"
#include "prepare.h"
#include "settingsshare.h"
#include "signals.h"
#include "sockets.h"
#include "watch.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>

enum { NEXT_ADDRESS_MS = 5000 };

struct connect_wait {
	struct connection *c;
	int fd;
	const struct sockaddr *sa;
	socklen_t len;
	bool begun;
};

static int connect_op(void *arg)
{
	struct connect_wait *w = arg;

	w->begun = true;
	return libc.connect(w->fd, w->sa, w->len) < 0 ? -errno : 0;
}

static void not_begun(struct connection *c)
{
	c->state = STATE_NEW;
	watch_end(c);
}

/* TCP goes on by itself: as after an interrupted call. */
static void leave_connect(void *arg)
{
	const struct connect_wait *w = arg;
	struct connection *c = w->c;

	if (connection_lock(c) < 0)
		return;
	c->calling = false;
	if (c->state == STATE_CONNECTING && !w->begun)
		not_begun(c);
	else if (c->state == STATE_CONNECTING && !c->closing)
		pending_add(c, w->fd, -1);
	connection_unlock(c);
}

static int domain_of(int fd)
{
	int domain = 0;
	socklen_t size = sizeof(domain);

	libc.getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
	return domain;
}

/* A socket made for names is an AF_INET6 one: IPv4 addresses are mapped. */
static const struct sockaddr *map_address(int fd, const struct sockaddr *sa, socklen_t *len,
					  struct sockaddr_in6 *mapped)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)sa;

	if (domain_of(fd) != AF_INET6 || sa->sa_family != AF_INET || *len < sizeof(*in))
		return sa;
	*mapped = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = in->sin_port};
	mapped->sin6_addr.s6_addr[10] = mapped->sin6_addr.s6_addr[11] = 0xff;
	memcpy(&mapped->sin6_addr.s6_addr[12], &in->sin_addr, 4);
	*len = sizeof(*mapped);
	return (const struct sockaddr *)mapped;
}

/* TCP's part. 0, -EINPROGRESS (the state says so then), or its error. */
static int connect_tcp(struct connection *c, int fd, const struct sockaddr *sa, socklen_t len)
{
	struct sockaddr_in6 mapped;
	struct connect_wait w = {.c = c, .fd = fd, .len = len};
	int r;

	w.sa = map_address(fd, sa, &w.len, &mapped);
	/* No handshake could be had of what the program has shut: shut again after it. */
	if (c->shut_early)
		dissolve_tcp(fd);
	/* Before the wait: a second thread must not begin a connect of its own. */
	c->state = STATE_CONNECTING;
	c->so_error = 0;
	c->calling = true;
	watch_begin(c);
	r = connection_wait_begun(c, fd, connect_op, leave_connect, &w, &w.begun);
	c->calling = false;
	if (r < 0 && r != -EINPROGRESS && r != -EINTR && c->state == STATE_CONNECTING)
		not_begun(c);
	if ((r == -EINPROGRESS || r == -EINTR) && c->state == STATE_CONNECTING)
		pending_add(c, fd, -1);
	return r;
}

/* TCP is up. */
static int after_tcp(struct connection *c, int fd)
{
	bool nonblock = connection_nonblocking(fd, 0);
	bool later = settings_handshake_mode(c->settings, false) == TLS_HANDSHAKE_DEFERRED;
	int r;

	if (c->state == STATE_CONNECTING)
		handshake_begin(c, fd, false);
	if (later) {
		/*
		 * It still starts: a server's accept waits for our first bytes. Should it
		 * fail already, the first call that needs it says so. Early data goes with
		 * these bytes.
		 */
		if (!c->held_back)
			handshake_step(c, fd);
		return 0;
	}
	r = handshake_run(c, fd, nonblock,
			  nonblock ? -1 : connection_socket_end_ms(fd, SO_SNDTIMEO));
	return r == -EAGAIN ? -EINPROGRESS : r;
}

static int connect_to(struct connection *c, int fd, const struct sockaddr *sa, socklen_t len,
		      const char *name, const char *peer)
{
	int r;

	connection_set_peer(c, name, sa);
	r = prepare_connect(c, name, peer, sa);
	if (r < 0)
		return r;
	r = connect_tcp(c, fd, sa, len);
	return r < 0 ? r : after_tcp(c, fd);
}

/* As the kernel does, but that AF_INET is mapped. */
static int check_address(int fd, const struct sockaddr *sa, socklen_t len)
{
	int domain = domain_of(fd);
	bool in = domain == AF_INET || sa->sa_family == AF_INET;

	/* The kernel takes an AF_INET6 address without its scope (RFC 2133) too. */
	if (len < (in ? sizeof(struct sockaddr_in) : offsetof(struct sockaddr_in6, sin6_scope_id)))
		return -EINVAL;
	return sa->sa_family == AF_INET || sa->sa_family == domain ? 0 : -EAFNOSUPPORT;
}

static int connect_address(struct connection *c, int fd, const struct sockaddr *sa, socklen_t len)
{
	char name[EXPECT_SIZE];
	bool none = false;
	int r = check_address(fd, sa, len);

	if (r < 0)
		return r;
	r = expect_name(c, sa, name, &none);
	if (r < 0)
		return connection_explain(c, r, "connect", expect_unclear);
	/* Whom it speaks to is not to be hidden by not verifying it. */
	if (none && names_find(sa, name, EXPECT_SIZE) == 0)
		names_format(sa, 0, name, EXPECT_SIZE);
	return connect_to(c, fd, sa, len, none ? NULL : name, name);
}

/* One address of several is not waited for as long as TCP would. */
static int try_address(struct connection *c, int fd, const struct addrinfo *ai)
{
	const struct timeval short_time = {.tv_sec = NEXT_ADDRESS_MS / 1000};
	struct timeval old = {0};
	socklen_t len = sizeof(old);
	bool bounded = ai->ai_next && !connection_nonblocking(fd, 0);
	int r;

	if (bounded) {
		libc.getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &old, &len);
		libc.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &short_time, sizeof(short_time));
	}
	r = connect_tcp(c, fd, ai->ai_addr, ai->ai_addrlen);
	if (bounded)
		libc.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &old, sizeof(old));
	if (bounded && r == -EINPROGRESS) {
		dissolve_tcp(fd);
		c->state = STATE_NEW;
		pending_remove(c);
		watch_end(c);
		r = -ETIMEDOUT;
	}
	return r;
}

static int connect_list(struct connection *c, int fd, struct addrinfo *list, in_port_t port,
			const char *name, const char *verified)
{
	int r = -EHOSTUNREACH;

	for (struct addrinfo *ai = list; ai; ai = ai->ai_next) {
		/* The port stands at the same place in both address structures. */
		((struct sockaddr_in *)ai->ai_addr)->sin_port = port;
		connection_set_peer(c, name, ai->ai_addr);
		r = prepare_connect(c, verified, verified ? verified : name, ai->ai_addr);
		if (r < 0)
			return r;
		r = try_address(c, fd, ai);
		if (r == 0)
			return after_tcp(c, fd);
		if (r == -EINPROGRESS || r == -EINTR || r == -EBADF || r == -EPIPE)
			return r;
	}
	return r;
}

static void free_list(void *list)
{
	libc.freeaddrinfo(list);
}

/* connect on a socket that is connecting, or connected. */
static int connect_again(struct connection *c, int fd)
{
	bool nonblock = connection_nonblocking(fd, 0);
	int r;

	if (c->state == STATE_CONNECTING) {
		r = handshake_tcp_done(c, fd, nonblock, -1);
		if (r < 0)
			return r == -EAGAIN ? -EALREADY : (int)connection_told(c, r);
	}
	if (c->state == STATE_HANDSHAKE) {
		r = handshake_run(c, fd, nonblock, -1);
		return r == -EAGAIN ? -EALREADY : r;
	}
	if (c->state == STATE_FAILED)
		return c->error;
	return -EISCONN;
}

struct resolve_wait {
	const char *name;
	struct addrinfo **list;
	bool begun;
};

static int resolve_op(void *arg)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct resolve_wait *w = arg;

	w->begun = true;
	return libc.getaddrinfo(w->name, NULL, &hints, w->list) == 0 ? 0 : -EHOSTUNREACH;
}

static int connect_name(struct connection *c, int fd, const struct sockaddr_host *host,
			socklen_t len)
{
	const struct setting *hostname;
	char name[EXPECT_SIZE] = "";
	struct addrinfo *list = NULL;
	struct resolve_wait w = {name, &list, false};
	const char *verified;
	int r;

	if (len <= offsetof(struct sockaddr_host, sh_addr))
		return -EINVAL;
	len -= offsetof(struct sockaddr_host, sh_addr);
	memcpy(name, host->sh_addr.name, len < EXPECT_SIZE - 1 ? len : EXPECT_SIZE - 1);
	if (!name[0])
		return -EINVAL;
	r = connection_wait_begun(c, fd, resolve_op, NULL, &w, &w.begun);
	if (r < 0 && list)
		libc.freeaddrinfo(list);
	if (r == -EHOSTUNREACH)
		return connection_explain(c, r, name, "the name cannot be resolved");
	if (r < 0)
		return r;
	if (c->state != STATE_NEW) {
		libc.freeaddrinfo(list);
		return connect_again(c, fd);
	}
	/* Not before the wait: meanwhile a thread may set it. */
	hostname = &c->settings->values[SETTING_HOSTNAME];
	verified = hostname->told ? hostname->data : name;
	CLEANUP_PUSH(free_list, list);
	r = connect_list(c, fd, list, host->sh_port, name, verified);
	CLEANUP_POP(1);
	return r;
}

/* A connect that failed, of which no call has told yet. The socket can be used again. */
static int failed_unseen(struct connection *c, int fd)
{
	dissolve_tcp(fd);
	return (int)connection_told(c, -c->so_error);
}

static int connect_locked(struct connection *c, int fd, const struct sockaddr *sa, socklen_t len)
{
	if (!sa)
		return -EFAULT;
	if (len < sizeof(sa->sa_family))
		return -EINVAL;
	if (sa->sa_family == AF_UNSPEC)
		return dissolve(c, fd);
	if (c->state != STATE_NEW)
		return connect_again(c, fd);
	if (c->so_error)
		return failed_unseen(c, fd);
	settingsshare(&c->settings);
	if (sa->sa_family == AF_HOSTNAME)
		return connect_name(c, fd, (const struct sockaddr_host *)sa, len);
	return connect_address(c, fd, sa, len);
}

int sockets_connect(struct entry *e, int fd, const struct sockaddr *sa, socklen_t len)
{
	struct connection *c = e->object;
	int r = c ? connection_lock(c) : -EBADF;

	if (r == 0) {
		r = connect_locked(c, fd, sa, len);
		connection_unlock(c);
	}
	fdtable_put(e);
	return r;
}
