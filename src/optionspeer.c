/* SPDX-License-Identifier: MIT */
/* Options that say how the peer is verified, and what came of it. */
#include "options.h"

#include "output.h"
#include "pins.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>

/* Set again: those that were set before, and these. */
static int set_pin(struct connection *c, const struct option *o, const void *v, size_t len)
{
	const struct setting *old = &c->settings->values[SETTING_PINS];
	uint8_t *pins = NULL, *all;
	size_t size;
	int n, r;

	(void)o;
	if (len == 0) {
		settings_forget(c->settings, SETTING_PINS);
		return 0;
	}
	n = pins_read(v, len, &pins);
	if (n < 0)
		return n;
	size = (size_t)n * PIN_SIZE;
	all = realloc(pins, size + old->len);
	if (!all) {
		free(pins);
		return -ENOMEM;
	}
	if (old->len)
		memcpy(all + size, old->data, old->len);
	r = settings_tell(c->settings, SETTING_PINS, all, size + old->len);
	free(all);
	return r;
}

static int set_callback(struct connection *c, const struct option *o, const void *v, size_t len)
{
	struct tls_cert_verify_cb callback = {0};

	(void)o;
	if (len && len != sizeof(callback))
		return -EINVAL;
	if (len)
		memcpy(&callback, v, len);
	if (callback.cb)
		return settings_tell(c->settings, SETTING_VERIFY_CALLBACK, v, len);
	settings_forget(c->settings, SETTING_VERIFY_CALLBACK);
	return 0;
}

static int get_result(struct connection *c, const struct option *o, struct option_value *out)
{
	(void)o;
	if (!c->engine || (c->state != STATE_OPEN && !engine_was_judged(c->engine)))
		return -ENOTCONN;
	return options_int_value(out, (int)engine_verify_result(c->engine));
}

static int set_insecure(struct connection *c, const struct option *o, const void *v, size_t len)
{
	int on, r = options_int(&on, v, len);

	(void)o;
	if (r < 0)
		return r;
	if (on != 0 && on != 1)
		return -EINVAL;
	c->settings->numbers[SETTING_PEER_VERIFY] = on ? TLS_PEER_VERIFY_NONE : UNSET;
	return 0;
}

/* Before there is a connection: for the handshake. Later: now. */
static int request(struct connection *c, int fd, const void *v, size_t len)
{
	int on, r = options_int(&on, v, len);

	if (r < 0)
		return r;
	if (on != 0 && on != 1)
		return -EINVAL;
	if (c->state == STATE_NEW || c->state == STATE_LISTENING) {
		r = settings_own(&c->settings);
		if (r == 0)
			c->settings->numbers[SETTING_REQUEST_AUTH] = on;
		return r;
	}
	if (!on)
		return -EISCONN;
	r = options_need_open(c, fd);
	if (r < 0 || c->write_closed || c->state != STATE_OPEN)
		return r < 0 ? r : -EPIPE;
	r = engine_request_auth(c->engine);
	if (r == -EOPNOTSUPP || r == -EALREADY)
		return r;
	if (r < 0)
		return connection_fail(c, fd, r, "asking for a certificate",
				       engine_reason(c->engine));
	c->auth_end_ms = connection_end_ms(settings_timeout(c->settings));
	c->send_room = 0;
	r = output_flush(c, fd);
	return r == -EAGAIN ? 0 : r;
}

static int get_request(struct connection *c, const struct option *o, struct option_value *out)
{
	(void)o;
	if (c->engine && c->state == STATE_OPEN)
		return options_int_value(out, engine_awaits_auth(c->engine));
	return options_int_value(out, c->settings->numbers[SETTING_REQUEST_AUTH] == 1);
}

static int get_authorities(struct connection *c, const struct option *o, struct option_value *out)
{
	return options_engine_text(c, o->name, out);
}

static const struct option rows[] = {
	{.name = TLS_CERT_VERIFY_RESULT, .fact = true, .failed = true, .get = get_result},
	{.name = TLS_CERT_VERIFY_CALLBACK, .early = true, .empty = true, .set = set_callback},
	{.name = TLS_REQUEST_PEER_AUTH, .get = get_request, .act = request},
	{.name = TLS_ACCEPTABLE_CAS, .fact = true, .get = get_authorities},
	{.name = TLS_PEER_PIN, .early = true, .empty = true, .set = set_pin},
	{.name = TLS_INSECURE_NO_VERIFY, .early = true, .set = set_insecure},
};

const struct option_table options_peer = OPTION_TABLE(rows);
