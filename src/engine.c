/* SPDX-License-Identifier: MIT */
#include "engine.h"

#include "engineearly.h"
#include "enginepsk.h"
#include "engineresume.h"
#include "enginesession.h"
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void engine_explain(struct engine *e, const char *format, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	free(e->reason);
	e->reason = text;
}

const char *engine_reason(const struct engine *e)
{
	return e->reason ? e->reason : "";
}

bool engine_refused_peer(const struct engine *e)
{
	return e->verdict_alert != 0;
}

size_t engine_record_length(const uint8_t *data, size_t len)
{
	size_t length;

	/* Content types 20 to 24, and the major version 3 (RFC 8446, 5.1). */
	if (len >= 1 && (data[0] < 20 || data[0] > 24))
		return len;
	if (len < ENGINE_HEADER)
		return 0;
	length = ENGINE_HEADER + ((size_t)data[3] << 8 | data[4]);
	if (data[1] != 3 || length > ENGINE_MAX_RECORD)
		return len;
	return len >= length ? length : 0;
}

bool engine_question(const struct engine *e, struct revocation_question *out)
{
	return revocation_question(e->revocation, out);
}

void engine_answer(struct engine *e, const void *response, size_t len, const char *why)
{
	revocation_answer(e->revocation, response, len, why);
}

void engine_feed(struct engine *e, const uint8_t *data, size_t len)
{
	e->input = data;
	e->input_len = len;
	e->input_used = 0;
}

size_t engine_fed(const struct engine *e)
{
	return e->input_used;
}

void engine_on_output(struct engine *e, void (*fn)(void *arg), void *arg)
{
	e->on_output = fn;
	e->on_output_arg = arg;
}

struct buffer *engine_output(struct engine *e)
{
	return &e->output;
}

/*
 * Some clients send the alert that ends a TLS 1.3 handshake in the clear, where
 * GnuTLS expects a sealed record. Nobody vouches for it, but it is worth reading. -1: none.
 */
static int clear_alert(const struct engine *e)
{
	enum { ALERT_RECORD = 21, ALERT_LENGTH = ENGINE_HEADER + 2 };

	if (e->input_used < ALERT_LENGTH || e->input[0] != ALERT_RECORD || e->input[3] != 0 ||
	    e->input[4] != 2)
		return -1;
	return e->input[6];
}

int engine_fail(struct engine *e, int result)
{
	int r = e->no_memory ? -ENOMEM : error_from_gnutls(result);

	if (r == -EAGAIN)
		return r;
	if (result == GNUTLS_E_FATAL_ALERT_RECEIVED) {
		engine_explain_alert(e, (int)gnutls_alert_get(e->session), false,
				     engine_psk_doubt(e, result));
	} else if (result == GNUTLS_E_DECRYPTION_FAILED && clear_alert(e) >= 0) {
		engine_explain_alert(e, clear_alert(e), true, "");
	} else if (e->server && (result == GNUTLS_E_NO_CERTIFICATE_FOUND ||
				 result == GNUTLS_E_CERTIFICATE_REQUIRED)) {
		engine_explain(e, "the client showed no certificate that an authority trusted here "
				  "has issued; it must, unless TLS_PEER_VERIFY says otherwise");
		/* RFC 5246, 7.4.6; GnuTLS would call it a message that it cannot decode. */
		e->verdict_alert = (int)(gnutls_protocol_get_version(e->session) < GNUTLS_TLS1_3
						 ? GNUTLS_A_HANDSHAKE_FAILURE
						 : GNUTLS_A_CERTIFICATE_REQUIRED);
	} else if (!e->verdict_alert && result != GNUTLS_E_UNRECOGNIZED_NAME) {
		/* Those have their explanation. */
		const char *text = error_text(result), *doubt = engine_psk_doubt(e, result);
		int len = (int)strlen(text);

		/* GnuTLS's own words are whole sentences. */
		if (*doubt && text[len - 1] == '.')
			len--;
		engine_explain(e, "%.*s%s", len, text, doubt);
	}
	if (e->verdict_alert)
		gnutls_alert_send(e->session, GNUTLS_AL_FATAL,
				  (gnutls_alert_description_t)e->verdict_alert);
	else
		gnutls_alert_send_appropriate(e->session, result);
	return r;
}

/* A peer's wish to negotiate again (TLS 1.2) is declined (RFC 5246, 7.2.2). */
static int decline_renegotiation(struct engine *e)
{
	int r = gnutls_alert_send(e->session, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);

	return r < 0 ? engine_fail(e, r) : -EAGAIN;
}

/* A server of TLS 1.3 that has sent its flight. */
static bool awaits_finished(const struct engine *e)
{
	return e->server && gnutls_protocol_get_version(e->session) == GNUTLS_TLS1_3 &&
	       gnutls_handshake_get_last_out(e->session) == GNUTLS_HANDSHAKE_FINISHED;
}

bool engine_can_go_on(const struct engine *e, const uint8_t *data, size_t len)
{
	static const uint8_t sign[] = {20, 3, 3, 0, 1, 1};

	if (len == sizeof(sign) && memcmp(data, sign, len) == 0)
		return !awaits_finished(e);
	return len && engine_record_length(data, len);
}

/* True where it may be called again at once. For each record of early data it says "again". */
static bool goes_on(const struct engine *e, int result, size_t used_before)
{
	if (result == GNUTLS_E_AGAIN)
		return e->server && e->input_used > used_before && e->input_used < e->input_len;
	return result < 0 && gnutls_error_is_fatal(result) == 0;
}

int engine_handshake(struct engine *e)
{
	size_t used;
	int result;

	if (e->server && !e->begun && e->input_len)
		e->no_memory = engine_meet_client(e) < 0;
	if (e->no_memory) {
		engine_explain(e, "%s", error_text(GNUTLS_E_MEMORY_ERROR));
		return -ENOMEM;
	}
	e->begun = !e->server || e->begun || e->input_len;
	do {
		used = e->input_used;
		result = gnutls_handshake(e->session);
	} while (goes_on(e, result, used));
	if (result < 0)
		return engineearly_unanswered(e) ? -EPROTO : engine_fail(e, result);
	result = engineresume_done(e);
	if (result < 0)
		return engine_fail(e, result);
	e->verified = e->verified || engine_psk_agreed(e);
	/* Cannot happen while engine_on_certificate is asked; it must not happen unseen. */
	if (!engine_has_peer(e)) {
		engine_explain(e, "the peer showed no certificate");
		return -EPROTO;
	}
	if (!priority_allows(e->priority, engine_suite(e))) {
		engine_explain(e,
			       "the peer chose the cipher suite %s, which is not among those "
			       "that this socket allows",
			       gnutls_ciphersuite_get(e->session));
		gnutls_alert_send(e->session, GNUTLS_AL_FATAL, GNUTLS_A_HANDSHAKE_FAILURE);
		return -EPROTO;
	}
	e->overhead = gnutls_record_overhead_size(e->session);
	return engineearly_done(e);
}

static void drop_packet(struct engine *e)
{
	if (e->packet)
		gnutls_packet_deinit(e->packet);
	e->packet = NULL;
	e->packet_data = NULL;
	e->packet_len = 0;
}

/* Only a peek looks beyond one packet: then it goes behind the older bytes. */
static int stash_packet(struct engine *e)
{
	int r = 0;

	if (e->packet_len)
		r = buffer_append(&e->plain, e->packet_data, e->packet_len);
	if (r == 0)
		drop_packet(e);
	return r;
}

ssize_t engine_open(struct engine *e)
{
	gnutls_packet_t packet = NULL;
	gnutls_datum_t data = {0};
	ssize_t n;

	if (e->packet && stash_packet(e) < 0)
		return -ENOMEM;
	n = e->auth ? engine_auth_step(e) : 1;
	if (n <= 0)
		return n;
	n = gnutls_record_recv_packet(e->session, &packet);
	engineresume_note(e);
	if (n == GNUTLS_E_REAUTH_REQUEST)
		return engine_answer_auth(e);
	if (n == GNUTLS_E_REHANDSHAKE)
		return decline_renegotiation(e);
	/* A warning, user_canceled before close_notify for one, ends nothing. */
	if (n < 0 && !gnutls_error_is_fatal((int)n))
		return -EAGAIN;
	/* In TLS 1.3 GnuTLS gives up at it; all that may follow is close_notify. */
	if (n == GNUTLS_E_FATAL_ALERT_RECEIVED &&
	    gnutls_alert_get(e->session) == GNUTLS_A_USER_CANCELED)
		return 0;
	if (n < 0)
		return engine_fail(e, (int)n);
	e->peer_closed = n == 0 && !packet;
	if (e->peer_closed)
		return 0;
	e->records_in++;
	gnutls_packet_get(packet, &data, NULL);
	if (data.size == 0) {
		gnutls_packet_deinit(packet);
		return -EAGAIN;
	}
	e->bytes_in += data.size;
	e->heard = true;
	e->packet = packet;
	e->packet_data = data.data;
	e->packet_len = data.size;
	return (ssize_t)data.size;
}

size_t engine_pending(const struct engine *e)
{
	return e->plain.len + e->packet_len;
}

/* GnuTLS's packet has room for the greatest record, whatever is in it. */
void engine_keep(struct engine *e)
{
	if (!e->packet || e->plain.len)
		return;
	if (buffer_copy(&e->plain, e->packet_data, e->packet_len) == 0)
		drop_packet(e);
}

size_t engine_peek(const struct engine *e, size_t skip, void *buf, size_t n)
{
	const struct buffer *b = &e->plain;
	size_t first = 0, second = 0;

	if (skip < b->len) {
		first = b->len - skip < n ? b->len - skip : n;
		memcpy(buf, buffer_head(b) + skip, first);
	}
	skip = skip > b->len ? skip - b->len : 0;
	if (first < n && skip < e->packet_len) {
		second = e->packet_len - skip < n - first ? e->packet_len - skip : n - first;
		memcpy((uint8_t *)buf + first, e->packet_data + skip, second);
	}
	return first + second;
}

size_t engine_read(struct engine *e, void *buf, size_t n)
{
	size_t pending = engine_pending(e), first;

	n = n < pending ? n : pending;
	if (n == 0)
		return 0;
	if (buf)
		engine_peek(e, 0, buf, n);
	first = n < e->plain.len ? n : e->plain.len;
	if (first)
		buffer_consume(&e->plain, first);
	e->packet_data += n - first;
	e->packet_len -= n - first;
	if (e->packet_len == 0)
		drop_packet(e);
	return n;
}

ssize_t engine_seal(struct engine *e, const void *buf, size_t n)
{
	ssize_t r = engineresume_send(e);

	if (r >= 0)
		r = gnutls_record_send(e->session, buf, n);
	if (r < 0)
		return engine_fail(e, (int)r);
	e->records_out++;
	e->bytes_out += (uint64_t)r;
	return r;
}

size_t engine_overhead(const struct engine *e)
{
	return e->overhead + engineresume_room(e);
}

int engine_update_key(struct engine *e, bool ask)
{
	int r;

	if (gnutls_protocol_get_version(e->session) < GNUTLS_TLS1_3)
		return -EOPNOTSUPP;
	r = gnutls_session_key_update(e->session, ask ? GNUTLS_KU_PEER : 0);
	e->update_asked = e->update_asked || (ask && r >= 0);
	return r < 0 ? engine_fail(e, r) : 0;
}

bool engine_settled(const struct engine *e)
{
	bool tickets =
		e->server || e->heard || gnutls_protocol_get_version(e->session) < GNUTLS_TLS1_3;

	return tickets && !e->auth && !e->update_asked;
}

int engine_close(struct engine *e)
{
	int r = gnutls_bye(e->session, GNUTLS_SHUT_WR);

	e->closed = r == 0;
	return r < 0 ? error_from_gnutls(r) : 0;
}

bool engine_ended(const struct engine *e)
{
	return e->closed && e->peer_closed;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	drop_packet(e);
	engineresume_fini(e);
	engineearly_fini(e);
	gnutls_deinit(e->session);
	engine_psk_fini(e);
	buffer_fini(&e->output);
	buffer_fini(&e->plain);
	credentials_put(e->credentials);
	judgement_free(e->judgement);
	priority_put(e->priority);
	settings_put(e->settings);
	free(e->name);
	free(e->reason);
	free(e->authorities);
	revocation_free(e->revocation);
	free(e);
}
