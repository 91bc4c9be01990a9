/* SPDX-License-Identifier: MIT */
#include "earlypair.h"

#include "sessioncache.h"
#include "tickets.h"
#include "unit.h"

#include <errno.h>

enum { PORT = 443 };

uint8_t earlypair_text[EARLYPAIR_MOST + 1];

void earlypair_open_ends(struct pair *p, const struct end_options *client,
			 const struct end_options *server)
{
	struct ticket_keys keys;

	/* As listen() does it. */
	assert_int_equal(tickets_own(tickets_now_s(), &keys), 0);
	*p = (struct pair){0};
	end_open(&p->client, client);
	end_open(&p->server, server);
	engine_offer_session(p->client.engine, "192.0.2.1", PORT);
}

static struct end_options with(struct end_options o, int64_t early)
{
	o.early = early;
	return o;
}

void earlypair_open(struct pair *p, int version, int64_t client, int64_t server)
{
	const struct end_options c = with(end_client(version), client);
	const struct end_options s = with(end_server(version), server);

	earlypair_open_ends(p, &c, &s);
}

void earlypair_fresh(void)
{
	for (size_t i = 0; i < sizeof(earlypair_text); i++)
		earlypair_text[i] = (uint8_t)(i * 7 + i / 251);
	sessioncache_purge();
}

void earlypair_finish(struct pair *p)
{
	pair_run(p);
	if (p->client_result || p->server_result)
		fail_msg("client %d \"%s\", server %d \"%s\"", p->client_result,
			 engine_reason(p->client.engine), p->server_result,
			 engine_reason(p->server.engine));
}

void earlypair_get_tickets(struct pair *p)
{
	end_send(&p->server, "d", 1);
	pair_move(&p->server, &p->client, 0);
	assert_int_equal(end_receive(&p->client), 1);
}

void earlypair_visit_ends(const struct end_options *client, const struct end_options *server)
{
	struct pair p;

	earlypair_fresh();
	earlypair_open_ends(&p, client, server);
	assert_int_equal(engine_early_room(p.client.engine), 0);
	earlypair_finish(&p);
	earlypair_get_tickets(&p);
	pair_close(&p);
}

void earlypair_visit(int version, int64_t client, int64_t server)
{
	const struct end_options c = with(end_client(version), client);
	const struct end_options s = with(end_server(version), server);

	earlypair_visit_ends(&c, &s);
}

void earlypair_got(struct pair *p, size_t n)
{
	uint8_t got[EARLYPAIR_MOST + 2];
	size_t len = engine_read(p->server.engine, got, sizeof(got));

	while (len < n && end_receive(&p->server) > 0)
		len += engine_read(p->server.engine, got + len, sizeof(got) - len);
	assert_int_equal(len, n);
	assert_memory_equal(got, earlypair_text, n);
	assert_int_equal(end_receive(&p->server), -EAGAIN);
}

void earlypair_accepted(struct pair *p, size_t n)
{
	struct tls_info client, server;

	assert_int_equal(engine_early(p->client.engine), n);
	assert_int_equal(engine_early(p->server.engine), n);
	engine_info(p->client.engine, &client);
	engine_info(p->server.engine, &server);
	assert_int_equal(client.early_data, n > 0);
	assert_int_equal(server.early_data, n > 0);
	assert_false(engine_early_waits(p->client.engine));
}
