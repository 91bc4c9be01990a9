/* SPDX-License-Identifier: MIT */
/*
 * Plain TCP: what the sockets themselves cost. With libtlssock preloaded it is the
 * program that need not change.
 */
#include "contender.h"
#include "plain_io.h"
#include "tls_info.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/utsname.h>

static void tcp_setup(const struct setting *setting, enum role role)
{
	(void)setting;
	(void)role;
}

static int tcp_socket(enum role role)
{
	(void)role;
	return plain_socket(IPPROTO_TCP);
}

static void tcp_start(struct link *link, enum role role)
{
	(void)link;
	(void)role;
}

static void tcp_version(char *text, size_t size)
{
	struct utsname name;

	uname(&name);
	snprintf(text, size, "Linux %s", name.release);
}

const struct contender contender = {
	.setup = tcp_setup,
	.socket = tcp_socket,
	.start = tcp_start,
	.send = plain_send,
	.receive = plain_receive,
	.stop = plain_stop,
	.resumed = tls_info_resumed,
	.describe = tls_info_describe,
	.version = tcp_version,
};
