/* SPDX-License-Identifier: MIT */
/* The functions of tlssock.h, and how the library starts and ends. */
#include "api.h"

#include "closing.h"
#include "credentials.h"
#include "forking.h"
#include "libc.h"
#include "libgnutlsload.h"
#include "linger.h"
#include "lingeritem.h"
#include "log.h"
#include "owner.h"
#include "policy.h"
#include "query.h"
#include "sessioncache.h"
#include "settings.h"
#include "streams.h"
#include "tags.h"
#include "tickets.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <tlssock.h>

#define EXPORT __attribute__((visibility("default")))

static atomic_bool ready;

bool api_ready(void)
{
	return ready;
}

EXPORT int tls_credential_add(sec_tag_t tag, enum tls_credential_type type, const void *cred,
			      size_t credlen)
{
	return tags_add(tag, (int)type, cred, credlen);
}

EXPORT int tls_credential_get(sec_tag_t tag, enum tls_credential_type type, void *cred,
			      size_t *credlen)
{
	return tags_get(tag, (int)type, cred, credlen);
}

EXPORT int tls_credential_delete(sec_tag_t tag, enum tls_credential_type type)
{
	return tags_delete(tag, (int)type);
}

EXPORT int tlssock_reload(void)
{
	return credentials_renew_all();
}

EXPORT const char *tlssock_version(void)
{
	return TLSSOCK_VERSION;
}

/* NULL in a set-user-id program: its caller decides nothing. */
static const char *environment(const char *name)
{
	return secure_getenv(name);
}

static bool is_ours_to_end(void)
{
	return ready && !owner_in_vfork_child() && !owner_orphaned();
}

static void end_one(int fd, void *object)
{
	closing_at_exit(object, fd);
}

static void say_goodbye(void)
{
	fdtable_each_number(end_one);
	linger_finish();
}

/* quick_exit runs no destructors and flushes no streams. */
static void end_quickly(void)
{
	if (is_ours_to_end())
		say_goodbye();
}

/* Before it has run every hook passes through, and TLS sockets are refused. */
__attribute__((constructor)) static void start(void)
{
	libc_bind();
	at_quick_exit(end_quickly); /* the first: what the program registers is called before */
	log_init(environment("TLSSOCK_LOG"));
	libgnutls_start();
	if (settings_environment(environment) < 0 || policy_environment(environment) < 0 ||
	    query_init(environment("TLSSOCK_OCSP"), getauxval(AT_SECURE)) < 0)
		log_line(LEVEL_ERROR, "not enough memory: TLS sockets are refused");
	else if (owner_process_init() == 0 && forking_init() == 0)
		ready = true;
	else
		log_line(LEVEL_ERROR, "this system cannot tell a forked process from its parent: "
				      "TLS sockets are refused");
}

static int64_t abrupt_end_ms; /* of the waits for all connections together */

static void abrupt_end_one(int fd, void *object)
{
	closing_at_abrupt_exit(object, fd, abrupt_end_ms);
}

void api_abrupt_exit(void)
{
	if (!is_ours_to_end())
		return;
	abrupt_end_ms = linger_now_ms() + LINGER_UNSENT_MS;
	fdtable_each_number(abrupt_end_one);
	linger_finish();
}

/* No session is freed: stdio flushes after the destructors, threads may still run. */
__attribute__((destructor)) static void end(void)
{
	if (!is_ours_to_end())
		return;
	if (!streams_end(say_goodbye))
		say_goodbye();
	sessioncache_purge();
	tickets_wipe();
}
