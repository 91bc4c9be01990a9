/* SPDX-License-Identifier: MIT */
#include "forking.h"

#include "connection.h"
#include "credentials.h"
#include "handlers.h"
#include "libgnutlsload.h"
#include "linger.h"
#include "names.h"
#include "ocspcache.h"
#include "ownfd.h"
#include "pending.h"
#include "policy.h"
#include "priority.h"
#include "sessioncache.h"
#include "settingsshare.h"
#include "sharing.h"
#include "stdiofd.h"
#include "tags.h"
#include "tickets.h"
#include "watch.h"

#include <pthread.h>

/* From prepare to parent and child, while all is locked. */
static struct arena *arena;

/* Something that two processes must not both go on with. */
static bool has_session(const struct connection *c)
{
	return c->engine || c->state == STATE_HANDSHAKE;
}

static void lock_one(void *object, void *arg)
{
	struct connection *c = object;
	unsigned int *sessions = arg;

	connection_fork_lock(c);
	if (has_session(c))
		(*sessions)++;
}

static void share_one(void *object, void *unused)
{
	struct connection *c = object;

	(void)unused;
	c->shared = true;
	/* A thread that is sending goes on: how far it is nobody else can know. */
	if (has_session(c) && !c->flushers)
		owner_fork_share(arena, &c->owner);
}

/* Every lock in the order in which the calls take them: nobody is in the middle. */
static void prepare(void)
{
	unsigned int sessions = 0;

	libgnutls_fork_lock();
	stdiofd_lock();
	linger_lock();
	fdtable_fork_lock();
	fdtable_fork_each(lock_one, &sessions);
	pending_lock();
	watch_lock();
	names_lock();
	tags_lock();
	credentials_lock();
	policy_lock();
	priority_lock();
	sessioncache_lock();
	tickets_lock();
	ocspcache_lock();
	settingsshare_lock();
	arena = sessions ? owner_fork_begin(sessions) : NULL;
	fdtable_fork_each(share_one, NULL);
	ownfd_lock();
}

static void unlock_rest(void)
{
	ownfd_unlock();
	settingsshare_unlock();
	ocspcache_unlock();
	tickets_unlock();
	sessioncache_unlock();
	priority_unlock();
	policy_unlock();
	credentials_unlock();
	tags_unlock();
	names_unlock();
	watch_unlock();
	pending_unlock();
}

static void parent_one(void *object, void *unused)
{
	(void)unused;
	connection_fork_parent(object);
}

static void child_one(void *object, void *unused)
{
	(void)unused;
	connection_fork_child(object);
}

static void in_parent(void)
{
	/* Unlocked, it may be that of another thread's fork. */
	struct arena *own = arena;

	unlock_rest();
	fdtable_fork_each(parent_one, NULL);
	owner_fork_unlock(own);
	fdtable_fork_unlock();
	linger_unlock();
	stdiofd_unlock();
	libgnutls_fork_unlock();
	owner_fork_parent(own);
}

static void in_child(void)
{
	handlers_fork_child();
	unlock_rest();
	fdtable_fork_each(child_one, NULL);
	owner_fork_unlock(arena);
	fdtable_fork_unlock();
	linger_fork_child();
	stdiofd_fork_child();
	libgnutls_fork_child();
	sharing_fork_child();
	owner_fork_child(arena);
}

int forking_init(void)
{
	return -pthread_atfork(prepare, in_parent, in_child);
}
