/* SPDX-License-Identifier: MIT */
#include "tls_info.h"

#include "common.h"

#include <stdio.h>
#include <sys/socket.h>
#include <tlssock.h>

static bool ask(int fd, struct tls_info *info)
{
	socklen_t length = sizeof(*info);

	return getsockopt(fd, IPPROTO_TLS, TLS_INFO, info, &length) == 0;
}

void tls_info_describe(struct link *link, char *text, size_t size)
{
	struct tls_info info;

	if (!ask(link->fd, &info)) {
		snprintf(text, size, "none");
		return;
	}
	if (!info.verified)
		die("the server was not verified");
	snprintf(text, size, "%s %s", info.cipher_name, info.group);
}

bool tls_info_resumed(const struct link *link)
{
	struct tls_info info;

	return !ask(link->fd, &info) || info.resumed;
}
