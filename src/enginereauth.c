/* SPDX-License-Identifier: MIT */
/* A client shows its certificate after the handshake (RFC 8446, 4.6.2). */
#include "clienthello.h"
#include "enginesession.h"

#include <errno.h>

enum { HANDSHAKE_RECORD = 22, CLIENT_HELLO = 1, HELLO_HEADER = 4 };

/* Of a message in several records: true. */
static bool can_be_asked(const uint8_t *record, size_t len)
{
	struct span hello;
	size_t n;

	if (record[0] != HANDSHAKE_RECORD)
		return false;
	if (len < ENGINE_HEADER + HELLO_HEADER || record[ENGINE_HEADER] != CLIENT_HELLO)
		return true;
	n = (size_t)record[3] << 8 | record[4];
	hello.data = record + ENGINE_HEADER + HELLO_HEADER;
	hello.len = (size_t)hello.data[-3] << 16 | (size_t)hello.data[-2] << 8 | hello.data[-1];
	return n < HELLO_HEADER + hello.len || len < ENGINE_HEADER + n ||
	       clienthello_can_be_asked(hello);
}

int engine_meet_client(struct engine *e)
{
	char reason[256] = "";

	e->can_be_asked = can_be_asked(e->input, e->input_len);
	return e->can_be_asked ? engine_begin(e, reason, sizeof(reason)) : 0;
}

int engine_request_auth(struct engine *e)
{
	int mode = (int)e->settings->numbers[SETTING_PEER_VERIFY], r;
	bool announced = gnutls_session_get_flags(e->session) & GNUTLS_SFLAGS_POST_HANDSHAKE_AUTH;

	if (!e->server || !announced || gnutls_protocol_get_version(e->session) < GNUTLS_TLS1_3)
		return -EOPNOTSUPP;
	if (e->auth)
		return -EALREADY;
	gnutls_certificate_server_set_request(e->session,
					      mode == UNSET || mode == TLS_PEER_VERIFY_REQUIRED
						      ? GNUTLS_CERT_REQUIRE
						      : GNUTLS_CERT_REQUEST);
	e->auth = e->asked = true;
	e->verified = e->judged = e->pinned = false;
	engine_feed(e, NULL, 0);
	r = engine_auth_step(e);
	return r == -EAGAIN ? 0 : r;
}

int engine_auth_step(struct engine *e)
{
	int r = gnutls_reauth(e->session, 0);

	if (r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED)
		return -EAGAIN;
	if (r == GNUTLS_E_GOT_APPLICATION_DATA)
		return 1;
	e->auth = false;
	if (r < 0)
		return engine_fail(e, r);
	if (engine_has_peer(e))
		return -EAGAIN;
	engine_explain(e, "the peer showed no certificate");
	return engine_fail(e, GNUTLS_E_NO_CERTIFICATE_FOUND);
}

int engine_answer_auth(struct engine *e)
{
	int r = gnutls_reauth(e->session, 0);

	/* A server may have other tickets then. */
	e->heard = false;
	return r < 0 ? engine_fail(e, r) : -EAGAIN;
}

bool engine_awaits_auth(const struct engine *e)
{
	return e->auth;
}
