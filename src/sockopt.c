/* SPDX-License-Identifier: MIT */
/* getsockopt and setsockopt on a TLS socket. */
#include "handshake.h"
#include "libc.h"
#include "options.h"
#include "output.h"
#include "sockets.h"

#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>

static bool is_tls_level(int level)
{
	return level == IPPROTO_TLS || level == SOL_TLS;
}

/* Gives a value as getsockopt does. */
static int give(const struct option_value *value, bool prefix, void *v, socklen_t *len)
{
	size_t n = value->len;

	if (n > *len && !prefix) {
		*len = (socklen_t)n;
		return -ERANGE;
	}
	n = n < *len ? n : *len;
	if (n && !v)
		return -EFAULT;
	if (n)
		memcpy(v, value->data, n);
	*len = (socklen_t)n;
	return 0;
}

/* A fact needs the handshake, which may not have run yet. */
static int need_open(struct connection *c, int fd)
{
	int r;

	if (c->state == STATE_FAILED && c->was_open)
		return 0;
	r = handshake_need(c, fd, connection_nonblocking(fd, 0), -1);
	return r == -EAGAIN ? -ENOTCONN : r;
}

static int get_tls(struct connection *c, int fd, int name, void *v, socklen_t *len)
{
	const struct option *option = options_find(name);
	struct option_value value = {0};
	int r = 0;

	if (!option || !option->get)
		return -ENOPROTOOPT;
	/* On an accepted socket these two are facts. */
	if (option->fact || ((name == TLS_HOSTNAME || name == TLS_ALPN) && c->server))
		r = need_open(c, fd);
	if (r == 0)
		r = option->get(c, name, &value);
	if (r == 0)
		r = give(&value, option->prefix, v, len);
	free(value.data);
	return r;
}

static int set_tls(struct connection *c, int name, const void *v, socklen_t len)
{
	const struct option *option = options_find(name);
	int r;

	if (!option || !option->set)
		return -ENOPROTOOPT;
	if (option->early && c->state != STATE_NEW && c->state != STATE_LISTENING)
		return -EISCONN;
	if (!v && len)
		return -EFAULT;
	/* Only the name may be nothing at all. */
	if (!len && name != TLS_HOSTNAME && name != TLS_HOSTNAME_ZEPHYR)
		return -EINVAL;
	r = settings_own(&c->settings);
	return r < 0 ? r : option->set(c, name, v, len);
}

/* Options of lower levels that have another meaning on a TLS socket. */
static int *virtual_int(struct connection *c, int level, int name)
{
	if (level == IPPROTO_TCP && name == TCP_INQ)
		return &c->inq;
	if (level != SOL_SOCKET)
		return NULL;
	/* The kernel counts ciphertext; and it keeps a great SO_RCVLOWAT's buffer for good. */
	if (name == SO_RCVLOWAT)
		return &c->rcvlowat;
	return name == SO_OOBINLINE ? &c->oobinline : NULL;
}

static int give_int(int n, void *v, socklen_t *len)
{
	const struct option_value value = {&n, sizeof(n)};

	return give(&value, true, v, len);
}

static int get_locked(struct connection *c, int fd, int level, int name, void *v, socklen_t *len)
{
	int error = c->so_error;
	int *virtual = virtual_int(c, level, name);

	if (is_tls_level(level))
		return get_tls(c, fd, name, v, len);
	if (virtual)
		return give_int(*virtual, v, len);
	if (level == IPPROTO_TCP && name == TCP_NODELAY && c->hurried)
		return give_int(0, v, len);
	if (level == SOL_SOCKET && name == SO_PROTOCOL)
		return give_int(c->settings->protocol, v, len);
	if (level == SOL_SOCKET && name == SO_ERROR && error) {
		c->so_error = 0;
		return give_int(error, v, len);
	}
	return libc.getsockopt(fd, level, name, v, len) < 0 ? -errno : 0;
}

/* As TCP reads them back, but for the limit that its memory sets to the first. */
static int set_virtual(int level, int name, int *virtual, const void *v, socklen_t len)
{
	int n;

	if (len < sizeof(n))
		return -EINVAL;
	memcpy(&n, v, sizeof(n));
	if (level == IPPROTO_TCP && (n < 0 || n > 1))
		return -EINVAL;
	if (level == IPPROTO_TCP)
		*virtual = n;
	else if (name == SO_OOBINLINE)
		*virtual = n != 0;
	else
		*virtual = n < 0 ? INT_MAX : n ? n : 1;
	return 0;
}

/* It is on until the first data is sent: after that the program's wish holds. */
static int set_nodelay(struct connection *c, int fd, const void *v, socklen_t len)
{
	int on;

	if (len < sizeof(on))
		return -EINVAL;
	memcpy(&on, v, sizeof(on));
	c->hurried = !on;
	return libc.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) < 0 ? -errno
											 : 0;
}

/* It leaves with what is sent next, if the kernel does not take it now. */
static int update_key(struct connection *c, int fd, const void *v, socklen_t len)
{
	int ask, r;

	if (len != sizeof(ask))
		return -EINVAL;
	memcpy(&ask, v, sizeof(ask));
	if (ask != 0 && ask != 1)
		return -EINVAL;
	r = need_open(c, fd);
	if (r < 0 || c->write_closed || c->state != STATE_OPEN)
		return r < 0 ? r : -EPIPE;
	r = engine_update_key(c->engine, ask);
	if (r == -EOPNOTSUPP)
		return r;
	if (r < 0)
		return connection_fail(c, fd, r, "updating keys", engine_reason(c->engine));
	c->send_room = 0;
	r = output_flush(c, fd);
	return r == -EAGAIN ? 0 : r;
}

static int set_locked(struct connection *c, int fd, int level, int name, const void *v,
		      socklen_t len)
{
	int *virtual = virtual_int(c, level, name);

	if (is_tls_level(level) && name == TLS_HANDSHAKE)
		return handshake_need(c, fd, connection_nonblocking(fd, 0), -1);
	if (is_tls_level(level) && name == TLS_KEY_UPDATE)
		return v ? update_key(c, fd, v, len) : -EFAULT;
	if (is_tls_level(level))
		return set_tls(c, name, v, len);
	if (virtual)
		return set_virtual(level, name, virtual, v, len);
	if (level == IPPROTO_TCP && name == TCP_NODELAY && !c->sent_data &&
	    (c->state == STATE_HANDSHAKE || c->state == STATE_OPEN))
		return set_nodelay(c, fd, v, len);
	/*
	 * They would move what recv looks at, promise notice of when the program's own memory
	 * is free, or put another record layer underneath.
	 */
	if ((level == SOL_SOCKET && (name == SO_PEEK_OFF || name == SO_ZEROCOPY)) ||
	    (level == IPPROTO_TCP && name == TCP_ULP))
		return -EOPNOTSUPP;
	/* SO_SNDBUF and its kin change what the kernel takes. */
	c->send_room = 0;
	return libc.setsockopt(fd, level, name, v, len) < 0 ? -errno : 0;
}

int sockets_getsockopt(struct entry *e, int fd, int level, int name, void *v, socklen_t *len)
{
	struct connection *c = e->object;
	int r = !c ? -EBADF : !len ? -EFAULT : connection_lock(c);

	if (r == 0) {
		r = get_locked(c, fd, level, name, v, len);
		connection_unlock(c);
	}
	fdtable_put(e);
	return r;
}

int sockets_setsockopt(struct entry *e, int fd, int level, int name, const void *v, socklen_t len)
{
	struct connection *c = e->object;
	int r = c ? connection_lock(c) : -EBADF;

	if (r == 0) {
		r = set_locked(c, fd, level, name, v, len);
		connection_unlock(c);
	}
	fdtable_put(e);
	return r;
}
