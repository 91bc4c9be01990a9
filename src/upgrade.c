/* SPDX-License-Identifier: MIT */
/* How a TCP socket that the program has already becomes a TLS socket. */
#include "adopt.h"
#include "handshake.h"
#include "libc.h"
#include "log.h"
#include "sockets.h"
#include "watch.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

enum {
	MAX_NAME = 255,
	DTLS_1_0 = 272,
	DTLS_1_2 = 273,
	LISTENS = 0x0a /* TCP_LISTEN, in /proc/net/tcp */
};

/* What is asked for, and what the socket is. */
struct upgrade {
	int fd;
	int protocol;
	const char *name; /* a client's server; NULL: nothing was said */
	size_t name_len;
	bool server, server_told;
	bool listening, connected, cloexec;
	int rcvlowat, oobinline;
	struct sockaddr_storage peer;
};

/* An int of the kernel's, or -1. */
static int kernel_int(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return libc.getsockopt(fd, level, name, &value, &len) < 0 ? -1 : value;
}

static int check_kind(const struct upgrade *u)
{
	int domain = kernel_int(u->fd, SOL_SOCKET, SO_DOMAIN);

	if (domain < 0)
		return -errno;
	if (u->protocol == DTLS_1_0 || u->protocol == DTLS_1_2 ||
	    kernel_int(u->fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM ||
	    kernel_int(u->fd, SOL_SOCKET, SO_PROTOCOL) != IPPROTO_TCP ||
	    (domain != AF_INET && domain != AF_INET6))
		return -EPROTOTYPE;
	return 0;
}

static int check_state(struct upgrade *u)
{
	socklen_t len = sizeof(u->peer), info_len;
	struct tcp_info info = {0};

	info_len = sizeof(info);
	u->listening = kernel_int(u->fd, SOL_SOCKET, SO_ACCEPTCONN) == 1;
	u->connected = libc.getpeername(u->fd, (struct sockaddr *)&u->peer, &len) == 0;
	if (u->listening || u->connected)
		return 0;
	if (libc.getsockopt(u->fd, IPPROTO_TCP, TCP_INFO, &info, &info_len) < 0)
		return -errno;
	return info.tcpi_state == TCP_CLOSE ? 0 : -ENOTCONN;
}

/* True if a line of /proc/net/tcp (proc(5)) is about a socket that listens at the port. */
static bool line_listens(const char *line, unsigned int port)
{
	unsigned int local, state;
	const char *colon = strchr(line, ':');

	/* "  0: ADDRESS:PORT ADDRESS:PORT STATE …", all but the first in hexadecimal */
	colon = colon ? strchr(colon + 1, ':') : NULL;
	return colon && sscanf(colon, ":%x %*[0-9A-Fa-f]:%*x %x", &local, &state) == 2 &&
	       local == port && state == LISTENS;
}

static bool listens_in(const char *path, unsigned int port)
{
	FILE *f = libc.fopen(path, "re");
	bool found = false;
	char line[512];

	while (f && !found && fgets(line, sizeof(line), f))
		found = line_listens(line, port);
	if (f)
		libc.fclose(f);
	return found;
}

/* An accepted socket has its listener's port; one that connected has one of its own. */
static bool has_listener(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} sa = {0};
	socklen_t len = sizeof(sa);
	unsigned int port;

	if (libc.getsockname(fd, &sa.any, &len) < 0)
		return false;
	port = ntohs(sa.any.sa_family == AF_INET ? sa.in.sin_port : sa.in6.sin6_port);
	return listens_in("/proc/net/tcp", port) || listens_in("/proc/net/tcp6", port);
}

/* Calls fn with each number that the process has open. */
static void each_number(void (*fn)(int number, void *arg), void *arg)
{
	DIR *dir = libc.opendir("/proc/self/fd");
	struct dirent *entry;

	if (!dir) {
		long max = sysconf(_SC_OPEN_MAX);

		for (int n = 0; n < max; n++)
			if (libc.fcntl64(n, F_GETFD) >= 0)
				fn(n, arg);
		return;
	}
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(dir))
			fn(atoi(entry->d_name), arg);
	closedir(dir);
}

/* Another number of the socket would write past the session. */
static void adopt_twin(int number, void *arg)
{
	struct entry *e = arg;
	const struct connection *c = e->object;
	int flags;

	if (fdtable_has(number) || connection_cookie(number) != c->cookie)
		return;
	flags = libc.fcntl64(number, F_GETFD);
	libc.fcntl64(number, F_SETFD, FD_CLOEXEC);
	atomic_fetch_add(&e->refs, 1);
	if (adopt_number(number, e, flags & FD_CLOEXEC) < 0)
		log_line(LEVEL_ERROR, "setsockopt: a duplicate of the socket was closed, since it "
				      "could not become a TLS socket");
}

/* What the set watches for, as the kernel tells it (proc(5), fdinfo). */
static void watch_set(int number, void *arg)
{
	struct entry *e = arg;
	char path[64], line[256];
	int fd;
	struct epoll_event event;
	unsigned int events;
	unsigned long long data;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", number);
	f = libc.fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "tfd: %d events: %x data: %llx", &fd, &events, &data) != 3)
			continue;
		event.events = events;
		event.data.u64 = data;
		if (fdtable_names(fd, e))
			watch_ctl(e->object, number, EPOLL_CTL_MOD, fd, &event);
	}
	if (f)
		libc.fclose(f);
}

static void begin(struct connection *c, const struct upgrade *u)
{
	c->rcvlowat = u->rcvlowat;
	c->oobinline = u->oobinline;
	c->was_tcp = true;
	if (u->listening) {
		c->state = STATE_LISTENING;
		c->defer_accept = kernel_int(u->fd, IPPROTO_TCP, TCP_DEFER_ACCEPT);
	}
	if (!u->connected || u->listening)
		return;
	c->upgraded = true;
	connection_set_peer(c, u->name_len ? settings_text(c->settings, SETTING_HOSTNAME) : NULL,
			    (const struct sockaddr *)&u->peer);
	handshake_begin(c, u->fd, u->server);
	each_number(watch_set, c->entry);
}

static int become(const struct upgrade *u)
{
	struct settings *settings = settings_new(u->protocol);
	struct connection *c;
	struct entry *e;
	int r = settings ? 0 : -ENOMEM;

	if (r == 0 && u->name_len)
		r = settings_tell(settings, SETTING_HOSTNAME, u->name, u->name_len);
	if (r == 0 && u->server_told)
		settings->numbers[SETTING_ROLE] = u->server ? TLS_ROLE_SERVER : TLS_ROLE_CLIENT;
	if (r < 0) {
		settings_put(settings);
		return r;
	}
	libc.fcntl64(u->fd, F_SETFD, FD_CLOEXEC);
	c = adopt_open(u->fd, settings, u->cloexec);
	e = c ? fdtable_get(u->fd) : NULL;
	if (!e || e->object != c) {
		fdtable_put(e);
		libc.fcntl64(u->fd, F_SETFD, u->cloexec ? FD_CLOEXEC : 0);
		return -ENOMEM;
	}
	each_number(adopt_twin, e);
	r = connection_lock(c);
	if (r == 0) {
		begin(c, u);
		connection_unlock(c);
	}
	fdtable_put(e);
	return r;
}

static int upgrade(struct upgrade *u)
{
	const int one = 1;
	int r = check_kind(u);

	if (r == 0)
		r = check_state(u);
	if (r == 0)
		r = adopt_begin();
	if (r < 0)
		return r;
	u->cloexec = libc.fcntl64(u->fd, F_GETFD) & FD_CLOEXEC;
	u->rcvlowat = kernel_int(u->fd, SOL_SOCKET, SO_RCVLOWAT);
	u->oobinline = kernel_int(u->fd, SOL_SOCKET, SO_OOBINLINE);
	if (!u->server_told)
		u->server = has_listener(u->fd);
	libc.setsockopt(u->fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof(one));
	libc.setsockopt(u->fd, SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one));
	r = become(u);
	if (r < 0) {
		libc.setsockopt(u->fd, SOL_SOCKET, SO_RCVLOWAT, &u->rcvlowat, sizeof(int));
		libc.setsockopt(u->fd, SOL_SOCKET, SO_OOBINLINE, &u->oobinline, sizeof(int));
	}
	return r;
}

int sockets_upgrade(int fd, int level, int name, const void *v, socklen_t len)
{
	struct upgrade u = {.fd = fd, .protocol = IPPROTO_TLS};

	if (level == IPPROTO_TCP && name == TCP_UPGRADE_TLS) {
		if (!v && len)
			return -EFAULT;
		u.name = v;
		u.name_len = len ? strnlen(v, len) : 0;
		u.server_told = true;
		u.server = u.name_len == 0;
		return u.name_len > MAX_NAME ? -EINVAL : upgrade(&u);
	}
	if (!v || len < sizeof(u.protocol))
		return 1;
	memcpy(&u.protocol, v, sizeof(u.protocol));
	if (settings_min_version(u.protocol) < 0 && u.protocol != DTLS_1_0 &&
	    u.protocol != DTLS_1_2)
		return 1;
	return upgrade(&u);
}
