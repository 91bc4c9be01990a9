/* SPDX-License-Identifier: MIT */
#include "prepare.h"

#include "effective.h"
#include "error.h"
#include "expect.h"
#include "libc.h"
#include "names.h"
#include "settingsshare.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <tlssock.h>

static int make_engine(struct connection *c, const char *name, char *reason, size_t size)
{
	struct credentials *credentials = NULL;
	struct settings *settings = connection_settings(c);
	int r = settings_credentials(settings, c->server, &credentials, reason, size);

	if (r == 0)
		r = engine_new(&c->engine, settings, credentials, c->server, name, reason, size);
	credentials_put(credentials);
	return r;
}

/* What was told, or what goes without saying. */
static bool is_server(const struct connection *c, bool server)
{
	int64_t told = c->settings->numbers[SETTING_ROLE];

	return told == UNSET ? server : told == TLS_ROLE_SERVER;
}

int prepare_connect(struct connection *c, const char *name, const char *peer,
		    const struct sockaddr *sa)
{
	char reason[PREPARE_REASON] = "";
	int r;

	c->server = is_server(c, false);
	engine_free(c->engine);
	c->engine = NULL;
	/* A socket that was made before a fork is whose connects it. */
	owner_fini(&c->owner);
	owner_init(&c->owner);
	/* Where TCP's client is the server: when it has its address. */
	if (c->server)
		return 0;
	r = effective_client(c, peer, sa, reason, sizeof(reason));
	if (r == 0)
		r = make_engine(c, name, reason, sizeof(reason));
	if (r < 0)
		connection_explain(c, r, "preparing TLS",
				   reason[0] ? reason : error_errno_text(-r));
	return r;
}

/* Here the peer's address is known, also of a name that has several. */
static void offer_session(struct connection *c, const struct sockaddr *sa)
{
	char address[80];

	names_format(sa, 0, address, sizeof(address));
	/* The port stands at the same place in both address structures. */
	engine_offer_session(c->engine, address, ntohs(((const struct sockaddr_in *)sa)->sin_port));
}

static int peer_of(int fd, struct sockaddr_storage *sa)
{
	socklen_t len = sizeof(*sa);

	*sa = (struct sockaddr_storage){0};
	return libc.getpeername(fd, (struct sockaddr *)sa, &len) < 0 ? -errno : 0;
}

void prepare_begin(struct connection *c, int fd, bool server)
{
	struct sockaddr_storage sa;
	char reason[PREPARE_REASON];

	c->server = is_server(c, server);
	/* What is wrong with the policy is told when the session is made. */
	if (c->server)
		effective_server(c, fd, reason, sizeof(reason));
	else if (c->engine && peer_of(fd, &sa) == 0)
		offer_session(c, (struct sockaddr *)&sa);
}

static int make_client(struct connection *c, int fd, char *reason, size_t size)
{
	struct sockaddr_storage storage;
	const struct sockaddr *sa = (const struct sockaddr *)&storage;
	char name[EXPECT_SIZE];
	bool none;
	int r = peer_of(fd, &storage);

	if (r < 0)
		return r;
	settingsshare(&c->settings);
	r = expect_name(c, sa, name, &none);
	if (r < 0) {
		snprintf(reason, size, "%s", expect_unclear);
		return r;
	}
	if (none && names_find(sa, name, sizeof(name)) == 0)
		names_format(sa, 0, name, sizeof(name));
	r = effective_client(c, name, sa, reason, size);
	if (r == 0)
		r = make_engine(c, none ? NULL : name, reason, size);
	if (r == 0)
		offer_session(c, sa);
	return r;
}

int prepare_late(struct connection *c, int fd, char *reason, size_t size)
{
	int r;

	if (!c->server)
		return make_client(c, fd, reason, size);
	r = c->effective ? 0 : effective_server(c, fd, reason, size);
	return r < 0 ? r : make_engine(c, NULL, reason, size);
}
