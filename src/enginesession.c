/* SPDX-License-Identifier: MIT */
#include "enginesession.h"

#include "engineearly.h"
#include "enginepsk.h"
#include "engineresume.h"
#include "error.h"
#include "psk.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ssize_t pull(gnutls_transport_ptr_t ptr, void *buf, size_t n)
{
	struct engine *e = ptr;
	size_t left = e->input_len - e->input_used;

	n = n < left ? n : left;
	if (n == 0) {
		gnutls_transport_set_errno(e->session, EAGAIN);
		return -1;
	}
	memcpy(buf, e->input + e->input_used, n);
	e->input_used += n;
	return (ssize_t)n;
}

static int pull_timeout(gnutls_transport_ptr_t ptr, unsigned int ms)
{
	const struct engine *e = ptr;

	(void)ms;
	return e->input_len > e->input_used;
}

/* A record of TLS 1.2, which is what middleboxes know (RFC 8446, D.4). */
static const uint8_t change_cipher_spec[] = {20, 3, 3, 0, 1, 1};

/*
 * That of a client goes right before its second flight, and so in one segment with it: by
 * itself it would wake the server, which can do nothing with it. Followed by nothing it
 * is not missed.
 */
static bool held_back(struct engine *e, const giovec_t *iov, int n)
{
	if (e->server || n != 1 || iov->iov_len != sizeof(change_cipher_spec) ||
	    memcmp(iov->iov_base, change_cipher_spec, sizeof(change_cipher_spec)) != 0)
		return false;
	e->cipher_change_due = true;
	return true;
}

static size_t due(const struct engine *e)
{
	return e->cipher_change_due ? sizeof(change_cipher_spec) : 0;
}

/*
 * Never EAGAIN: a record that GnuTLS sealed and could not push would have to be
 * sealed again as it was, whoever calls next.
 */
static ssize_t push(gnutls_transport_ptr_t ptr, const giovec_t *iov, int n)
{
	struct engine *e = ptr;
	size_t total = 0;

	for (int i = 0; i < n; i++)
		total += iov[i].iov_len;
	/* What a peer did not expect, an alert in answer to what it said before. */
	if (e->closed || held_back(e, iov, n))
		return (ssize_t)total;
	if (buffer_reserve(&e->output, due(e) + total) < 0) {
		e->no_memory = true;
		gnutls_transport_set_errno(e->session, ENOMEM);
		return -1;
	}
	buffer_append(&e->output, change_cipher_spec, due(e));
	e->cipher_change_due = false;
	for (int i = 0; i < n; i++)
		buffer_append(&e->output, iov[i].iov_base, iov[i].iov_len);
	if (e->on_output)
		e->on_output(e->on_output_arg);
	return (ssize_t)total;
}

static int set_alpn(struct engine *e, const char *list)
{
	gnutls_datum_t protocols[ENGINE_ALPN_MOST];
	unsigned int n = 0;
	unsigned int flags = GNUTLS_ALPN_SERVER_PRECEDENCE;

	while (list && *list && n < ENGINE_ALPN_MOST) {
		size_t len = strcspn(list, ",");

		if (len)
			protocols[n++] = (gnutls_datum_t){(unsigned char *)(uintptr_t)list,
							  (unsigned int)len};
		list += len + (list[len] == ',');
	}
	if (n == 0)
		return 0;
	/* No protocol in common is an alert, not silence (RFC 7301, 3.2). */
	if (e->server)
		flags |= GNUTLS_ALPN_MANDATORY;
	return gnutls_alpn_set_protocols(e->session, protocols, n, flags);
}

static int set_name(struct engine *e)
{
	unsigned char address[16];

	/* RFC 6066, 3: literal addresses are not names. */
	if (!e->name || inet_pton(AF_INET, e->name, address) == 1 ||
	    inet_pton(AF_INET6, e->name, address) == 1)
		return 0;
	return gnutls_server_name_set(e->session, GNUTLS_NAME_DNS, e->name, strlen(e->name));
}

/* When a server knows what its client asks for and can use, before it chooses. */
static int on_hello(gnutls_session_t session)
{
	return engine_choose_identity(gnutls_session_get_ptr(session));
}

static int set_role(struct engine *e)
{
	static const gnutls_certificate_request_t requests[] = {
		[TLS_PEER_VERIFY_NONE] = GNUTLS_CERT_IGNORE,
		[TLS_PEER_VERIFY_OPTIONAL] = GNUTLS_CERT_REQUEST,
		[TLS_PEER_VERIFY_REQUIRED] = GNUTLS_CERT_REQUIRE,
	};

	gnutls_certificate_request_t request = requests[settings_peer_verify(e->settings, true)];

	if (!e->server)
		return set_name(e);
	gnutls_handshake_set_post_client_hello_function(e->session, on_hello);
	/* Asked, though whoever it is will do. */
	if (request == GNUTLS_CERT_IGNORE && e->settings->numbers[SETTING_REQUEST_AUTH] == 1)
		request = GNUTLS_CERT_REQUEST;
	gnutls_certificate_server_set_request(e->session, request);
	return 0;
}

/*
 * GnuTLS has room for one hook: what a client wants to hear of comes by here. Of a ticket's
 * message nothing is left when it was read.
 */
static int on_message(gnutls_session_t session, unsigned int type, unsigned int when,
		      unsigned int incoming, const gnutls_datum_t *message)
{
	struct engine *e = gnutls_session_get_ptr(session);

	if (when == GNUTLS_HOOK_PRE) {
		if (incoming && type == GNUTLS_HANDSHAKE_NEW_SESSION_TICKET)
			engineresume_see_ticket(e, message);
		return 0;
	}
	if (incoming && type == GNUTLS_HANDSHAKE_NEW_SESSION_TICKET)
		engineresume_ticket(e);
	e->retried = e->retried || (incoming && type == GNUTLS_HANDSHAKE_HELLO_RETRY_REQUEST);
	if (incoming && type == GNUTLS_HANDSHAKE_CERTIFICATE_REQUEST)
		return engine_on_request(session, type, when, incoming, message);
	return 0;
}

static int setup(struct engine *e, char *reason, size_t size)
{
	int64_t fragment = e->settings->numbers[SETTING_MAX_FRAGMENT];
	int r = gnutls_priority_set(e->session, priority_gnutls(e->priority));

	if (r >= 0 && fragment > 0)
		r = gnutls_record_set_max_size(e->session, (size_t)fragment);
	if (r >= 0)
		r = gnutls_credentials_set(e->session, GNUTLS_CRD_CERTIFICATE,
					   credentials_gnutls(e->credentials));
	if (r >= 0)
		r = engine_psk_setup(e);
	if (r >= 0)
		r = set_alpn(e, settings_text(e->settings, SETTING_ALPN));
	if (r >= 0)
		r = set_role(e);
	if (r >= 0)
		r = engineearly_setup(e);
	if (r >= 0)
		engineresume_setup(e);
	gnutls_session_set_ptr(e->session, e);
	gnutls_session_set_verify_function(e->session, engine_on_certificate);
	if (!e->server)
		gnutls_handshake_set_hook_function(e->session, GNUTLS_HANDSHAKE_ANY,
						   GNUTLS_HOOK_BOTH, on_message);
	gnutls_handshake_set_timeout(e->session, GNUTLS_INDEFINITE_TIMEOUT);
	gnutls_transport_set_ptr(e->session, e);
	gnutls_transport_set_pull_function(e->session, pull);
	gnutls_transport_set_pull_timeout_function(e->session, pull_timeout);
	gnutls_transport_set_vec_push_function(e->session, push);
	if (r < 0)
		snprintf(reason, size, "%s", error_text(r));
	return r < 0 ? error_from_gnutls(r) : 0;
}

int engine_begin(struct engine *e, char *reason, size_t size)
{
	unsigned int flags = e->server ? GNUTLS_SERVER : GNUTLS_CLIENT;

	flags |= GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | engineresume_flags(e->settings, e->server);
	flags |= engineearly_flags(e);
	/*
	 * GnuTLS keeps all messages of the handshake for it. A client announces it if it has
	 * something to show.
	 */
	if (e->server ? e->can_be_asked : credentials_have_identity(e->credentials))
		flags |= GNUTLS_POST_HANDSHAKE_AUTH;
	gnutls_deinit(e->session);
	e->session = NULL;
	if (gnutls_init(&e->session, flags) < 0) {
		e->session = NULL;
		return -ENOMEM;
	}
	return setup(e, reason, size);
}

/*
 * The settings remember it: a session has a reference, so whoever changes them has a copy, or
 * comes when no session is left.
 */
static int get_priority(struct engine *e, char *reason, size_t size)
{
	struct priority *p = __atomic_load_n(&e->settings->priority, __ATOMIC_ACQUIRE),
			*none = NULL;
	int r;

	if (p) {
		e->priority = priority_ref(p);
		return 0;
	}
	r = priority_get(e->settings, &p, reason, size);
	if (r < 0)
		return r;
	e->priority = priority_ref(p);
	if (!__atomic_compare_exchange_n(&e->settings->priority, &none, p, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		priority_put(p);
	return 0;
}

int engine_new(struct engine **out, struct settings *settings, struct credentials *credentials,
	       bool server, const char *name, char *reason, size_t size)
{
	struct engine *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return -ENOMEM;
	e->server = server;
	e->name = name ? strdup(name) : NULL;
	if (name && !e->name) {
		free(e);
		return -ENOMEM;
	}
	e->settings = settings_ref(settings);
	e->credentials = credentials_ref(credentials);
	r = psk_check(settings, reason, size);
	if (r == 0)
		r = get_priority(e, reason, size);
	if (r == 0)
		r = engine_begin(e, reason, size);
	if (r < 0)
		engine_free(e);
	else
		*out = e;
	return r;
}
