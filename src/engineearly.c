/* SPDX-License-Identifier: MIT */
#include "engineearly.h"

#include "replays.h"
#include "tickets.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum {
	LIFETIMES = 6, /* GnuTLS changes keys after three, and takes those of before as long */
	PIECE = 4096,
	MOST_SKIPPED = 2 << 20,
};

#define NS_A_SECOND 1000000000LL

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

/*
 * What is refused GnuTLS counts as it was sealed, and gives up where it is more than this:
 * tickets of before may have allowed more.
 */
int engineearly_setup(struct engine *e)
{
	gnutls_anti_replay_t record = e->server ? record_of(e) : NULL;

	if (record)
		gnutls_anti_replay_enable(e->session, record);
	return e->server ? gnutls_record_set_max_early_data_size(e->session, MOST_SKIPPED) : 0;
}

/* GnuTLS accepts what was sealed for the first ticket, whichever it opens; and keeps it. */
void engineearly_expect(struct engine *e, bool opened)
{
	if (!opened)
		gnutls_anti_replay_enable(e->session, NULL);
	else if (record_of(e))
		gnutls_record_set_max_early_data_size(e->session, 2 * most(e) + PIECE);
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

struct span engineearly_protocol(const struct engine *e, struct span hello)
{
	const char *list = settings_text(e->settings, SETTING_ALPN), *at = list ? list : "";

	while (most(e) && *at) {
		size_t len = strcspn(at, ",");

		if (clienthello_offers(hello, at, len))
			return (struct span){(const uint8_t *)at, len};
		at += len + (at[len] == ',');
	}
	return (struct span){0};
}

static int64_t wall_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * NS_A_SECOND + now.tv_nsec;
}

/* The place of the protocol that was agreed on in our own list, from 1; 0: there is none. */
static unsigned int agreed_protocol(const struct engine *e)
{
	const char *list = settings_text(e->settings, SETTING_ALPN), *at = list ? list : "";
	gnutls_datum_t chosen;
	unsigned int place = 1;

	if (gnutls_alpn_get_selected_protocol(e->session, &chosen) < 0)
		return 0;
	for (; *at; place++) {
		size_t len = strcspn(at, ",");

		if (len == chosen.size && memcmp(at, chosen.data, len) == 0)
			return place;
		at += len + (at[len] == ',');
	}
	return 0;
}

void engineearly_note(const struct engine *e, struct session *s)
{
	s->alpn = agreed_protocol(e);
	s->came_ns = wall_ns();
}

/*
 * GnuTLS shows no ticket that is too old, or of the future, but announces early data all the
 * same, and then has no key for it.
 */
static bool is_fresh(const struct session *s)
{
	int64_t age_ns = wall_ns() - s->came_ns;

	return age_ns >= 0 && age_ns / NS_A_SECOND < s->lifetime_s &&
	       tickets_now_s() < s->expires_s;
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
	e->early_alpn = s->alpn;
	e->early_session = *s;
	*s = (struct session){0};
}

size_t engine_early_room(const struct engine *e)
{
	return e->begun || e->early_room == 0 || !is_fresh(&e->early_session) ? 0 : e->early_room;
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
	    gnutls_session_set_data(e->session, e->early_session.data, e->early_session.len) < 0) {
		buffer_fini(&e->early);
		r = engine_begin(e, reason, sizeof(reason));
	} else if (r == 0) {
		r = gnutls_record_send_early_data(e->session, data, n) < 0 ? -ENOMEM : 1;
	}
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

/* Behind early data GnuTLS seals its second ClientHello, which is not read then. */
bool engineearly_unanswered(struct engine *e)
{
	if (!e->retried || e->early.len == 0)
		return false;
	engine_explain(e, "the server wants another key share than in the session that it "
			  "resumes, which cannot be had after early data");
	return true;
}

/* It is for the protocol of the session, and must not be sent again for another (4.2.10). */
static int other_protocol(struct engine *e)
{
	engine_explain(e, "the server chose another application protocol (TLS_ALPN) than in the "
			  "session that it resumes, and the early data was for that one");
	gnutls_alert_send(e->session, GNUTLS_AL_FATAL, GNUTLS_A_ILLEGAL_PARAMETER);
	sessioncache_drop(e->digest);
	return -EPROTO;
}

int engineearly_done(struct engine *e)
{
	bool accepted = gnutls_session_get_flags(e->session) & GNUTLS_SFLAGS_EARLY_DATA;

	session_fini(&e->early_session);
	if (e->server)
		return accepted ? take(e) : 0;
	if (e->early.len && agreed_protocol(e) != e->early_alpn)
		return other_protocol(e);
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
