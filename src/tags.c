/* SPDX-License-Identifier: MIT */
#include "tags.h"

#include "guard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>

struct credential {
	int tag;
	int type;
	void *data;
	size_t len;
	struct credential *next;
};

static struct guard lock = GUARD_INIT;
static struct credential *credentials;

void tags_lock(void)
{
	guard_lock(&lock);
}

void tags_unlock(void)
{
	guard_unlock(&lock);
}

/* Returns where the pointer to it is, or where one of a new tag would go. */
static struct credential **find_locked(int tag, int type)
{
	struct credential **p = &credentials;

	while (*p && !((*p)->tag == tag && (*p)->type == type))
		p = &(*p)->next;
	return p;
}

static void credential_free(struct credential *c)
{
	if (!c)
		return;
	if (c->data)
		explicit_bzero(c->data, c->len);
	free(c->data);
	free(c);
}

static struct credential *credential_new(int tag, int type, const void *data, size_t len)
{
	struct credential *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	*c = (struct credential){.tag = tag, .type = type, .data = malloc(len), .len = len};
	if (!c->data) {
		credential_free(c);
		return NULL;
	}
	memcpy(c->data, data, len);
	return c;
}

int tags_add(int tag, int type, const void *data, size_t len)
{
	struct credential **p;
	int r = -EEXIST;

	if (!data || len == 0 || type <= TLS_CREDENTIAL_NONE || type > TLS_CREDENTIAL_PSK_ID)
		return -EINVAL;
	tags_lock();
	p = find_locked(tag, type);
	if (!*p) {
		*p = credential_new(tag, type, data, len);
		r = *p ? 0 : -ENOMEM;
	}
	tags_unlock();
	return r;
}

int tags_get(int tag, int type, void *data, size_t *len)
{
	struct credential *c;
	int r = 0;

	if (!len)
		return -EINVAL;
	tags_lock();
	c = *find_locked(tag, type);
	if (!c) {
		*len = 0;
		r = -ENOENT;
	} else if (!data || *len < c->len) {
		*len = c->len;
		r = -EFBIG;
	} else {
		memcpy(data, c->data, c->len);
		*len = c->len;
	}
	tags_unlock();
	return r;
}

int tags_delete(int tag, int type)
{
	struct credential **p, *c;

	tags_lock();
	p = find_locked(tag, type);
	c = *p;
	if (c)
		*p = c->next;
	tags_unlock();
	credential_free(c);
	return c ? 0 : -ENOENT;
}

int tags_each(int tag, int (*fn)(int type, const void *data, size_t len, void *arg), void *arg)
{
	int r = -ENOENT;

	tags_lock();
	for (int type = TLS_CREDENTIAL_NONE + 1; type <= TLS_CREDENTIAL_PSK_ID; type++) {
		struct credential *c = *find_locked(tag, type);

		if (!c)
			continue;
		r = fn(type, c->data, c->len, arg);
		if (r != 0)
			break;
	}
	tags_unlock();
	return r;
}
