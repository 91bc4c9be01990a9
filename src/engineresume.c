/* SPDX-License-Identifier: MIT */
#include "engineresume.h"

#include "clienthello.h"
#include "digest.h"
#include "engineearly.h"
#include "error.h"
#include "libgnutls.h"
#include "log.h"
#include "tickets.h"
#include "verify.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <time.h>

enum {
	KEY_NAME = 16,	     /* a ticket begins with its key's */
	PERIODS_PER_KEY = 3, /* GnuTLS changes keys after so many lifetimes */
	TICKETS = 2,	     /* for a client that opens two connections next */
	TICKET_ROOM = 1024,
	SHOWN = 4,
};

unsigned int engineresume_flags(const struct settings *settings, bool server)
{
	if (!settings_resumes(settings))
		return GNUTLS_NO_TICKETS;
	/* They come with the first data: unread ones would turn a close into a reset. */
	return server ? GNUTLS_NO_AUTO_SEND_TICKET : 0;
}

/* What may differ between two sockets that resume each other's sessions. */
static bool is_harmless_number(int which)
{
	return which == SETTING_HANDSHAKE_MODE || which == SETTING_HANDSHAKE_TIMEOUT ||
	       which == SETTING_ALLOW_TRUNCATION || which == SETTING_SESSION_REUSE ||
	       which == SETTING_CHANNEL_BINDING;
}

static bool is_harmless_value(int which)
{
	/* The name that counts is added by itself. */
	return which == SETTING_HOSTNAME || which == SETTING_TICKET_KEY_FILE ||
	       which == SETTING_EXPORTER;
}

/*
 * All that was told but that: an option that is added later separates sessions, too. Of
 * a server its certificate: the one who shares keys by a file says that they are one
 * service, even if each has a certificate of its own.
 */
static void add_settings(struct digest *d, const struct engine *e, bool identity)
{
	const struct settings *s = e->settings;
	int mode = settings_peer_verify(s, e->server);

	digest_add(d, &s->protocol, sizeof(s->protocol));
	digest_add(d, &mode, sizeof(mode));
	for (int i = 0; i < SETTING_NUMBERS; i++)
		if (!is_harmless_number(i))
			digest_add(d, &s->numbers[i], sizeof(s->numbers[i]));
	for (int i = 0; i < SETTING_VALUES; i++) {
		if (is_harmless_value(i))
			continue;
		digest_add(d, &s->values[i].told, sizeof(s->values[i].told));
		digest_add(d, s->values[i].data, s->values[i].len);
	}
	for (size_t i = 0; i < s->spec.count; i++) {
		const struct credential_item *item = &s->spec.items[i];

		if (!identity && (item->role == CREDENTIAL_CHAIN || item->role == CREDENTIAL_KEY ||
				  item->role == CREDENTIAL_OCSP))
			continue;
		digest_add(d, &item->role, sizeof(item->role));
		digest_add(d, item->data, item->len);
	}
}

_Static_assert((int)SETTINGS_DIGEST == (int)DIGEST_BYTES, "what is kept is a digest");

static bool digest_settings(const struct engine *e, bool identity, uint8_t out[DIGEST_BYTES])
{
	unsigned int which = (e->server ? 2 : 0) + (identity ? 1 : 0);
	struct digest d;

	if (settings_digest(e->settings, which, out))
		return true;
	if (!digest_begin(&d))
		return false;
	add_settings(&d, e, identity);
	digest_end(&d, out);
	settings_keep_digest(e->settings, which, out);
	return true;
}

/* Seals for the conditions of this session, and what the client asks for. */
static int derive(const struct engine *e, const uint8_t *key, bool identity, struct span hello,
		  uint8_t out[TICKET_KEY])
{
	static const char label[] = "tlssock: tickets";
	struct span name = clienthello_name(hello), protocol = engineearly_protocol(e, hello);
	uint8_t text[sizeof(label) + DIGEST_BYTES + 2 * (1 + UINT8_MAX)], *end = text;

	/* There are no longer ones (RFC 1035, 2.3.4; RFC 7301, 3.1). */
	if (name.len > UINT8_MAX || protocol.len > UINT8_MAX)
		return -EINVAL;
	end = mempcpy(end, label, sizeof(label));
	if (!digest_settings(e, identity, end))
		return -ENOMEM;
	end += DIGEST_BYTES;
	*end++ = (uint8_t)name.len;
	for (size_t i = 0; i < name.len; i++)
		*end++ = (uint8_t)tolower(name.data[i]);
	*end++ = (uint8_t)protocol.len;
	end = mempcpy(end, protocol.data ? protocol.data : text, protocol.len);
	return gnutls_hmac_fast(GNUTLS_MAC_SHA512, key, TICKET_KEY, text, (size_t)(end - text),
				out) < 0
		       ? -ENOMEM
		       : 0;
}

/*
 * True if GnuTLS would open the ticket with the key: it changes keys by the time, and a
 * ticket begins with the name of its own. Should it do so in another way some day, only
 * the first key's tickets are taken.
 */
static bool opens(const struct engine *e, const uint8_t key[TICKET_KEY], struct span ticket)
{
	uint64_t ttl = (uint64_t)settings_session_ttl(e->settings);
	uint64_t period = (uint64_t)time(NULL) / (ttl * PERIODS_PER_KEY);
	uint8_t text[sizeof(period) + TICKET_KEY], out[TICKET_KEY];

	if (ticket.len < KEY_NAME)
		return false;
	memcpy(text + sizeof(period), key, TICKET_KEY);
	for (int back = 0; back < 2; back++, period--) {
		for (size_t i = 0; i < sizeof(period); i++)
			text[i] = (uint8_t)(period >> 8 * (sizeof(period) - 1 - i));
		if (gnutls_hash_fast(GNUTLS_DIG_SHA3_512, text, sizeof(text), out) >= 0 &&
		    memcmp(out, ticket.data, KEY_NAME) == 0)
			return true;
	}
	return false;
}

/* Of the first few: a client may show thousands, to keep a server busy. */
static bool opens_one(const struct engine *e, const uint8_t key[TICKET_KEY], struct span hello)
{
	struct span ticket;

	for (unsigned int i = 0; i < SHOWN && (ticket = clienthello_ticket(hello, i)).len; i++)
		if (opens(e, key, ticket))
			return true;
	return false;
}

static int get_keys(const struct engine *e, struct ticket_keys *keys)
{
	const char *path = settings_text(e->settings, SETTING_TICKET_KEY_FILE);
	char reason[256] = "";
	int r;

	if (!path)
		return tickets_own(tickets_now_s(), keys);
	r = tickets_of_file(path, tickets_now_s(), settings_session_ttl(e->settings), keys, reason,
			    sizeof(reason));
	if (r < 0)
		log_line(LEVEL_ERROR, "ticket keys: %s; no session is resumed", reason);
	return r;
}

/* GnuTLS takes one key a session. Which, the client says by the ticket that it shows. */
static int enable(struct engine *e, struct span hello)
{
	bool own = !settings_text(e->settings, SETTING_TICKET_KEY_FILE);
	uint8_t key[TICKET_KEY];
	gnutls_datum_t datum = {key, sizeof(key)};
	struct ticket_keys keys = {0};
	unsigned int i;
	int r = get_keys(e, &keys);

	if (r < 0)
		return r;
	for (i = keys.count - 1; r == 0 && i > 0; i--) {
		r = derive(e, keys.keys[i], own, hello, key);
		if (r == 0 && opens_one(e, key, hello))
			break;
	}
	if (r == 0 && i == 0)
		r = derive(e, keys.keys[0], own, hello, key);
	if (r == 0)
		r = gnutls_session_ticket_enable_server(e->session, &datum);
	if (engineearly_flags(e))
		engineearly_expect(e, r == 0 && opens(e, key, clienthello_ticket(hello, 0)));
	/* A key that goes out of use seals no more. */
	e->tickets_due = r == 0 && i == 0 ? TICKETS : 0;
	explicit_bzero(&keys, sizeof(keys));
	explicit_bzero(key, sizeof(key));
	return r;
}

/* Without keys there is no resumption, and the handshake goes on. */
static int on_client_hello(gnutls_session_t session, unsigned int type, unsigned int when,
			   unsigned int incoming, const gnutls_datum_t *message)
{
	struct engine *e = gnutls_session_get_ptr(session);

	(void)type;
	(void)when;
	e->retried = e->retried || e->has_ticket_key;
	if (incoming && !e->has_ticket_key)
		e->has_ticket_key = enable(e, (struct span){message->data, message->size}) == 0;
	return 0;
}

/* It begins with its lifetime (RFC 8446, 4.6.1). */
void engineresume_see_ticket(struct engine *e, const gnutls_datum_t *message)
{
	uint32_t s = 0;

	for (unsigned int i = 0; i < sizeof(s); i++)
		s = s << 8 | (i < message->size ? message->data[i] : 0);
	e->ticket_lifetime_s = s;
}

void engineresume_ticket(struct engine *e)
{
	e->ticket_came = settings_resumes(e->settings);
}

void engineresume_setup(struct engine *e)
{
	if (!settings_resumes(e->settings))
		return;
	gnutls_db_set_cache_expiration(e->session, (int)settings_session_ttl(e->settings));
	if (e->server)
		gnutls_handshake_set_hook_function(e->session, GNUTLS_HANDSHAKE_CLIENT_HELLO,
						   GNUTLS_HOOK_PRE, on_client_hello);
}

static bool digest_of_client(struct engine *e, const char *address, unsigned int port)
{
	uint64_t serial = credentials_serial(e->credentials);
	uint8_t settings[DIGEST_BYTES];
	struct digest d;

	if (!digest_settings(e, true, settings) || !digest_begin(&d))
		return false;
	digest_add(&d, settings, sizeof(settings));
	digest_add(&d, &serial, sizeof(serial));
	digest_add(&d, e->name, e->name ? strlen(e->name) : 0);
	digest_add(&d, address, e->name ? 0 : strlen(address));
	digest_add(&d, &port, sizeof(port));
	digest_end(&d, e->digest);
	return true;
}

void engine_offer_session(struct engine *e, const char *address, unsigned int port)
{
	struct session s = {0};
	char reason[256] = "";

	if (e->server || !settings_resumes(e->settings) || !digest_of_client(e, address, port))
		return;
	e->has_digest = true;
	e->purges = sessioncache_purges();
	if (!sessioncache_take(e->digest, tickets_now_s(), &s))
		return;
	e->offered = true;
	e->offered_verified = s.verified;
	e->offered_expires_s = s.expires_s;
	/* GnuTLS does not undo what it has taken over by then: without memory, after a jump of
	 * the clock. */
	if (gnutls_session_set_data(e->session, s.data, s.len) < 0) {
		e->offered = false;
		e->no_memory = engine_begin(e, reason, sizeof(reason)) < 0;
	} else {
		engineearly_offer(e, &s);
	}
	session_fini(&s);
}

bool engine_resumed(const struct engine *e)
{
	return gnutls_session_is_resumed(e->session) != 0;
}

static bool is_tls13(const struct engine *e)
{
	return gnutls_protocol_get_version(e->session) >= GNUTLS_TLS1_3;
}

/*
 * However often a session is resumed, its peer is verified again when the first one's
 * time is over.
 */
static void keep(struct engine *e)
{
	int64_t now_s = tickets_now_s();
	struct session s = {.once = is_tls13(e),
			    .retried = e->retried,
			    .verified = e->verified,
			    .lifetime_s = e->ticket_lifetime_s,
			    .purges = e->purges};
	gnutls_datum_t data = {0};

	if (gnutls_session_get_data2(e->session, &data) < 0)
		return;
	s.data = data.data;
	s.len = data.size;
	s.expires_s = e->offered && engine_resumed(e) ? e->offered_expires_s
						      : now_s + settings_session_ttl(e->settings);
	/* One that is older GnuTLS does not show. */
	if (s.once && s.expires_s > now_s + s.lifetime_s)
		s.expires_s = now_s + s.lifetime_s;
	engineearly_note(e, &s);
	sessioncache_put(e->digest, &s);
	explicit_bzero(data.data, data.size);
	gnutls_free(data.data);
}

void engineresume_note(struct engine *e)
{
	if (!e->ticket_came)
		return;
	e->ticket_came = false;
	if (e->has_digest && is_tls13(e))
		keep(e);
}

static bool can_be_resumed(const struct engine *e)
{
	gnutls_datum_t id = {0};

	return (gnutls_session_get_flags(e->session) & GNUTLS_SFLAGS_SESSION_TICKET) ||
	       (gnutls_session_get_id2(e->session, &id) >= 0 && id.size);
}

/* A client's certificate comes with its ticket: time may have passed, or a CRL changed. */
static int verify_again(struct engine *e)
{
	unsigned int n = 0;

	if (settings_peer_verify(e->settings, true) == TLS_PEER_VERIFY_NONE ||
	    !gnutls_certificate_get_peers(e->session, &n) || n == 0)
		return 0;
	return engine_on_certificate(e->session);
}

int engineresume_done(struct engine *e)
{
	int r = 0;

	e->done = true;
	if (engine_resumed(e) && e->server)
		r = verify_again(e);
	else if (engine_resumed(e))
		e->verified = e->offered && e->offered_verified;
	e->ticket_came = false;
	/* GnuTLS cannot refuse early data where it asks for another ClientHello. */
	if (e->server && (!is_tls13(e) || (e->retried && engineearly_flags(e))))
		e->tickets_due = 0;
	else if (e->server && engine_resumed(e) && e->tickets_due)
		e->tickets_due = 1;
	if (e->has_digest && !is_tls13(e) && !engine_resumed(e) && can_be_resumed(e))
		keep(e);
	return r;
}

int engineresume_send(struct engine *e)
{
	unsigned int n = e->tickets_due;
	int r = n ? engineearly_tell(e) : 0;

	e->tickets_due = 0;
	return n && r >= 0 ? gnutls_session_ticket_send(e->session, n, 0) : r;
}

size_t engineresume_room(const struct engine *e)
{
	return e->tickets_due ? TICKET_ROOM : 0;
}

/* Where it was the session that was at fault, the next connection does without. */
void engineresume_fini(struct engine *e)
{
	if (e->offered && !e->done)
		sessioncache_drop(e->digest);
}
