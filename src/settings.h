/* SPDX-License-Identifier: MIT */
/*
 * What a socket was told before its handshake. The sockets that a listener
 * accepts share its settings until one is told something else.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include "credentials.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of numbers: not told, so the default of the role or protocol holds. */
enum { UNSET = -1 };

enum { SETTINGS_MOST_TTL_S = 604800 }; /* RFC 8446, 4.6.1 */

enum setting_number {
	SETTING_PEER_VERIFY,
	SETTING_HANDSHAKE_MODE,
	SETTING_HANDSHAKE_TIMEOUT, /* milliseconds, 0: none */
	SETTING_ALLOW_TRUNCATION,
	SETTING_ROLE,	     /* TLS_ROLE_* */
	SETTING_VERSION_MIN, /* as TLS_1_2 */
	SETTING_VERSION_MAX,
	SETTING_MAX_FRAGMENT, /* bytes */
	SETTING_CHANNEL_BINDING,
	SETTING_DTLS_TIMEOUT_MIN, /* milliseconds */
	SETTING_DTLS_TIMEOUT_MAX,
	SETTING_DTLS_ON_CONNECT,
	SETTING_IGNORED, /* what Zephyr knows and we need not */
	SETTING_SESSION_REUSE,
	SETTING_SESSION_TTL,	/* seconds, 0: no resumption */
	SETTING_REVOCATION,	/* TLS_REVOCATION_* */
	SETTING_SECURITY_LEVEL, /* SECURITY_LEVEL_* */
	SETTING_OCSP_STAPLED,
	SETTING_OCSP,
	SETTING_CRL,
	SETTING_CACHED_REVOCATION,
	SETTING_SERVER_STAPLING,
	SETTING_EARLY_DATA, /* bytes */
	SETTING_UNKNOWN_NAME,
	SETTING_REQUEST_AUTH, /* TLS_REQUEST_PEER_AUTH */
	SETTING_VERDICT_KEPT, /* bits that no callback takes away, UNSET: none */
	SETTING_NUMBERS
};

enum setting_value {
	SETTING_HOSTNAME,	  /* told as nothing: no name is checked */
	SETTING_ALPN,		  /* comma list */
	SETTING_TAGS,		  /* TLS_SEC_TAG_LIST as it was given */
	SETTING_CIPHERS_ENABLED,  /* colon list of IANA's names: these only */
	SETTING_CIPHERS_DISABLED, /* the same: these not */
	SETTING_GROUPS,		  /* colon list of GnuTLS's names */
	SETTING_PRIORITY,	  /* a GnuTLS priority string */
	SETTING_PINS,		  /* 32 bytes each */
	SETTING_VERIFY_CALLBACK,  /* struct tls_cert_verify_cb */
	SETTING_EXPORTER,	  /* label, NUL, context */
	SETTING_TICKET_KEY_FILE,
	SETTING_PSK, /* a key, which goes with the identity */
	SETTING_PSK_IDENTITY,
	SETTING_PSK_LIST, /* as psk.h makes it */
	SETTING_VALUES
};

/* Text or other bytes; a NUL stands behind them. */
struct setting {
	bool told;
	void *data; /* NULL: told as nothing, or not at all */
	size_t len;
};

/* How strong keys and certificates must be: GnuTLS's profiles. */
enum {
	SECURITY_LEVEL_MEDIUM,
	SECURITY_LEVEL_HIGH,
	SECURITY_LEVEL_ULTRA,
	SECURITY_LEVEL_FUTURE,
};

/* Sections of the policy. */
enum { POLICY_SECTIONS = 256 };

struct policy_set {
	uint64_t bits[POLICY_SECTIONS / 64];
};

/* What was computed from settings once, for it costs more than all else of a resumption. */
enum { SETTINGS_DIGEST = 32, SETTINGS_DIGESTS = 4 };

struct settings_digest {
	unsigned int state; /* atomic: none, being written, there */
	uint8_t bytes[SETTINGS_DIGEST];
};

struct settings {
	unsigned int refs; /* atomic */
	bool found;	   /* atomic; see settingsshare.h */
	int protocol;	   /* the third argument of socket() */
	bool zephyr;	   /* a Zephyr protocol number: its errors and defaults */
	int64_t numbers[SETTING_NUMBERS];
	struct setting values[SETTING_VALUES];
	struct credential_spec spec;
	struct priority *priority; /* atomic, once: what a session of these had */
	struct settings_digest digests[SETTINGS_DIGESTS];
	/* Under the policy's lock: what it made of these last, and by which sections. */
	struct settings *derived;
	struct policy_set sections;
	bool of_server;
};

/* Returns a protocol's least version, as TLS_1_2, or -1 if it is not one of ours. */
int settings_min_version(int protocol);

/* Takes the defaults that TLSSOCK_CERT, _KEY, _KEY_PASSPHRASE_FILE, _CA and
 * _HANDSHAKE give. 0 or -ENOMEM. */
int settings_environment(const char *(*get)(const char *name));

/* Returns settings for a protocol, with one reference, or NULL without memory. */
struct settings *settings_new(int protocol);
struct settings *settings_ref(struct settings *s);
void settings_put(struct settings *s);

/* Makes *s one that nobody else has, so that it can be changed. 0 or -ENOMEM. */
int settings_own(struct settings **s);

/*
 * A digest of all that counts for something, of which there are a few: as it was kept, or
 * false. Who changes the settings loses it.
 */
bool settings_digest(const struct settings *s, unsigned int which, uint8_t out[SETTINGS_DIGEST]);
void settings_keep_digest(struct settings *s, unsigned int which,
			  const uint8_t digest[SETTINGS_DIGEST]);

/* How long a handshake may take, in milliseconds; 0: forever. */
unsigned int settings_timeout(const struct settings *s);

/* True if an end without close_notify is an end of file. */
bool settings_allow_truncation(const struct settings *s);

/* True if the environment has a default for a role's credentials. */
bool settings_environment_has(enum credential_role role);

/* A text, or NULL. Valid until it is told anew. */
static inline const char *settings_text(const struct settings *s, enum setting_value which)
{
	return s->values[which].data;
}

/* Keeps a copy of what was told; NULL: nothing at all. 0 or -ENOMEM, with all as it was. */
int settings_tell(struct settings *s, enum setting_value which, const void *data, size_t len);

/* As if it had never been told. */
void settings_forget(struct settings *s, enum setting_value which);

/* What holds for a role where the option was not set. */
int settings_peer_verify(const struct settings *s, bool server);
int settings_handshake_mode(const struct settings *s, bool server);
bool settings_session_reuse(const struct settings *s);
int64_t settings_session_ttl(const struct settings *s);

/* True if sessions are resumed, and may be. */
bool settings_resumes(const struct settings *s);

/*
 * The credentials of a role, with the defaults for what was not told; where files have
 * become unusable, as they were. Returns as credentials_latest().
 */
int settings_credentials(const struct settings *s, bool server, struct credentials **out,
			 char *reason, size_t size);

/* Reads them again. Returns as credentials_renew(). */
int settings_renew(const struct settings *s, bool server, char *reason, size_t size);

#endif /* SETTINGS_H */
