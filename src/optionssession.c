/* SPDX-License-Identifier: MIT */
/* Options of resumption, and what sockets share. */
#include "options.h"

#include "fdtable.h"
#include "sessioncache.h"
#include "tickets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>

enum { MOST_EARLY = 1 << 20 };

static const char not_both[] =
	"TLS_EARLY_DATA and TLS_TICKET_KEY_FILE exclude each other: servers that share a file of "
	"keys do not know what the others have accepted, and a replay could not be told";

static int get_reuse(struct connection *c, const struct option *o, struct option_value *out)
{
	(void)o;
	return options_int_value(out, settings_session_reuse(c->settings));
}

static int get_ttl(struct connection *c, const struct option *o, struct option_value *out)
{
	long ttl = (long)settings_session_ttl(c->settings);

	(void)o;
	return options_value(out, &ttl, sizeof(ttl));
}

static int set_ttl(struct connection *c, const struct option *o, const void *v, size_t len)
{
	long ttl;

	if (len != sizeof(ttl))
		return -EINVAL;
	memcpy(&ttl, v, sizeof(ttl));
	if (ttl < 0 || ttl > SETTINGS_MOST_TTL_S)
		return -EINVAL;
	c->settings->numbers[o->setting] = ttl;
	return 0;
}

static int get_resumed(struct connection *c, const struct option *o, struct option_value *out)
{
	(void)o;
	return options_int_value(out, engine_resumed(c->engine));
}

static int get_id(struct connection *c, const struct option *o, struct option_value *out)
{
	(void)o;
	return options_value(out, &c->id, sizeof(c->id));
}

static int get_context(struct connection *c, const struct option *o, struct option_value *out)
{
	(void)o;
	return options_value(out, c->context ? &c->context : &c->id, sizeof(c->id));
}

/* The settings of the socket with an id, with a reference, or NULL. */
static struct settings *settings_of(unsigned long id)
{
	struct settings *found = NULL;

	for (int fd = fdtable_next(0); fd >= 0 && !found; fd = fdtable_next(fd + 1)) {
		struct entry *e = fdtable_get(fd);
		struct connection *c = e ? e->object : NULL;

		if (c && c->id == id && connection_lock(c) == 0) {
			found = settings_ref(c->settings);
			connection_unlock(c);
		}
		fdtable_put(e);
	}
	return found;
}

/* Another socket is asked without this one's lock: it may be asking this one. */
static int set_context(struct connection *c, int fd, const void *v, size_t len)
{
	struct settings *other, *mine;
	unsigned long id;
	int r;

	if (len != sizeof(id))
		return -EINVAL;
	memcpy(&id, v, sizeof(id));
	if (id == c->id)
		return 0;
	connection_unlock(c);
	other = settings_of(id);
	/* It cannot fail, since this thread has just had it. */
	(void)!connection_lock(c);
	if (!other)
		return -EINVAL;
	r = !fdtable_names(fd, c->entry) ? -EBADF : c->state != STATE_NEW ? -EISCONN : 0;
	/* The protocol is the socket's own. */
	if (r == 0 && other->protocol != c->settings->protocol)
		r = settings_own(&other);
	if (r < 0) {
		settings_put(other);
		return r;
	}
	mine = c->settings;
	if (other->protocol != mine->protocol) {
		other->protocol = mine->protocol;
		other->zephyr = mine->zephyr;
	}
	c->settings = other;
	c->context = id;
	settings_put(mine);
	return 0;
}

static int purge(struct connection *c, int fd, const void *v, size_t len)
{
	(void)c;
	(void)fd;
	(void)v;
	(void)len;
	sessioncache_purge();
	return 0;
}

static int set_key_file(struct connection *c, const struct option *o, const void *v, size_t len)
{
	char *path = NULL, reason[512] = "";
	struct ticket_keys keys;
	int r = options_text(&path, v, len);

	if (r < 0)
		return r;
	if (c->settings->numbers[SETTING_EARLY_DATA] > 0) {
		free(path);
		return connection_explain(c, -EOPNOTSUPP, "setsockopt", not_both);
	}
	r = tickets_of_file(path, tickets_now_s(), 0, &keys, reason, sizeof(reason));
	explicit_bzero(&keys, sizeof(keys));
	if (r < 0)
		connection_explain(c, r, "setsockopt", reason);
	else
		r = settings_tell(c->settings, (enum setting_value)o->setting, path, strlen(path));
	free(path);
	return r;
}

/* What there may be of it, and then what there was. */
static int get_early_data(struct connection *c, const struct option *o, struct option_value *out)
{
	int64_t told = c->settings->numbers[o->setting];

	if (c->engine && c->was_open)
		return options_int_value(out, (int)engine_early(c->engine));
	return options_int_value(out, told > 0 ? (int)told : 0);
}

static int set_early_data(struct connection *c, const struct option *o, const void *v, size_t len)
{
	int bytes, r = options_int(&bytes, v, len);

	if (r == 0 && bytes > 0 && settings_text(c->settings, SETTING_TICKET_KEY_FILE))
		return connection_explain(c, -EOPNOTSUPP, "setsockopt", not_both);
	return r < 0 ? r : options_set_number(c, o, v, len);
}

static const struct option rows[] = {
	{.name = TLS_SESSION_CACHE,
	 .early = true,
	 .setting = SETTING_SESSION_REUSE,
	 .max = 1,
	 .get = get_reuse,
	 .set = options_set_number},
	{.name = TLS_SESSION_CACHE_PURGE, .empty = true, .act = purge},
	{.name = TLS_SESSION_TTL,
	 .early = true,
	 .setting = SETTING_SESSION_TTL,
	 .get = get_ttl,
	 .set = set_ttl},
	{.name = TLS_ID, .get = get_id},
	{.name = TLS_CONTEXT, .early = true, .get = get_context, .act = set_context},
	{.name = TLS_SESSION_REUSE,
	 .early = true,
	 .setting = SETTING_SESSION_REUSE,
	 .max = 1,
	 .get = get_reuse,
	 .set = options_set_number},
	{.name = TLS_RESUMED_SESSION, .fact = true, .get = get_resumed},
	{.name = TLS_TICKET_KEY_FILE,
	 .early = true,
	 .setting = SETTING_TICKET_KEY_FILE,
	 .set = set_key_file},
	{.name = TLS_EARLY_DATA,
	 .early = true,
	 .agreed = true,
	 .setting = SETTING_EARLY_DATA,
	 .max = MOST_EARLY,
	 .get = get_early_data,
	 .set = set_early_data},
};

const struct option_table options_session = OPTION_TABLE(rows);
