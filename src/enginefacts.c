/* SPDX-License-Identifier: MIT */
/* What a session has agreed on. */
#include "enginepsk.h"
#include "verify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int version_number(gnutls_session_t session)
{
	return gnutls_protocol_get_version(session) == GNUTLS_TLS1_3 ? TLS_1_3 : TLS_1_2;
}

static const char *text_or(const char *text, const char *otherwise)
{
	return text ? text : otherwise;
}

/* The IANA id: GnuTLS's list has its own names for the suites of TLS 1.2. */
uint32_t engine_suite(const struct engine *e)
{
	gnutls_session_t s = e->session;
	const char *suite = gnutls_ciphersuite_get(s);
	gnutls_kx_algorithm_t kx;
	gnutls_cipher_algorithm_t cipher;
	gnutls_mac_algorithm_t mac;
	gnutls_protocol_t version;
	unsigned char id[2];
	const char *name;

	for (size_t i = 0; (name = gnutls_cipher_suite_info(i, id, &kx, &cipher, &mac, &version));
	     i++) {
		bool same = version_number(s) == TLS_1_3
				    ? suite && strcmp(name, suite) == 0
				    : kx == gnutls_kx_get(s) && cipher == gnutls_cipher_get(s) &&
					      mac == gnutls_mac_get(s);

		if (same)
			return (uint32_t)id[0] << 8 | id[1];
	}
	return 0;
}

void engine_info(const struct engine *e, struct tls_info *info)
{
	gnutls_session_t s = e->session;
	const char *cipher = gnutls_ciphersuite_get(s);
	gnutls_sign_algorithm_t sign = (gnutls_sign_algorithm_t)gnutls_sign_algorithm_get(s);

	*info = (struct tls_info){0};
	info->version = (uint32_t)version_number(s);
	info->cipher = engine_suite(e);
	snprintf(info->cipher_name, sizeof(info->cipher_name), "%s", text_or(cipher, ""));
	snprintf(info->group, sizeof(info->group), "%s",
		 text_or(gnutls_group_get_name(gnutls_group_get(s)), ""));
	snprintf(info->signature, sizeof(info->signature), "%s",
		 text_or(gnutls_sign_get_name(sign), ""));
	info->resumed = gnutls_session_is_resumed(s) != 0;
	info->verified = e->verified && (e->server || e->name || engine_psk_agreed(e));
	info->early_data = e->early_bytes > 0;
	info->bytes_in = e->bytes_in;
	info->bytes_out = e->bytes_out;
	info->records_in = e->records_in;
	info->records_out = e->records_out;
}

static int text_of_datum(const unsigned char *data, size_t len, char **text)
{
	*text = strndup((const char *)data, len);
	return *text ? 0 : -ENOMEM;
}

static int alpn_text(gnutls_session_t session, char **text)
{
	gnutls_datum_t alpn = {0};

	if (gnutls_alpn_get_selected_protocol(session, &alpn) < 0)
		return text_of_datum((const unsigned char *)"", 0, text);
	return text_of_datum(alpn.data, alpn.size, text);
}

static int server_name_text(gnutls_session_t session, char **text)
{
	char name[256];
	size_t len = sizeof(name);
	unsigned int type;

	if (gnutls_server_name_get(session, name, &len, &type, 0) < 0)
		return -ENOTCONN;
	return text_of_datum((const unsigned char *)name, len, text);
}

int engine_text(struct engine *e, int option, char **text)
{
	const char *cipher = gnutls_ciphersuite_get(e->session);

	switch (option) {
	case TLS_CHOSEN_CIPHER:
		cipher = text_or(cipher, "");
		return text_of_datum((const unsigned char *)cipher, strlen(cipher), text);
	case TLS_PEER_IDENTITY:
		return verify_subject(e->session, text);
	case TLS_PEER_CERTIFICATE_CHAIN:
		return verify_chain_pem(e->session, text);
	case TLS_ALPN:
		return alpn_text(e->session, text);
	case TLS_ACCEPTABLE_CAS:
		if (!e->authorities)
			return -ENOTCONN;
		*text = strdup(e->authorities);
		return *text ? 0 : -ENOMEM;
	case TLS_PSK_IDENTITY:
		return engine_psk_identity(e, text);
	case TLS_HOSTNAME:
	case TLS_SERVER_NAME:
		return server_name_text(e->session, text);
	default:
		return -ENOPROTOOPT;
	}
}

static int copy_datum(const gnutls_datum_t *datum, void **data, size_t *len)
{
	*data = malloc(datum->size ? datum->size : 1);
	if (!*data)
		return -ENOMEM;
	memcpy(*data, datum->data, datum->size);
	*len = datum->size;
	return 0;
}

int engine_peer_certificate(struct engine *e, void **data, size_t *len)
{
	unsigned int n = 0;
	const gnutls_datum_t *list = gnutls_certificate_get_peers(e->session, &n);

	return list && n ? copy_datum(&list[0], data, len) : -ENOTCONN;
}

int engine_channel_binding(struct engine *e, const char *type, void **data, size_t *len)
{
	static const struct {
		const char *name;
		gnutls_channel_binding_t type;
	} types[] = {
		{"tls-exporter", GNUTLS_CB_TLS_EXPORTER},
		{"tls-server-end-point", GNUTLS_CB_TLS_SERVER_END_POINT},
		{"tls-unique", GNUTLS_CB_TLS_UNIQUE},
	};
	gnutls_datum_t binding = {0};
	size_t i = 0;
	int r;

	while (strcmp(types[i].name, type) != 0)
		i++;
	r = gnutls_session_channel_binding(e->session, types[i].type, &binding);
	if (r == GNUTLS_E_MEMORY_ERROR)
		return -ENOMEM;
	if (r < 0)
		return -EOPNOTSUPP;
	r = copy_datum(&binding, data, len);
	gnutls_free(binding.data);
	return r;
}

int engine_export(struct engine *e, const char *told, size_t told_len, void *out, size_t n)
{
	size_t label = strlen(told), used = label < told_len ? label + 1 : label;
	int r = gnutls_prf_rfc5705(e->session, label, told, told_len - used,
				   label < told_len ? told + used : NULL, n, out);

	if (r == GNUTLS_E_MEMORY_ERROR)
		return -ENOMEM;
	return r < 0 ? -EINVAL : 0;
}
