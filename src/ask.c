/* SPDX-License-Identifier: MIT */
#include "ask.h"

#include "error.h"
#include "pending.h"
#include "query.h"

#include <errno.h>

/* GRACE_MS: the helper knows better why nothing came. */
enum { LIMIT_MS = 5000, GRACE_MS = 200 };

bool ask_pending(const struct connection *c)
{
	return c->query != NULL;
}

int ask_fd(const struct connection *c)
{
	return query_fd(c->query);
}

int64_t ask_end_ms(const struct connection *c)
{
	return c->query_end_ms;
}

void ask_drop(struct connection *c)
{
	if (c->query)
		pending_asks(-1);
	query_free(c->query);
	c->query = NULL;
	c->asking_fd = -1;
}

/* No more than half of the handshake's time: the rest is for what follows. */
static unsigned int limit_ms(const struct connection *c)
{
	int left = c->handshake_end_ms < 0 ? -1 : connection_left_ms(c->handshake_end_ms) / 2;

	if (left < 0 || left > LIMIT_MS)
		return LIMIT_MS;
	return left > 0 ? (unsigned int)left : 1;
}

static int start(struct connection *c, const struct revocation_question *q)
{
	unsigned int ms = limit_ms(c);
	int r = query_start(&c->query, q->url, q->request, q->len, ms);

	if (r < 0) {
		engine_answer(c->engine, NULL, 0, error_errno_text(-r));
		return 0;
	}
	c->query_end_ms = connection_end_ms(ms + GRACE_MS);
	c->asking_fd = query_fd(c->query);
	pending_asks(1);
	return -EAGAIN;
}

int ask_step(struct connection *c)
{
	struct revocation_question question;
	const void *response = NULL;
	const char *why = NULL;
	size_t len = 0;
	int r;

	if (!engine_question(c->engine, &question))
		return 0;
	if (!c->query)
		return start(c, &question);
	r = query_step(c->query, &response, &len, &why);
	if (r == -EAGAIN && connection_left_ms(c->query_end_ms) > 0)
		return r;
	engine_answer(c->engine, response, len, r == -EAGAIN ? "it did not answer in time" : why);
	ask_drop(c);
	return 0;
}
