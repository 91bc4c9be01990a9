/* SPDX-License-Identifier: MIT */
/* Options that tell what the handshake has agreed on, and what failed; and those that act. */
#include "options.h"

#include "handshake.h"
#include "output.h"
#include "receive.h"
#include "want.h"

#include <errno.h>
#include <tlssock.h>

static int get_fact(struct connection *c, const struct option *o, struct option_value *out)
{
	return options_engine_text(c, o->name, out);
}

static int get_error(struct connection *c, const struct option *o, struct option_value *out)
{
	(void)o;
	return options_text_value(out, c->error_text ? c->error_text : "");
}

static int get_info(struct connection *c, const struct option *o, struct option_value *out)
{
	struct tls_info info;

	(void)o;
	engine_info(c->engine, &info);
	return options_value(out, &info, sizeof(info));
}

static int get_version(struct connection *c, const struct option *o, struct option_value *out)
{
	struct tls_info info;

	(void)o;
	engine_info(c->engine, &info);
	return options_int_value(out, (int)info.version);
}

static int get_want(struct connection *c, const struct option *o, struct option_value *out)
{
	(void)o;
	return options_int_value(out, want_tell(c));
}

static const struct option facts[] = {
	{.name = TLS_PEER_IDENTITY, .fact = true, .get = get_fact},
	{.name = TLS_PEER_CERTIFICATE_CHAIN, .fact = true, .get = get_fact},
	{.name = TLS_CHOSEN_CIPHER, .fact = true, .get = get_fact},
	{.name = TLS_CHOSEN_VERSION, .fact = true, .get = get_version},
	{.name = TLS_INFO, .fact = true, .prefix = true, .get = get_info},
	{.name = TLS_ERROR, .get = get_error},
	{.name = TLS_WANT, .get = get_want},
};

const struct option_table options_facts = OPTION_TABLE(facts);

static int handshake(struct connection *c, int fd, const void *v, size_t len)
{
	int r = handshake_need(c, fd, connection_nonblocking(fd, 0), -1);

	(void)v;
	(void)len;
	return r < 0 ? r : connection_await_auth(c, fd);
}

/* It leaves with what is sent next, if the kernel does not take it now. */
static int update_key(struct connection *c, int fd, const void *v, size_t len)
{
	int ask, r = options_int(&ask, v, len);

	if (r < 0)
		return r;
	if (ask != 0 && ask != 1)
		return -EINVAL;
	r = options_need_open(c, fd);
	if (r < 0 || c->write_closed || c->state != STATE_OPEN)
		return r < 0 ? r : -EPIPE;
	r = engine_update_key(c->engine, ask);
	if (r == -EOPNOTSUPP)
		return r;
	if (r < 0)
		return connection_fail(c, fd, r, "updating keys", engine_reason(c->engine));
	c->send_room = 0;
	r = output_flush(c, fd);
	return r == -EAGAIN ? 0 : r;
}

static const struct option actions[] = {
	{.name = TLS_HANDSHAKE, .empty = true, .act = handshake},
	{.name = TLS_KEY_UPDATE, .act = update_key},
};

const struct option_table options_actions = OPTION_TABLE(actions);
