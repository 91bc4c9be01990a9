/* SPDX-License-Identifier: MIT */
#include "pair.h"
#include "unit.h"

#include <errno.h>
#include <string.h>

struct end_options end_client(int version)
{
	return (struct end_options){
		.version = version, .ca = "ca.pem", .name = "localhost", .verify = UNSET};
}

struct end_options end_server(int version)
{
	return (struct end_options){
		.server = true, .version = version, .identity = "good", .verify = UNSET};
}

static void add_file(struct settings *s, enum credential_role role, const char *path)
{
	assert_int_equal(credential_spec_add(&s->spec, role, path, strlen(path)), 0);
}

struct settings *end_settings(const struct end_options *o)
{
	struct settings *s = settings_new(IPPROTO_TLS);

	assert_non_null(s);
	s->numbers[SETTING_PEER_VERIFY] = o->verify;
	if (o->alpn)
		assert_int_equal(settings_tell(s, SETTING_ALPN, o->alpn, strlen(o->alpn)), 0);
	if (o->ca)
		add_file(s, CREDENTIAL_CA, zoo("%s", o->ca));
	if (o->identity) {
		add_file(s, CREDENTIAL_CHAIN, zoo("%s.pem", o->identity));
		add_file(s, CREDENTIAL_KEY, zoo("%s.key", o->identity));
	}
	if (o->staple)
		add_file(s, CREDENTIAL_OCSP, zoo("%s", o->staple));
	if (o->crl)
		add_file(s, CREDENTIAL_CRL, zoo("%s", o->crl));
	if (o->hard)
		s->numbers[SETTING_REVOCATION] = TLS_REVOCATION_HARD;
	if (o->ask)
		s->numbers[SETTING_OCSP] = 1;
	if (o->early)
		s->numbers[SETTING_EARLY_DATA] = o->early;
	if (o->ttl)
		s->numbers[SETTING_SESSION_TTL] = o->ttl;
	if (o->without)
		s->numbers[o->without] = 0;
	return s;
}

void end_only_version(struct engine *e, int version)
{
	static const char *const priorities[] = {
		[TLS_1_2] = "NORMAL:-VERS-ALL:+VERS-TLS1.2:%PROFILE_MEDIUM",
		[TLS_1_3] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:%PROFILE_MEDIUM",
	};

	assert_int_equal(gnutls_priority_set_direct(e->session, priorities[version], NULL), 0);
}

void end_open(struct end *end, const struct end_options *o)
{
	struct settings *s = end_settings(o);
	struct credentials *c = NULL;
	char reason[512] = "";

	*end = (struct end){0};
	if (settings_credentials(s, o->server, &c, reason, sizeof(reason)) < 0)
		fail_msg("credentials: %s", reason);
	assert_int_equal(engine_new(&end->engine, s, c, o->server, o->name, NULL, 0), 0);
	end_only_version(end->engine, o->version);
	credentials_put(c);
	settings_put(s);
}

void end_close(struct end *end)
{
	engine_free(end->engine);
	buffer_fini(&end->in);
	*end = (struct end){0};
}

void end_arrive(struct end *end, const void *data, size_t n)
{
	assert_int_equal(buffer_append(&end->in, data, n), 0);
}

static void feed_whole(struct end *end, bool all)
{
	size_t whole = 0, n = 0;

	do {
		n = end->in.len > whole ? engine_record_length(buffer_head(&end->in) + whole,
							       end->in.len - whole)
					: 0;
		whole += n;
	} while (all && n);
	engine_feed(end->engine, whole ? buffer_head(&end->in) : NULL, whole);
}

static void take_fed(struct end *end)
{
	size_t n = engine_fed(end->engine);

	engine_feed(end->engine, NULL, 0);
	if (n)
		buffer_consume(&end->in, n);
}

int end_handshake(struct end *end)
{
	int r;

	feed_whole(end, true);
	r = engine_handshake(end->engine);
	take_fed(end);
	return r;
}

ssize_t end_receive(struct end *end)
{
	ssize_t n;

	do {
		size_t before = end->in.len;

		feed_whole(end, false);
		n = engine_open(end->engine);
		take_fed(end);
		if (end->in.len == before)
			break;
	} while (n == -EAGAIN);
	return n;
}

void end_send(struct end *end, const void *data, size_t n)
{
	size_t done = 0;

	while (done < n) {
		size_t len = n - done < ENGINE_MAX_PLAIN ? n - done : ENGINE_MAX_PLAIN;
		ssize_t r = engine_seal(end->engine, (const uint8_t *)data + done, len);

		assert_true(r > 0);
		done += (size_t)r;
	}
}

size_t end_sealed(struct end *end)
{
	return engine_output(end->engine)->len;
}

size_t pair_move(struct end *from, struct end *to, size_t max)
{
	struct buffer *out = engine_output(from->engine);
	size_t n = max && max < out->len ? max : out->len;

	if (n == 0)
		return 0;
	end_arrive(to, buffer_head(out), n);
	buffer_consume(out, n);
	return n;
}

static bool step(struct end *from, struct end *to, int *result, size_t cut)
{
	bool moved = false;

	while (pair_move(from, to, cut)) {
		moved = true;
		if (*result == -EAGAIN)
			*result = end_handshake(to);
	}
	return moved;
}

void pair_new(struct pair *p, const struct end_options *client, const struct end_options *server,
	      size_t cut)
{
	*p = (struct pair){.cut = cut, .client_result = -EAGAIN, .server_result = -EAGAIN};
	end_open(&p->client, client);
	end_open(&p->server, server);
}

void pair_run(struct pair *p)
{
	p->client_result = p->server_result = -EAGAIN;
	pair_drive(p);
}

void pair_drive(struct pair *p)
{
	bool moved = true;

	if (p->client_result == -EAGAIN)
		p->client_result = end_handshake(&p->client);
	while (moved) {
		moved = step(&p->client, &p->server, &p->server_result, p->cut);
		moved |= step(&p->server, &p->client, &p->client_result, p->cut);
	}
}

void pair_open(struct pair *p, const struct end_options *client, const struct end_options *server,
	       size_t cut)
{
	pair_new(p, client, server, cut);
	pair_drive(p);
}

void pair_open_usual(struct pair *p, int version)
{
	const struct end_options client = end_client(version), server = end_server(version);

	pair_open(p, &client, &server, 0);
	if (p->client_result || p->server_result)
		fail_msg("client %d \"%s\", server %d \"%s\"", p->client_result,
			 engine_reason(p->client.engine), p->server_result,
			 engine_reason(p->server.engine));
}

void pair_close(struct pair *p)
{
	end_close(&p->client);
	end_close(&p->server);
}
