/* SPDX-License-Identifier: MIT */
#include "enginepsk.h"

#include "psk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int copy(gnutls_datum_t *out, const void *data, size_t len)
{
	out->data = gnutls_malloc(len);
	if (!out->data)
		return -1;
	memcpy(out->data, data, len);
	out->size = (unsigned int)len;
	return 0;
}

/* GnuTLS asks for the key when it needs it, and so keeps none. */
static int client_key(gnutls_session_t session, gnutls_datum_t *identity, gnutls_datum_t *key)
{
	const struct engine *e = gnutls_session_get_ptr(session);
	struct psk psk;

	if (!psk_first(e->settings, &psk) || copy(identity, psk.identity, psk.identity_len) < 0)
		return -1;
	if (copy(key, psk.key, psk.key_len) == 0)
		return 0;
	gnutls_free(identity->data);
	identity->data = NULL;
	return -1;
}

/* With 1 it goes on with a key of chance, so that nobody learns which identities there are. */
static int server_key(gnutls_session_t session, const gnutls_datum_t *identity, gnutls_datum_t *key)
{
	struct engine *e = gnutls_session_get_ptr(session);
	struct psk psk;

	e->psk_unknown = !psk_find(e->settings, identity->data, identity->size, &psk);
	if (e->psk_unknown)
		return 1;
	return copy(key, psk.key, psk.key_len);
}

static int setup_server(struct engine *e)
{
	int r = gnutls_psk_allocate_server_credentials(&e->psk_server);

	if (r < 0)
		return r;
	gnutls_psk_set_server_credentials_function2(e->psk_server, server_key);
	r = gnutls_psk_set_server_known_dh_params(e->psk_server, GNUTLS_SEC_PARAM_MEDIUM);
	return r < 0 ? r : gnutls_credentials_set(e->session, GNUTLS_CRD_PSK, e->psk_server);
}

static int setup_client(struct engine *e)
{
	int r = gnutls_psk_allocate_client_credentials(&e->psk_client);

	if (r < 0)
		return r;
	gnutls_psk_set_client_credentials_function2(e->psk_client, client_key);
	return gnutls_credentials_set(e->session, GNUTLS_CRD_PSK, e->psk_client);
}

int engine_psk_setup(struct engine *e)
{
	if (!psk_told(e->settings))
		return 0;
	engine_psk_fini(e);
	return e->server ? setup_server(e) : setup_client(e);
}

void engine_psk_fini(struct engine *e)
{
	if (e->psk_server)
		gnutls_psk_free_server_credentials(e->psk_server);
	if (e->psk_client)
		gnutls_psk_free_client_credentials(e->psk_client);
	e->psk_server = NULL;
	e->psk_client = NULL;
}

/* A ticket of TLS 1.3 is such a key too, which says nothing of who has it. */
bool engine_psk_agreed(const struct engine *e)
{
	return psk_told(e->settings) && gnutls_session_is_resumed(e->session) == 0 &&
	       gnutls_auth_server_get_type(e->session) == GNUTLS_CRD_PSK;
}

bool engine_psk_takes_certificate(struct engine *e)
{
	if (e->server || psk_takes_certificate(e->settings))
		return true;
	engine_explain(e, "the server shows a certificate where this socket has a pre-shared key; "
			  "set TLS_TRUSTED_PEER_CERTIFICATES to take either");
	return false;
}

const char *engine_psk_doubt(const struct engine *e, int result)
{
	/* GnuTLS's words for a binder or a Finished of another key, and for no key. */
	static const int results[] = {
		GNUTLS_E_FATAL_ALERT_RECEIVED,	   GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER,
		GNUTLS_E_DECRYPTION_FAILED,	   GNUTLS_E_NO_CIPHER_SUITES,
		GNUTLS_E_INSUFFICIENT_CREDENTIALS,
	};
	bool can_be = false;

	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
		can_be = can_be || result == results[i];
	if (!can_be || e->overhead || !psk_told(e->settings))
		return "";
	if (e->psk_unknown)
		return "; the peer's identity is none of those that have a pre-shared key here";
	return "; are the pre-shared key and its identity the same at both ends?";
}

int engine_psk_identity(struct engine *e, char **text)
{
	gnutls_datum_t identity = {0};
	struct psk psk;

	if (!engine_psk_agreed(e))
		return -ENOTCONN;
	if (!e->server && psk_first(e->settings, &psk))
		identity = (gnutls_datum_t){(unsigned char *)(uintptr_t)psk.identity,
					    (unsigned int)psk.identity_len};
	else if (gnutls_psk_server_get_username2(e->session, &identity) < 0)
		return -ENOTCONN;
	*text = strndup((const char *)identity.data, identity.size);
	return *text ? 0 : -ENOMEM;
}
