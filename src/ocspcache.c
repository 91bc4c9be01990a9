/* SPDX-License-Identifier: MIT */
#include "ocspcache.h"

#include "guard.h"

#include <stdlib.h>
#include <string.h>

struct cached {
	unsigned char key[OCSPCACHE_KEY];
	void *response; /* NULL: free */
	size_t len;
	time_t until;
};

static struct guard lock = GUARD_INIT;
static struct cached entries[OCSPCACHE_MAX];
static size_t next; /* the oldest, to be replaced next */

void ocspcache_lock(void)
{
	guard_lock(&lock);
}

void ocspcache_unlock(void)
{
	guard_unlock(&lock);
}

static struct cached *find_locked(const unsigned char *key)
{
	for (size_t i = 0; i < OCSPCACHE_MAX; i++)
		if (entries[i].response && memcmp(entries[i].key, key, OCSPCACHE_KEY) == 0)
			return &entries[i];
	return NULL;
}

static void *copy(const void *data, size_t len)
{
	void *out = malloc(len ? len : 1);

	return out ? memcpy(out, data, len) : NULL;
}

void ocspcache_put(const unsigned char key[OCSPCACHE_KEY], const void *response, size_t len,
		   time_t until)
{
	void *kept = len <= OCSP_MAX_RESPONSE ? copy(response, len) : NULL;
	struct cached *entry;

	if (!kept)
		return;
	ocspcache_lock();
	entry = find_locked(key);
	if (!entry) {
		entry = &entries[next];
		next = (next + 1) % OCSPCACHE_MAX;
	}
	free(entry->response);
	*entry = (struct cached){.response = kept, .len = len, .until = until};
	memcpy(entry->key, key, OCSPCACHE_KEY);
	ocspcache_unlock();
}

bool ocspcache_get(const unsigned char key[OCSPCACHE_KEY], void **response, size_t *len)
{
	const struct cached *entry;
	void *found = NULL;

	ocspcache_lock();
	entry = find_locked(key);
	if (entry && entry->until > time(NULL)) {
		found = copy(entry->response, entry->len);
		*len = entry->len;
	}
	ocspcache_unlock();
	*response = found;
	return found != NULL;
}
