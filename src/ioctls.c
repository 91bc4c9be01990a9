/* SPDX-License-Identifier: MIT */
/* ioctl on a TLS socket. */
#include "connection.h"
#include "handshake.h"
#include "libc.h"
#include "receive.h"
#include "sockets.h"

#include <errno.h>
#include <limits.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

static int kernel(int fd, unsigned long request, void *arg)
{
	return libc.ioctl(fd, request, arg) < 0 ? -errno : 0;
}

/* Before the session there is nothing, or why there will be none: the kernel tells that. */
static int count_input(struct connection *c, int fd, int *count)
{
	bool ended;
	ssize_t n;

	/* Who asks again and again instead of waiting drives the handshake, too. */
	if (connection_busy(c))
		handshake_progress(c, fd);
	if (c->state == STATE_NEW || c->state == STATE_LISTENING || c->state == STATE_CONNECTING)
		return kernel(fd, FIONREAD, count);
	n = connection_available(c, fd, &ended);
	if (n < 0)
		return (int)n;
	*count = n < INT_MAX ? (int)n : INT_MAX;
	return 0;
}

/* What is sealed and still here is as little acknowledged as what the kernel has. */
static int count_output(struct connection *c, int fd, unsigned long request, int *count)
{
	int r = kernel(fd, request, count);

	if (r == 0)
		*count += (int)(c->out.len + (c->engine ? engine_output(c->engine)->len : 0));
	return r;
}

static int ioctl_locked(struct connection *c, int fd, unsigned long request, void *arg)
{
	if (request == FIONREAD && arg)
		return count_input(c, fd, arg);
	if ((request == SIOCOUTQ || request == SIOCOUTQNSD) && arg)
		return count_output(c, fd, request, arg);
	return kernel(fd, request, arg);
}

int sockets_ioctl(struct entry *e, int fd, unsigned long request, void *arg)
{
	struct connection *c = e->object;
	int r;

	if (request == FIOCLEX || request == FIONCLEX)
		return sockets_set_cloexec(e, fd, request == FIOCLEX);
	r = c ? connection_enter(c, fd) : -EBADF;
	if (r == 0) {
		r = ioctl_locked(c, fd, request, arg);
		connection_unlock(c);
	}
	fdtable_put(e);
	return r;
}
