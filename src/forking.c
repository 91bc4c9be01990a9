/* SPDX-License-Identifier: MIT */
#include "forking.h"

#include "connection.h"
#include "credentials.h"
#include "linger.h"
#include "names.h"
#include "pending.h"
#include "tags.h"

#include <pthread.h>

/* From prepare to parent and child. */
static struct arena *arena;

static void lock_one(void *object, void *arg)
{
	struct connection *c = object;
	unsigned int *sessions = arg;

	connection_fork_lock(c);
	if (c->state == STATE_HANDSHAKE || c->state == STATE_OPEN)
		(*sessions)++;
}

static void share_one(void *object, void *unused)
{
	struct connection *c = object;

	(void)unused;
	c->shared = true;
	if (c->state == STATE_HANDSHAKE || c->state == STATE_OPEN)
		owner_fork_share(arena, &c->owner);
}

/* Every lock in the order in which the calls take them: nobody is in the middle. */
static void prepare(void)
{
	unsigned int sessions = 0;

	fdtable_lock();
	fdtable_each_locked(lock_one, &sessions);
	pending_lock();
	names_lock();
	tags_lock();
	credentials_lock();
	linger_lock();
	arena = sessions ? owner_fork_begin(sessions) : NULL;
	fdtable_each_locked(share_one, NULL);
}

static void unlock_rest(void)
{
	credentials_unlock();
	tags_unlock();
	names_unlock();
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
	linger_unlock();
	unlock_rest();
	fdtable_each_locked(parent_one, NULL);
	fdtable_unlock();
	owner_fork_parent(arena);
}

static void in_child(void)
{
	unlock_rest();
	fdtable_each_locked(child_one, NULL);
	fdtable_unlock();
	linger_fork_child();
	owner_fork_child(arena);
}

int forking_init(void)
{
	return -pthread_atfork(prepare, in_parent, in_child);
}
