/* SPDX-License-Identifier: MIT */
#include "error.h"

#include "libgnutls.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

struct row {
	int result;
	int code;
	const char *text; /* NULL: GnuTLS's own words are clear enough */
};

/* What is not here is EPROTO: something the peer did, or that we did to it. */
static const struct row table[] = {
	{GNUTLS_E_SUCCESS, 0, "no error"},
	{GNUTLS_E_AGAIN, EAGAIN, NULL},
	{GNUTLS_E_INTERRUPTED, EAGAIN, NULL},
	{GNUTLS_E_MEMORY_ERROR, ENOMEM, NULL},
	{GNUTLS_E_TIMEDOUT, ETIMEDOUT, NULL},
	{GNUTLS_E_DECRYPTION_FAILED, EBADMSG, "a record was damaged or forged"},
	{GNUTLS_E_RECORD_OVERFLOW, EBADMSG, "a record is longer than TLS allows"},
	{GNUTLS_E_TOO_MANY_EMPTY_PACKETS, EBADMSG, "the peer sends nothing but empty records"},
	{GNUTLS_E_TOO_MANY_HANDSHAKE_PACKETS, EPROTO,
	 "the peer sends too many handshake messages: more than 8 KeyUpdates in a second"},
	{GNUTLS_E_PREMATURE_TERMINATION, ECONNRESET,
	 "the peer ended the connection without a word"},
	{GNUTLS_E_UNEXPECTED_PACKET_LENGTH, EPROTO, "the peer does not speak TLS"},
	{GNUTLS_E_UNEXPECTED_PACKET, EPROTO, "the peer does not speak TLS, or out of turn"},
	{GNUTLS_E_UNSUPPORTED_VERSION_PACKET, EPROTO,
	 "the peer does not speak TLS, or no version that is allowed here"},
	{GNUTLS_E_KEY_USAGE_VIOLATION, EPROTO,
	 "the key usage of the peer's certificate forbids what the handshake does with its key; "
	 "have it issued with digitalSignature, or with no key usage"},
	{GNUTLS_E_DH_PRIME_UNACCEPTABLE, EPROTO,
	 "the Diffie-Hellman group of the peer is too small; let it have 2048 bits or more, or an "
	 "elliptic curve"},
	{GNUTLS_E_NO_CIPHER_SUITES, EPROTO,
	 "the peer offers no version, cipher suite and group that are allowed here and that a key "
	 "of this end fits"},
	{GNUTLS_E_UNKNOWN_CIPHER_SUITE, EPROTO,
	 "the peer chose a cipher suite that it was not offered"},
	{GNUTLS_E_FILE_ERROR, ENOENT, NULL},
	{GNUTLS_E_PUSH_ERROR, EPIPE, NULL},
	{GNUTLS_E_PULL_ERROR, ECONNRESET, NULL},
};

static const struct row *find(int result)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].result == result)
			return &table[i];
	return NULL;
}

int error_from_gnutls(int result)
{
	const struct row *row = find(result);

	if (result >= 0)
		return 0;
	return row ? -row->code : -EPROTO;
}

const char *error_text(int result)
{
	const struct row *row = find(result);
	const char *text = row && row->text ? row->text : gnutls_strerror(result);

	return text ? text : "unknown error";
}

const char *error_errno_text(int code)
{
	const char *text = strerrordesc_np(code);

	return text ? text : "unknown error";
}
