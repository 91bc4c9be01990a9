/* SPDX-License-Identifier: MIT */
#include "engineearly.h"

#include "replays.h"

#include <errno.h>

enum {
	LIFETIMES = 6, /* GnuTLS changes keys after three, and takes those of before as long */
	PIECE = 4096,
};

static size_t most(const struct engine *e)
{
	int64_t told = e->settings->numbers[SETTING_EARLY_DATA];

	return told > 0 && settings_resumes(e->settings) ? (size_t)told : 0;
}

/* Servers that share a file do not share what they have accepted. */
static gnutls_anti_replay_t record_of(const struct engine *e)
{
	if (most(e) == 0 || settings_text(e->settings, SETTING_TICKET_KEY_FILE))
		return NULL;
	return replays_gnutls(LIFETIMES * settings_session_ttl(e->settings));
}

unsigned int engineearly_flags(const struct engine *e)
{
	bool wanted = e->server ? record_of(e) != NULL : e->early.len > 0;

	return wanted ? GNUTLS_ENABLE_EARLY_DATA : 0;
}

/* What is refused GnuTLS counts as it was sealed, and gives up where it is more than this. */
int engineearly_setup(struct engine *e)
{
	gnutls_anti_replay_t record = e->server ? record_of(e) : NULL;

	if (!record)
		return 0;
	gnutls_anti_replay_enable(e->session, record);
	return gnutls_record_set_max_early_data_size(e->session, 2 * most(e) + PIECE);
}

int engineearly_tell(const struct engine *e)
{
	return engineearly_flags(e) ? gnutls_record_set_max_early_data_size(e->session, most(e))
				    : 0;
}

/* Where a ticket says nothing of early data GnuTLS has this number, and it is not allowed. */
static size_t allowed(const struct engine *e)
{
	size_t n = gnutls_record_get_max_early_data_size(e->session);

	return n < UINT32_MAX ? n : 0;
}

void engineearly_offer(struct engine *e, struct session *s)
{
	size_t n = most(e) < allowed(e) ? most(e) : allowed(e);
	bool verified =
		s->verified || settings_peer_verify(e->settings, false) != TLS_PEER_VERIFY_REQUIRED;

	/* GnuTLS announces it to such a server a second time, which is an error. */
	if (n == 0 || !s->once || s->retried || !verified)
		return;
	e->early_room = n;
	e->early_session = *s;
	*s = (struct session){0};
}

size_t engine_early_room(const struct engine *e)
{
	return e->begun ? 0 : e->early_room;
}

/*
 * GnuTLS must know when a session is made that early data will come, and then announces it
 * in any case.
 */
int engine_send_early(struct engine *e, const void *data, size_t n)
{
	char reason[256] = "";
	int r = buffer_append(&e->early, data, n);

	if (r < 0)
		return r;
	e->early_room = 0;
	r = engine_begin(e, reason, sizeof(reason));
	if (r == 0 &&
	    (gnutls_session_set_data(e->session, e->early_session.data, e->early_session.len) < 0 ||
	     gnutls_record_send_early_data(e->session, data, n) < 0))
		r = -ENOMEM;
	session_fini(&e->early_session);
	e->no_memory = r < 0;
	return r;
}

bool engine_early_waits(const struct engine *e)
{
	return e->early.len > 0;
}

size_t engine_early(const struct engine *e)
{
	return e->early_bytes;
}

static int take(struct engine *e)
{
	uint8_t piece[PIECE];
	ssize_t n;

	while ((n = gnutls_record_recv_early_data(e->session, piece, sizeof(piece))) > 0) {
		if (buffer_append(&e->plain, piece, (size_t)n) < 0)
			return -ENOMEM;
		e->early_bytes += (size_t)n;
		e->bytes_in += (uint64_t)n;
	}
	if (e->early_bytes > most(e)) {
		engine_explain(e, "the client sent more early data than its ticket allows");
		return -EPROTO;
	}
	return 0;
}

/* Behind the Finished, ahead of all that the program sends later. */
static int send_again(struct engine *e)
{
	while (e->early.len) {
		size_t n = e->early.len < ENGINE_MAX_PLAIN ? e->early.len : ENGINE_MAX_PLAIN;
		ssize_t r = engine_seal(e, buffer_head(&e->early), n);

		if (r < 0)
			return (int)r;
		buffer_consume(&e->early, (size_t)r);
	}
	return 0;
}

int engineearly_done(struct engine *e)
{
	bool accepted = gnutls_session_get_flags(e->session) & GNUTLS_SFLAGS_EARLY_DATA;

	session_fini(&e->early_session);
	if (e->server)
		return accepted ? take(e) : 0;
	if (!accepted)
		return send_again(e);
	e->early_bytes = e->early.len;
	e->bytes_out += e->early.len;
	buffer_fini(&e->early);
	return 0;
}

void engineearly_fini(struct engine *e)
{
	session_fini(&e->early_session);
	buffer_fini(&e->early);
}
