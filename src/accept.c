/* SPDX-License-Identifier: MIT */
/* accept and accept4 on a TLS socket. */
#include "adopt.h"
#include "handshake.h"
#include "libc.h"
#include "signals.h"
#include "sockets.h"

#include <errno.h>
#include <string.h>
#include <tlssock.h>

/* What accept does with a descriptor that the kernel gave. */
struct accepted {
	int fd;
	bool waits;		      /* the listener's calls may wait */
	bool dropped;		      /* its handshake failed, and it is closed */
	int rcvlowat, oobinline, inq; /* the listener's */
	struct sockaddr_storage sa;
	socklen_t len;
};

struct accept_wait {
	int fd, flags;
	struct accepted *out;
};

enum { GRACE_MS = 50 };

static int step_others(int fd)
{
	struct signals_wait signals;
	struct pending_wait w;
	int r;

	signals_hold();
	pending_wait_init(&w, NULL, fd, POLLIN, connection_end_ms(GRACE_MS));
	CLEANUP_PUSH(pending_wait_drop, &w);
	r = signals_open(&signals) ? -EINTR : pending_wait_op(&w);
	signals_close(&signals);
	CLEANUP_POP(0);
	handshake_step_ready(&w);
	r = r == -EINTR && signals_restart() ? 0 : r;
	signals_let();
	return r;
}

/*
 * Waits for a client. Unfinished handshakes of this process belong to the threads
 * that serve them; but where nobody serves for a while (one thread accepts two
 * clients before it talks to either) they are stepped from here.
 */
static int wait_with_pending(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int r = libc.poll(&p, 1, GRACE_MS);

	if (r < 0)
		return errno == EINTR ? -ERESTART : -errno;
	while (r == 0 && pending_any()) {
		if (step_others(fd) == -EINTR)
			return -EINTR;
		r = libc.poll(&p, 1, 0);
		r = r < 0 ? 0 : r;
	}
	return 0;
}

static int accept_op(void *arg)
{
	const struct accept_wait *w = arg;
	int r = 0;

	if (pending_any() && !connection_nonblocking(w->fd, 0) &&
	    connection_socket_end_ms(w->fd, SO_RCVTIMEO) < 0)
		r = wait_with_pending(w->fd);
	if (r < 0)
		return r;
	w->out->len = sizeof(w->out->sa);
	w->out->fd = libc.accept4(w->fd, (struct sockaddr *)&w->out->sa, &w->out->len,
				  w->flags | SOCK_CLOEXEC);
	return w->out->fd < 0 ? -errno : 0;
}

/* The handshake of a connection that accept is about to return. */
static int finish_inline(struct connection *c, int fd)
{
	int r = connection_lock(c);

	if (r == 0) {
		r = handshake_run(c, fd, false, -1);
		connection_unlock(c);
	}
	return r;
}

/* A thread cancelled in the handshake of a client that nobody else has heard of. */
struct unfinished {
	int fd;
	struct entry *listener;
};

static void drop_unfinished(void *arg)
{
	const struct unfinished *u = arg;

	sockets_close(u->fd);
	fdtable_put(u->listener);
}

/*
 * Makes the accepted descriptor a TLS socket. Returns it, or a negative errno. The
 * call holds a reference of its own on both.
 */
static int adopt_accepted(struct settings *settings, struct accepted *a, int flags,
			  struct entry *listener)
{
	struct unfinished u = {a->fd, listener};
	struct connection *c = adopt(a->fd, settings, flags & SOCK_CLOEXEC);
	struct entry *e = c ? fdtable_get(a->fd) : NULL;
	int r;

	if (!e || e->object != c) {
		fdtable_put(e);
		return -ENOMEM;
	}
	connection_set_peer(c, NULL, (const struct sockaddr *)&a->sa);
	c->rcvlowat = a->rcvlowat;
	c->oobinline = a->oobinline;
	c->inq = a->inq;
	r = connection_lock(c);
	if (r == 0) {
		handshake_begin(c, a->fd, true);
		connection_unlock(c);
	}
	if (r == 0 && a->waits &&
	    settings_handshake_mode(c->settings, true) == TLS_HANDSHAKE_INLINE) {
		CLEANUP_PUSH(drop_unfinished, &u);
		r = finish_inline(c, a->fd);
		CLEANUP_POP(0);
		a->dropped = r < 0 && r != -EINTR;
	}
	if (r < 0)
		sockets_close(a->fd);
	fdtable_put(e);
	return r < 0 ? r : a->fd;
}

static void give_address(const struct accepted *a, struct sockaddr *sa, socklen_t *len)
{
	if (!sa || !len)
		return;
	memcpy(sa, &a->sa, *len < a->len ? *len : a->len);
	*len = a->len;
}

/* One client. -ECONNABORTED, -EPROTO, …: its handshake failed. */
static int accept_one(struct connection *c, int fd, struct accepted *a, int flags)
{
	struct accept_wait w = {fd, flags, a};
	struct settings *settings;
	int r = connection_lock(c);

	if (r < 0)
		return r;
	if (c->state == STATE_LISTENING) {
		do
			r = connection_wait(c, fd, accept_op, NULL, &w);
		while (r == -ERESTART && connection_restarts(c, -EINTR, -1));
		r = r == -ERESTART ? -EINTR : r;
		r = r == -EPIPE ? -EINVAL : r; /* it listens no more */
	} else {
		r = -EINVAL;
	}
	settings = settings_ref(c->settings);
	a->waits = !connection_nonblocking(fd, 0);
	a->rcvlowat = c->rcvlowat;
	a->oobinline = c->oobinline;
	a->inq = c->inq;
	connection_unlock(c);
	if (r < 0 && a->fd >= 0)
		libc.close(a->fd);
	if (r < 0) {
		settings_put(settings);
		return r;
	}
	return adopt_accepted(settings, a, flags, c->entry);
}

int sockets_accept(struct entry *e, int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	struct connection *c = e->object;
	struct accepted a = {.fd = -1};
	int r = -EBADF;

	if (c && (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)))
		r = -EINVAL;
	else if (c && sa && !len)
		r = -EFAULT;
	else if (c)
		do {
			a = (struct accepted){.fd = -1};
			r = accept_one(c, fd, &a, flags);
			/* With SSA's protocol number a client that fails is not the server's
			 * concern. */
		} while (a.dropped && !c->settings->zephyr);
	if (r >= 0)
		give_address(&a, sa, len);
	if (a.dropped)
		r = -ECONNABORTED;
	fdtable_put(e);
	return r;
}
