/* SPDX-License-Identifier: MIT */
#include "sessioncache.h"

#include "guard.h"

#include <stdlib.h>
#include <string.h>

struct place {
	struct session session; /* without data: free */
	uint64_t used;		/* the greater, the later */
	uint8_t digest[SESSION_DIGEST];
};

static struct guard lock = GUARD_INIT;
static struct place places[SESSIONS_MOST];
static uint64_t uses;
static unsigned int purges;

void session_fini(struct session *s)
{
	if (s->data)
		explicit_bzero(s->data, s->len);
	free(s->data);
	*s = (struct session){0};
}

static bool is_of(const struct place *p, const uint8_t *digest)
{
	return p->session.data && memcmp(p->digest, digest, SESSION_DIGEST) == 0;
}

static void drop_locked(const uint8_t *digest)
{
	for (size_t i = 0; i < SESSIONS_MOST; i++)
		if (is_of(&places[i], digest))
			session_fini(&places[i].session);
}

/*
 * The digest's oldest if it has as many as it may, else a free place, else what was used
 * longest ago.
 */
static struct place *find_room_locked(const uint8_t *digest)
{
	struct place *own = NULL, *any = &places[0];
	unsigned int count = 0;

	for (size_t i = 0; i < SESSIONS_MOST; i++) {
		struct place *p = &places[i];

		if (is_of(p, digest)) {
			count++;
			own = !own || p->used < own->used ? p : own;
		}
		if (any->session.data && (!p->session.data || p->used < any->used))
			any = p;
	}
	return count >= SESSIONS_PER_DIGEST ? own : any;
}

static bool copy(struct session *to, const struct session *from)
{
	void *data = malloc(from->len);

	if (!data)
		return false;
	*to = *from;
	to->data = memcpy(data, from->data, from->len);
	return true;
}

void sessioncache_put(const uint8_t digest[SESSION_DIGEST], const struct session *s)
{
	struct session kept;
	struct place *p;

	if (s->len == 0 || !copy(&kept, s))
		return;
	sessioncache_lock();
	if (s->purges != purges) {
		session_fini(&kept);
	} else {
		if (!s->once)
			drop_locked(digest);
		p = find_room_locked(digest);
		session_fini(&p->session);
		p->session = kept;
		p->used = ++uses;
		memcpy(p->digest, digest, SESSION_DIGEST);
	}
	sessioncache_unlock();
}

static struct place *newest_locked(const uint8_t *digest, int64_t now_s)
{
	struct place *newest = NULL;

	for (size_t i = 0; i < SESSIONS_MOST; i++) {
		struct place *p = &places[i];

		if (!is_of(p, digest))
			continue;
		if (p->session.expires_s <= now_s)
			session_fini(&p->session);
		else if (!newest || p->used > newest->used)
			newest = p;
	}
	return newest;
}

bool sessioncache_take(const uint8_t digest[SESSION_DIGEST], int64_t now_s, struct session *out)
{
	struct place *p;
	bool found = false;

	sessioncache_lock();
	p = newest_locked(digest, now_s);
	if (p && p->session.once) {
		*out = p->session;
		p->session = (struct session){0};
		found = true;
	} else if (p && copy(out, &p->session)) {
		p->used = ++uses;
		found = true;
	}
	sessioncache_unlock();
	return found;
}

void sessioncache_drop(const uint8_t digest[SESSION_DIGEST])
{
	sessioncache_lock();
	drop_locked(digest);
	sessioncache_unlock();
}

void sessioncache_purge(void)
{
	sessioncache_lock();
	for (size_t i = 0; i < SESSIONS_MOST; i++)
		session_fini(&places[i].session);
	purges++;
	sessioncache_unlock();
}

unsigned int sessioncache_purges(void)
{
	unsigned int n;

	sessioncache_lock();
	n = purges;
	sessioncache_unlock();
	return n;
}

void sessioncache_lock(void)
{
	guard_lock(&lock);
}

void sessioncache_unlock(void)
{
	guard_unlock(&lock);
}
