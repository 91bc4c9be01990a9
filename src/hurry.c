/* SPDX-License-Identifier: MIT */
#include "hurry.h"

#include "libc.h"

#include <errno.h>
#include <netinet/tcp.h>

static int set_nodelay(int fd, int on)
{
	return libc.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void hurry_begin(struct connection *c, int fd)
{
	socklen_t len = sizeof(int);
	int nodelay = 1;

	if (c->hurried || c->nodelay)
		return;
	libc.getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, &len);
	c->nodelay = nodelay;
	if (nodelay)
		return;
	set_nodelay(fd, 1);
	c->hurried = true;
}

void hurry_end(struct connection *c, int fd)
{
	if (c->hurried)
		set_nodelay(fd, 0);
	c->hurried = false;
	c->nodelay = false;
	c->sent_data = true;
}

int hurry_set(struct connection *c, int fd, int on)
{
	c->hurried = !on;
	c->nodelay = on;
	return set_nodelay(fd, 1) < 0 ? -errno : 0;
}
