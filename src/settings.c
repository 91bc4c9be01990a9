/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include "log.h"
#include "priority.h"
#include "psk.h"
#include "settingsshare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>

enum {
	DEFAULT_HANDSHAKE_TIMEOUT_MS = 30000,
	/* Zephyr's, and RFC 6347's, 4.2.4.1 */
	DTLS_TIMEOUT_MIN_MS = 1000,
	DTLS_TIMEOUT_MAX_MS = 60000,
	DEFAULT_SESSION_TTL_S = 3600,
};

/* From the environment; set once, by the constructor. */
static struct {
	char *cert, *key, *ca, *passphrase;
	int handshake_mode;
} defaults = {.handshake_mode = UNSET};

int settings_min_version(int protocol)
{
	switch (protocol) {
	case IPPROTO_TLS:
	case IPPROTO_TLS_1_0:
	case IPPROTO_TLS_1_1:
	case IPPROTO_TLS_1_2:
		return TLS_1_2;
	case IPPROTO_TLS_1_3:
		return TLS_1_3;
	default:
		return -1;
	}
}

static int copy_text(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return from && !*to ? -ENOMEM : 0;
}

/* Copies: a program that sets its title writes it over its environment. */
static int take_texts(const char *(*get)(const char *name))
{
	free(defaults.cert);
	free(defaults.key);
	free(defaults.ca);
	free(defaults.passphrase);
	defaults.key = defaults.ca = defaults.passphrase = NULL;
	if (copy_text(&defaults.cert, get("TLSSOCK_CERT")) < 0 ||
	    copy_text(&defaults.key, get("TLSSOCK_KEY")) < 0 ||
	    copy_text(&defaults.ca, get("TLSSOCK_CA")) < 0 ||
	    copy_text(&defaults.passphrase, get("TLSSOCK_KEY_PASSPHRASE_FILE")) < 0)
		return -ENOMEM;
	return 0;
}

int settings_environment(const char *(*get)(const char *name))
{
	const char *mode = get("TLSSOCK_HANDSHAKE");

	if (take_texts(get) < 0)
		return -ENOMEM;
	if (!mode)
		return 0;
	if (strcmp(mode, "inline") == 0)
		defaults.handshake_mode = TLS_HANDSHAKE_INLINE;
	else if (strcmp(mode, "deferred") == 0)
		defaults.handshake_mode = TLS_HANDSHAKE_DEFERRED;
	else
		log_line(LEVEL_ERROR, "TLSSOCK_HANDSHAKE=%s: not inline or deferred; ignored",
			 mode);
	return 0;
}

struct settings *settings_new(int protocol)
{
	struct settings *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->refs = 1;
	s->protocol = protocol;
	s->zephyr = protocol != IPPROTO_TLS;
	for (int i = 0; i < SETTING_NUMBERS; i++)
		s->numbers[i] = UNSET;
	s->numbers[SETTING_DTLS_TIMEOUT_MIN] = DTLS_TIMEOUT_MIN_MS;
	s->numbers[SETTING_DTLS_TIMEOUT_MAX] = DTLS_TIMEOUT_MAX_MS;
	s->numbers[SETTING_DTLS_ON_CONNECT] = 1;
	s->numbers[SETTING_UNKNOWN_NAME] = 0;
	return s;
}

struct settings *settings_ref(struct settings *s)
{
	__atomic_fetch_add(&s->refs, 1, __ATOMIC_RELAXED);
	return s;
}

/* It may be a secret. */
static void forget(struct setting *value)
{
	if (value->data)
		explicit_bzero(value->data, value->len);
	free(value->data);
}

void settings_put(struct settings *s)
{
	if (!s || __atomic_fetch_sub(&s->refs, 1, __ATOMIC_ACQ_REL) > 1)
		return;
	settingsshare_forget(s);
	for (int i = 0; i < SETTING_VALUES; i++)
		forget(&s->values[i]);
	credential_spec_fini(&s->spec);
	settings_put(s->derived);
	priority_put(s->priority);
	free(s);
}

void settings_forget(struct settings *s, enum setting_value which)
{
	forget(&s->values[which]);
	s->values[which] = (struct setting){0};
}

int settings_tell(struct settings *s, enum setting_value which, const void *data, size_t len)
{
	struct setting told = {.told = true, .len = data ? len : 0};

	if (data) {
		told.data = malloc(len + 1);
		if (!told.data)
			return -ENOMEM;
		memcpy(told.data, data, len);
		((char *)told.data)[len] = '\0';
	}
	forget(&s->values[which]);
	s->values[which] = told;
	return 0;
}

static int copy_values(struct settings *to, const struct settings *from)
{
	int r = 0;

	for (int i = 0; r == 0 && i < SETTING_VALUES; i++)
		if (from->values[i].told)
			r = settings_tell(to, (enum setting_value)i, from->values[i].data,
					  from->values[i].len);
	return r;
}

enum { DIGEST_NONE, DIGEST_WRITTEN, DIGEST_THERE };

bool settings_digest(const struct settings *s, unsigned int which, uint8_t out[SETTINGS_DIGEST])
{
	const struct settings_digest *d = &s->digests[which];

	if (__atomic_load_n(&d->state, __ATOMIC_ACQUIRE) != DIGEST_THERE)
		return false;
	memcpy(out, d->bytes, sizeof(d->bytes));
	return true;
}

/* Two threads have computed the same: one of them keeps it. */
void settings_keep_digest(struct settings *s, unsigned int which,
			  const uint8_t digest[SETTINGS_DIGEST])
{
	struct settings_digest *d = &s->digests[which];
	unsigned int none = DIGEST_NONE;

	if (!__atomic_compare_exchange_n(&d->state, &none, DIGEST_WRITTEN, false, __ATOMIC_RELAXED,
					 __ATOMIC_RELAXED))
		return;
	memcpy(d->bytes, digest, sizeof(d->bytes));
	__atomic_store_n(&d->state, DIGEST_THERE, __ATOMIC_RELEASE);
}

int settings_own(struct settings **s)
{
	struct settings *copy;

	if (__atomic_load_n(&(*s)->refs, __ATOMIC_ACQUIRE) == 1)
		settingsshare_forget(*s);
	if (__atomic_load_n(&(*s)->refs, __ATOMIC_ACQUIRE) == 1) {
		settings_put((*s)->derived);
		(*s)->derived = NULL;
		priority_put((*s)->priority);
		(*s)->priority = NULL;
		memset((*s)->digests, 0, sizeof((*s)->digests));
		return 0;
	}
	copy = malloc(sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	*copy = **s;
	copy->refs = 1;
	copy->found = false;
	memset(copy->values, 0, sizeof(copy->values));
	copy->spec = (struct credential_spec){0};
	copy->derived = NULL;
	copy->priority = NULL;
	memset(copy->digests, 0, sizeof(copy->digests));
	if (copy_values(copy, *s) < 0 || credential_spec_copy(&copy->spec, &(*s)->spec) < 0) {
		settings_put(copy);
		return -ENOMEM;
	}
	settings_put(*s);
	*s = copy;
	return 0;
}

unsigned int settings_timeout(const struct settings *s)
{
	int64_t told = s->numbers[SETTING_HANDSHAKE_TIMEOUT];

	return told == UNSET ? DEFAULT_HANDSHAKE_TIMEOUT_MS : (unsigned int)told;
}

bool settings_allow_truncation(const struct settings *s)
{
	int64_t told = s->numbers[SETTING_ALLOW_TRUNCATION];

	return told == UNSET ? s->zephyr : told != 0;
}

bool settings_environment_has(enum credential_role role)
{
	if (role == CREDENTIAL_CRL)
		return false;
	return role == CREDENTIAL_CA ? defaults.ca != NULL : defaults.cert != NULL;
}

int settings_peer_verify(const struct settings *s, bool server)
{
	if (s->numbers[SETTING_PEER_VERIFY] != UNSET)
		return (int)s->numbers[SETTING_PEER_VERIFY];
	if (server && s->numbers[SETTING_REQUEST_AUTH] != UNSET)
		return s->numbers[SETTING_REQUEST_AUTH] ? TLS_PEER_VERIFY_REQUIRED
							: TLS_PEER_VERIFY_NONE;
	if (server && !credential_spec_has(&s->spec, CREDENTIAL_CA))
		return TLS_PEER_VERIFY_NONE;
	return TLS_PEER_VERIFY_REQUIRED;
}

int settings_handshake_mode(const struct settings *s, bool server)
{
	if (s->numbers[SETTING_HANDSHAKE_MODE] != UNSET)
		return (int)s->numbers[SETTING_HANDSHAKE_MODE];
	if (defaults.handshake_mode != UNSET)
		return defaults.handshake_mode;
	return server && !s->zephyr ? TLS_HANDSHAKE_DEFERRED : TLS_HANDSHAKE_INLINE;
}

/* Zephyr's sockets start without. */
bool settings_session_reuse(const struct settings *s)
{
	if (s->numbers[SETTING_SESSION_REUSE] != UNSET)
		return s->numbers[SETTING_SESSION_REUSE] != 0;
	return !s->zephyr;
}

int64_t settings_session_ttl(const struct settings *s)
{
	if (s->numbers[SETTING_SESSION_TTL] != UNSET)
		return s->numbers[SETTING_SESSION_TTL];
	return DEFAULT_SESSION_TTL_S;
}

bool settings_resumes(const struct settings *s)
{
	/* Neither the program nor a responder is asked about the peer of a resumed session. */
	return settings_session_reuse(s) && settings_session_ttl(s) > 0 &&
	       s->numbers[SETTING_OCSP] != 1 && !s->values[SETTING_VERIFY_CALLBACK].data &&
	       !psk_told(s);
}

static int add_text(struct credential_spec *spec, enum credential_role role, const char *text)
{
	return text ? credential_spec_add(spec, role, text, strlen(text)) : 0;
}

static int add_defaults(struct credential_spec *spec, bool need_trust)
{
	int r = 0;

	if (need_trust && !credential_spec_has(spec, CREDENTIAL_CA))
		r = add_text(spec, CREDENTIAL_CA, defaults.ca ? defaults.ca : credential_system);
	if (r == 0 && !credential_spec_has(spec, CREDENTIAL_CHAIN) && defaults.cert) {
		r = add_text(spec, CREDENTIAL_CHAIN, defaults.cert);
		if (r == 0)
			r = add_text(spec, CREDENTIAL_PASSPHRASE, defaults.passphrase);
		/* One file may hold both. */
		if (r == 0)
			r = add_text(spec, CREDENTIAL_KEY,
				     defaults.key ? defaults.key : defaults.cert);
	}
	return r;
}

static int with_defaults(const struct settings *s, bool server, struct credential_spec *out)
{
	struct credential_spec spec;
	int r = credential_spec_copy(&spec, &s->spec);

	if (r < 0)
		return r;
	if (s->numbers[SETTING_SERVER_STAPLING] == 0)
		credential_spec_drop(&spec, CREDENTIAL_OCSP);
	/* Who asks for no certificate now may do so later. */
	r = add_defaults(
		&spec, (settings_peer_verify(s, server) != TLS_PEER_VERIFY_NONE && !psk_only(s)) ||
			       s->numbers[SETTING_REQUEST_AUTH] == 0);
	if (r < 0)
		credential_spec_fini(&spec);
	else
		*out = spec;
	return r;
}

int settings_credentials(const struct settings *s, bool server, struct credentials **out,
			 char *reason, size_t size)
{
	struct credential_spec spec;
	int r = with_defaults(s, server, &spec);

	if (r < 0)
		return r;
	r = credentials_latest(&spec, out, reason, size);
	credential_spec_fini(&spec);
	return r;
}

int settings_renew(const struct settings *s, bool server, char *reason, size_t size)
{
	struct credential_spec spec;
	int r = with_defaults(s, server, &spec);

	if (r < 0)
		return r;
	r = credentials_renew(&spec, reason, size);
	credential_spec_fini(&spec);
	return r;
}
