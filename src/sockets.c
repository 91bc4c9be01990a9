/* SPDX-License-Identifier: MIT */
#include "sockets.h"

#include "adopt.h"
#include "closing.h"
#include "connection.h"
#include "effective.h"
#include "libc.h"
#include "log.h"
#include "names.h"
#include "policy.h"
#include "priority.h"
#include "psk.h"
#include "sharing.h"
#include "tickets.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
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

/* A number that asks for TLS 1.3, where the system's policy for GnuTLS has none. */
static int check_version(int protocol)
{
	struct settings *settings;
	struct priority *p;
	char reason[256];
	int r;

	if (settings_min_version(protocol) <= TLS_1_2)
		return 0;
	settings = settings_new(protocol);
	r = settings ? priority_get(settings, &p, reason, sizeof(reason)) : -ENOMEM;
	if (r == 0)
		priority_put(p);
	settings_put(settings);
	if (r != -EPROTO)
		return r == -ENOMEM ? r : 0;
	log_line(LEVEL_ERROR, "socket: %s", reason);
	return -EPROTONOSUPPORT;
}

static int give_up(int fd)
{
	sockets_close(fd);
	log_line(LEVEL_ERROR, "socket: no TLS socket for a process with a thread that has got "
			      "descriptors of its own (unshare, close_range, clone)");
	return -EPROTONOSUPPORT;
}

int sockets_socket(int family, int type, int protocol)
{
	const int on = 1;
	int r = check_kind(family, type, protocol);
	int fd;

	if (r == 0)
		r = adopt_begin();
	if (r == 0)
		r = check_version(protocol);
	if (r < 0)
		return r;
	if (family == AF_HOSTNAME)
		family = AF_INET6;
	/* With the privileges that a program may give up later. */
	policy_load();
	fd = libc.socket(family, type | SOCK_CLOEXEC, IPPROTO_TCP);
	if (fd < 0)
		return -errno;
	/* An urgent byte is taken out of the stream otherwise, and the record with it. */
	libc.setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
	if (!adopt(fd, settings_new(protocol), type & SOCK_CLOEXEC))
		return -ENOMEM;
	return sharing_ended() ? give_up(fd) : fd;
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
	if (r == 0)
		names_bound(sa);
	return leave(e, r);
}

void sockets_defer_accept(const struct connection *c, int fd)
{
	unsigned int ms = settings_timeout(connection_settings(c));
	int seconds = ms ? (int)((ms + 999) / 1000) : 3600;

	if (seconds < c->defer_accept)
		seconds = c->defer_accept;
	libc.setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds));
}

static int check_identity(struct connection *c, int fd)
{
	char reason[768] = "not enough memory";
	struct credentials *credentials = NULL;
	int r = effective_server(c, fd, reason, sizeof(reason));

	if (r == 0)
		r = settings_credentials(connection_settings(c), true, &credentials, reason,
					 sizeof(reason));
	if (r == 0)
		r = psk_check(connection_settings(c), reason, sizeof(reason));
	if (r < 0) {
		credentials_put(credentials);
		return connection_explain(c, r, "listen", reason);
	}
	if (!psk_told(connection_settings(c)) && !credentials_have_identity(credentials))
		r = connection_explain(c, -ENOKEY, "listen",
				       "a server needs a certificate and its key: set "
				       "TLS_CERTIFICATE_CHAIN and TLS_PRIVATE_KEY, or TLSSOCK_CERT "
				       "and TLSSOCK_KEY in the environment; or a pre-shared key: "
				       "set TLS_PSK and TLS_PSK_IDENTITY");
	if (r == 0) {
		credentials_release(c->kept);
		c->kept = credentials_keep(credentials);
	}
	credentials_put(credentials);
	return r;
}

int sockets_listen(struct entry *e, int fd, int backlog)
{
	struct connection *c = e->object;
	struct ticket_keys keys = {0};
	int r = enter(e);

	if (r < 0)
		return r;
	if (c->state != STATE_NEW && c->state != STATE_LISTENING)
		return leave(e, -EOPNOTSUPP);
	r = check_identity(c, fd);
	/* Before a fork, so that all processes of a server have the same keys. */
	if (r == 0 && settings_resumes(c->settings))
		r = tickets_own(tickets_now_s(), &keys);
	explicit_bzero(&keys, sizeof(keys));
	if (r == 0) {
		sockets_defer_accept(c, fd);
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
