/* SPDX-License-Identifier: MIT */
#include "ends.h"
#include "test.h"

#include <errno.h>
#include <tlssock.h>
#include <unistd.h>

void ends_open(struct ends *e, const char *identity, const char *name)
{
	e->listener = tls_listen(AF_INET, IPPROTO_TLS, identity, &e->port);
	e->client = tls_socket(AF_INET, IPPROTO_TLS, name);
	e->server = -1;
}

void ends_meet(struct ends *e)
{
	struct connecting connecting;
	int connected;
	char byte;

	connecting_start(&connecting, e->client, AF_INET, e->port);
	e->server = (int)assert_ok(accept(e->listener, NULL, NULL));
	e->served = setsockopt(e->server, IPPROTO_TLS, TLS_HANDSHAKE, NULL, 0) < 0 ? errno : 0;
	connected = connecting_finish(&connecting);
	e->error = connected < 0 ? errno : 0;
	/* A TLS 1.3 client hears of a refusal later. */
	if (e->served && connected == 0 && recv(e->client, &byte, 1, 0) < 0)
		e->error = errno;
}

void ends_close(struct ends *e)
{
	close(e->client);
	close(e->listener);
	if (e->server >= 0)
		close(e->server);
}

void ends_show(int fd, const char *identity)
{
	tls_set_text(fd, TLS_CERTIFICATE_CHAIN, zoo("%s.pem", identity));
	tls_set_text(fd, TLS_PRIVATE_KEY, zoo("%s.key", identity));
}
