/* SPDX-License-Identifier: MIT */
/*
 * Ours, linked: the calls of plain TCP on a socket that was asked to be TLS.
 */
#include "common.h"
#include "contender.h"
#include "plain_io.h"
#include "tls_info.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <tlssock.h>

static char chain[4096], key[4096], trust[4096];

static const struct option_value {
	enum role role;
	int option;
	const char *name;
	const char *value;
} options[] = {
	{ROLE_SERVER, TLS_CERTIFICATE_CHAIN, "TLS_CERTIFICATE_CHAIN", chain},
	{ROLE_SERVER, TLS_PRIVATE_KEY, "TLS_PRIVATE_KEY", key},
	{ROLE_CLIENT, TLS_TRUSTED_PEER_CERTIFICATES, "TLS_TRUSTED_PEER_CERTIFICATES", trust},
	{ROLE_CLIENT, TLS_HOSTNAME, "TLS_HOSTNAME", SERVER_NAME},
};

static int resume;

static int tls_socket(enum role role)
{
	int fd = plain_socket(IPPROTO_TLS);

	if (setsockopt(fd, IPPROTO_TLS, TLS_SESSION_REUSE, &resume, sizeof(resume)) < 0)
		die_errno("TLS_SESSION_REUSE");
	for (size_t i = 0; i < COUNT(options); i++) {
		const struct option_value *option = &options[i];

		if (option->role == role &&
		    setsockopt(fd, IPPROTO_TLS, option->option, option->value,
			       (socklen_t)strlen(option->value)) < 0)
			die_errno(option->name);
	}
	return fd;
}

/*
 * The library parses credentials when a socket is given them and shares them
 * between sockets that name the same. A socket that stays open keeps them, as
 * the other contenders keep theirs in a context.
 */
static void tls_setup(const struct setting *setting, enum role role)
{
	identity_path(setting, "cert.pem", chain, sizeof(chain));
	identity_path(setting, "key.pem", key, sizeof(key));
	identity_path(setting, "ca.pem", trust, sizeof(trust));
	resume = setting->resume;
	if (role == ROLE_CLIENT)
		tls_socket(role);
}

static void tls_start(struct link *link, enum role role)
{
	(void)link;
	(void)role;
}

static void tls_version(char *text, size_t size)
{
	snprintf(text, size, "libtlssock %s", tlssock_version());
}

const struct contender contender = {
	.setup = tls_setup,
	.socket = tls_socket,
	.start = tls_start,
	.send = plain_send,
	.receive = plain_receive,
	.stop = plain_stop,
	.resumed = tls_info_resumed,
	.describe = tls_info_describe,
	.version = tls_version,
};
