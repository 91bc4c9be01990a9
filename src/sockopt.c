/* SPDX-License-Identifier: MIT */
/* getsockopt and setsockopt on a TLS socket. */
#include "effective.h"
#include "hurry.h"
#include "libc.h"
#include "options.h"
#include "policy.h"
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

static int get_tls(struct connection *c, int fd, int name, void *v, socklen_t *len)
{
	const struct option *option = options_find(name);
	struct option_value value = {.len = *len};
	int r = 0;

	if (!option || !option->get)
		return -ENOPROTOOPT;
	if ((option->fact || (option->agreed && c->server)) &&
	    !(option->failed && c->state == STATE_FAILED))
		r = options_need_open(c, fd);
	if (r == 0)
		r = option->get(c, option, &value);
	if (r == 0)
		r = give(&value, option->prefix, v, len);
	free(value.data);
	return r;
}

/* Sets it in settings that are the connection's own, if the policy has nothing against it. */
static int set_setting(struct connection *c, const struct option *option, const void *v,
		       socklen_t len)
{
	struct settings *before = policy_any() ? settings_ref(c->settings) : NULL;
	int r = settings_own(&c->settings);

	if (r == 0)
		r = option->set(c, option, v, len);
	if (r == 0 && before)
		return effective_option(c, before);
	settings_put(before);
	return r;
}

static int set_tls(struct connection *c, int fd, int name, const void *v, socklen_t len)
{
	const struct option *option = options_find(name);

	if (!option || !(option->set || option->act))
		return -ENOPROTOOPT;
	if (option->early && c->state != STATE_NEW && c->state != STATE_LISTENING &&
	    !(c->upgraded && !c->engine))
		return -EISCONN;
	if (!v && len)
		return -EFAULT;
	if (!len && !option->empty)
		return -EINVAL;
	if (option->act)
		return option->act(c, fd, v, len);
	return set_setting(c, option, v, len);
}

/* Options of lower levels that have another meaning on a TLS socket. */
static int *virtual_int(struct connection *c, int level, int name)
{
	if (level == IPPROTO_TCP && name == TCP_INQ)
		return &c->inq;
	if (level == IPPROTO_TCP && name == TCP_DEFER_ACCEPT)
		return &c->defer_accept;
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
	return hurry_set(c, fd, on);
}

/* The kernel rounds it, and says to what. */
static int set_defer_accept(struct connection *c, int fd, const void *v, socklen_t len)
{
	socklen_t size = sizeof(c->defer_accept);

	if (libc.setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, v, len) < 0)
		return -errno;
	libc.getsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &c->defer_accept, &size);
	if (c->state == STATE_LISTENING)
		sockets_defer_accept(c, fd);
	return 0;
}

/*
 * SO_SNDBUF and its kin change what the kernel takes. These do not, and servers set them
 * for each answer.
 */
static bool keeps_room(int level, int name)
{
	return level == IPPROTO_TCP &&
	       (name == TCP_CORK || name == TCP_NODELAY || name == TCP_QUICKACK);
}

static int set_locked(struct connection *c, int fd, int level, int name, const void *v,
		      socklen_t len)
{
	int *virtual = virtual_int(c, level, name);

	if (is_tls_level(level))
		return set_tls(c, fd, name, v, len);
	if (level == IPPROTO_TCP && name == TCP_DEFER_ACCEPT)
		return set_defer_accept(c, fd, v, len);
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
	if (!keeps_room(level, name))
		c->send_room = 0;
	return libc.setsockopt(fd, level, name, v, len) < 0 ? -errno : 0;
}

int sockets_getsockopt(struct entry *e, int fd, int level, int name, void *v, socklen_t *len)
{
	struct connection *c = e->object;
	int r = !c ? -EBADF : !len ? -EFAULT : *len > INT_MAX ? -EINVAL : connection_lock(c);

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
	int r = !c ? -EBADF : len > INT_MAX ? -EINVAL : 0;

	if (r == 0 && level == SOL_SOCKET && name == SO_PROTOCOL)
		return sockets_downgrade(e, fd, v, len);
	if (r == 0)
		r = connection_lock(c);
	if (r == 0) {
		r = set_locked(c, fd, level, name, v, len);
		connection_unlock(c);
	}
	fdtable_put(e);
	return r;
}
