/* SPDX-License-Identifier: MIT */
/* What a session makes of the certificates that its peer shows. */
#include "authorities.h"
#include "enginepsk.h"
#include "enginesession.h"
#include "libgnutls.h"
#include "pins.h"
#include "verify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RESULT_MISSING = 0x40, RESULT_SKIPPED = 0x80 };

/* Who asks after the handshake wants to know. */
static int mode_of(const struct engine *e)
{
	if (e->asked && e->settings->numbers[SETTING_PEER_VERIFY] == UNSET)
		return TLS_PEER_VERIFY_REQUIRED;
	return settings_peer_verify(e->settings, e->server);
}

static int refuse(struct engine *e, int alert)
{
	e->verified = false;
	e->verdict_alert = alert;
	return GNUTLS_E_CERTIFICATE_ERROR;
}

/* The program is asked once; until it has said something GnuTLS comes back for more. */
static int ask_program(struct engine *e, const struct verdict *verdict)
{
	const struct setting *callback = &e->settings->values[SETTING_VERIFY_CALLBACK];
	struct tls_cert_verify_cb cb;
	unsigned int n = 0;
	const gnutls_datum_t *list = gnutls_certificate_get_peers(e->session, &n);
	int r = 0;

	memcpy(&cb, callback->data, sizeof(cb));
	n = n < VERDICT_DEPTH ? n : VERDICT_DEPTH;
	e->judgement = judgement_new(&cb, n);
	if (!e->judgement)
		return GNUTLS_E_MEMORY_ERROR;
	for (unsigned int i = 0; r == 0 && i < n; i++)
		r = judgement_show(e->judgement, i, list[i].data, list[i].size, verdict->bits[i]);
	if (r == 0)
		return GNUTLS_E_AGAIN;
	judgement_free(e->judgement);
	e->judgement = NULL;
	return GNUTLS_E_MEMORY_ERROR;
}

/* As mbedTLS has it: what it returns ends the handshake, what is left of the flags counts. */
static int heed_program(struct engine *e, int mode)
{
	int result = judgement_result(e->judgement);
	int64_t policy = e->settings->numbers[SETTING_VERDICT_KEPT];
	uint32_t kept = policy == UNSET ? 0 : e->verify_result & (uint32_t)policy;

	if (kept & ~judgement_flags(e->judgement) && e->reason)
		engine_explain(e, "%s; the policy leaves this to no TLS_CERT_VERIFY_CALLBACK",
			       e->reason);
	e->verify_result = judgement_flags(e->judgement) | kept;
	judgement_free(e->judgement);
	e->judgement = NULL;
	e->verified = result == 0 && e->verify_result == 0;
	if (e->verified || (result == 0 && mode == TLS_PEER_VERIFY_OPTIONAL))
		return 0;
	if (result)
		engine_explain(e,
			       "the program's TLS_CERT_VERIFY_CALLBACK refused the peer's "
			       "certificate: it returned %d",
			       result);
	else if (e->reason)
		return refuse(e, e->chain_alert);
	else
		engine_explain(e,
			       "the program's TLS_CERT_VERIFY_CALLBACK refused the peer's "
			       "certificate: flags 0x%x",
			       e->verify_result);
	return refuse(e, GNUTLS_A_BAD_CERTIFICATE);
}

static int judge_chain(struct engine *e, int mode)
{
	struct verdict verdict;
	int r;

	if (e->judgement)
		return judgement_is_done(e->judgement) ? heed_program(e, mode) : GNUTLS_E_AGAIN;
	if (verify_peer(e->session, !e->server, e->name, &verdict) < 0)
		return GNUTLS_E_MEMORY_ERROR;
	r = revocation_judge(e->session, e->settings, e->credentials,
			     (e->server ? 0U : REVOCATION_OF_SERVER) |
				     (e->done ? 0U : REVOCATION_ASK),
			     &e->revocation, &verdict);
	if (r < 0)
		return r == -EAGAIN ? GNUTLS_E_AGAIN : GNUTLS_E_MEMORY_ERROR;
	e->verify_result = 0;
	for (unsigned int i = 0; i < VERDICT_DEPTH; i++)
		e->verify_result |= verdict.bits[i];
	if (verdict.status)
		engine_explain(e, "%s", verdict.text);
	e->chain_alert = verdict.alert;
	if (e->settings->values[SETTING_VERIFY_CALLBACK].data)
		return ask_program(e, &verdict);
	e->verified = verdict.status == 0;
	if (e->verified || mode == TLS_PEER_VERIFY_OPTIONAL)
		return 0;
	return refuse(e, verdict.alert);
}

/* Returns a key's pin: 0, or a result of GnuTLS. */
static int pin_of(const gnutls_datum_t *der, uint8_t pin[PIN_SIZE])
{
	gnutls_x509_crt_t crt;
	size_t len = PIN_SIZE;
	int r = gnutls_x509_crt_init(&crt);

	if (r < 0)
		return r;
	r = gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER);
	if (r >= 0)
		r = gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, pin, &len);
	gnutls_x509_crt_deinit(crt);
	return r;
}

/* Also of a peer that is not verified otherwise: who pins a key means that one. */
static int check_pin(struct engine *e)
{
	const struct setting *pins = &e->settings->values[SETTING_PINS];
	unsigned int n = 0;
	const gnutls_datum_t *list = gnutls_certificate_get_peers(e->session, &n);
	uint8_t pin[PIN_SIZE];
	char text[2 * PIN_SIZE + 1];
	int r;

	if (!pins->data)
		return 0;
	r = list && n ? pin_of(&list[0], pin) : GNUTLS_E_NO_CERTIFICATE_FOUND;
	if (r < 0)
		return r;
	e->pinned = pins_have(pins->data, pins->len, pin);
	if (e->pinned)
		return 0;
	for (size_t i = 0; i < PIN_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", pin[i]);
	engine_explain(e,
		       "the key of the peer's certificate, whose SHA-256 is %s, is none of the %zu "
		       "that TLS_PEER_PIN allows; if it is the peer's new key, set that",
		       text, pins->len / PIN_SIZE);
	return refuse(e, GNUTLS_A_BAD_CERTIFICATE);
}

static bool shows_any(gnutls_session_t session)
{
	unsigned int n = 0;

	return gnutls_certificate_get_peers(session, &n) && n > 0;
}

/* GnuTLS asks when the peer has shown its certificate, before it goes on. */
int engine_on_certificate(gnutls_session_t session)
{
	struct engine *e = gnutls_session_get_ptr(session);
	int mode = mode_of(e), r = 0;

	/* In TLS 1.2 GnuTLS asks even where no certificate is to come. */
	if (!e->asked && engine_psk_agreed(e))
		return 0;
	if (!engine_psk_takes_certificate(e))
		return refuse(e, GNUTLS_A_BAD_CERTIFICATE);
	if (mode == TLS_PEER_VERIFY_NONE)
		e->verify_result = RESULT_SKIPPED;
	else if (mode == TLS_PEER_VERIFY_OPTIONAL && !shows_any(session))
		e->verify_result = RESULT_MISSING;
	else
		r = judge_chain(e, mode);
	if (r == 0)
		r = check_pin(e);
	e->judged = r != GNUTLS_E_AGAIN && r != GNUTLS_E_MEMORY_ERROR;
	return r;
}

/* Only told to the program: what cannot be read is GnuTLS's to refuse. */
int engine_on_request(gnutls_session_t session, unsigned int type, unsigned int when,
		      unsigned int incoming, const gnutls_datum_t *message)
{
	struct engine *e = gnutls_session_get_ptr(session);
	bool tls13 = gnutls_protocol_get_version(session) >= GNUTLS_TLS1_3;
	char *text = NULL;

	(void)type;
	(void)when;
	if (!incoming || authorities_read(message->data, message->size, tls13, &text) < 0)
		return 0;
	free(e->authorities);
	e->authorities = text;
	return 0;
}

bool engine_has_peer(struct engine *e)
{
	if (!e->verified && mode_of(e) == TLS_PEER_VERIFY_REQUIRED)
		return false;
	return e->pinned || check_pin(e) == 0;
}

bool engine_was_judged(const struct engine *e)
{
	return e->judged;
}

uint32_t engine_verify_result(const struct engine *e)
{
	if (e->judged)
		return e->verify_result;
	if (e->verified)
		return 0;
	return mode_of(e) == TLS_PEER_VERIFY_NONE ? RESULT_SKIPPED : RESULT_MISSING;
}

struct judgement *engine_judgement(const struct engine *e)
{
	return e->judgement && !judgement_is_done(e->judgement) ? e->judgement : NULL;
}
