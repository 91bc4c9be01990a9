/* SPDX-License-Identifier: MIT */
#include "ciphersuites.h"

#include "libgnutls.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { SHORT = 64 };

/* Whatever a priority string says. */
static bool refused(gnutls_kx_algorithm_t kx, gnutls_cipher_algorithm_t cipher,
		    gnutls_mac_algorithm_t mac, bool tls13)
{
	static const gnutls_kx_algorithm_t good[] = {
		GNUTLS_KX_RSA, GNUTLS_KX_DHE_RSA, GNUTLS_KX_ECDHE_RSA, GNUTLS_KX_ECDHE_ECDSA,
		GNUTLS_KX_PSK, GNUTLS_KX_DHE_PSK, GNUTLS_KX_ECDHE_PSK, GNUTLS_KX_RSA_PSK};

	if (cipher == GNUTLS_CIPHER_NULL || cipher == GNUTLS_CIPHER_ARCFOUR_128 ||
	    cipher == GNUTLS_CIPHER_3DES_CBC || mac == GNUTLS_MAC_MD5)
		return true;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (kx == good[i])
			return false;
	return !tls13;
}

/* GnuTLS leaves out WITH, and the hash behind Poly1305, and says SHA1 for SHA. */
static void iana_name(const char *name, const char *kx, char *out)
{
	char prefix[SHORT];
	const char *rest;
	size_t len;

	if (!kx) {
		snprintf(out, SHORT, "%s", name);
		return;
	}
	snprintf(prefix, sizeof(prefix), "TLS_%s_", kx);
	for (char *p = prefix; *p; p++)
		if (*p == '-')
			*p = '_';
	len = strlen(prefix);
	rest = strncmp(name, prefix, len) == 0 ? name + len : name;
	snprintf(out, SHORT, "%.20sWITH_%.32s", prefix, rest);
	len = strlen(out);
	if (len > 4 && strcmp(out + len - 4, "SHA1") == 0)
		out[len - 1] = '\0';
	if (len > 8 && len < SHORT - 8 && strcmp(out + len - 8, "POLY1305") == 0)
		strcpy(out + len, "_SHA256");
}

int ciphersuite_at(size_t place, struct ciphersuite *out)
{
	gnutls_kx_algorithm_t kx;
	gnutls_cipher_algorithm_t cipher;
	gnutls_mac_algorithm_t mac;
	gnutls_protocol_t version;
	unsigned char id[2];
	const char *name = gnutls_cipher_suite_info(place, id, &kx, &cipher, &mac, &version);

	if (!name)
		return -ENOENT;
	out->tls13 = version == GNUTLS_TLS1_3;
	if (refused(kx, cipher, mac, out->tls13))
		return -EPERM;
	out->id = (uint16_t)(id[0] << 8 | id[1]);
	out->kx = out->tls13 ? NULL : gnutls_kx_get_name(kx);
	out->cipher = gnutls_cipher_get_name(cipher);
	out->mac = gnutls_mac_get_name(mac);
	iana_name(name, out->kx, out->name);
	return 0;
}

int ciphersuite_by_id(unsigned int id, struct ciphersuite *out)
{
	for (size_t i = 0;; i++) {
		int r = ciphersuite_at(i, out);

		if (r == -ENOENT || (r == 0 && out->id == id))
			return r;
	}
}

static void cut(char *text, const char *what, const char *instead)
{
	char *at = strstr(text, what);
	size_t n = strlen(instead);

	if (!at)
		return;
	memmove(at + n, at + strlen(what), strlen(at + strlen(what)) + 1);
	memcpy(at, instead, n);
}

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/*
 * What the three spellings of a suite have in common. OpenSSL does not name RSA as the
 * key exchange; without the mark AES128-GCM-SHA256 were TLS 1.3's too.
 */
static void canonical(const char *name, size_t len, char *out)
{
	bool tls = len > 4 && strncasecmp(name, "TLS_", 4) == 0;
	size_t n = 0;

	out[n++] = '=';
	for (size_t i = tls ? 4 : 0; i < len && n < SHORT - 1; i++)
		if (isalnum((unsigned char)name[i]))
			out[n++] = (char)toupper((unsigned char)name[i]);
	out[n] = '\0';
	cut(out, "WITH", "");
	cut(out, "CBC", "");
	cut(out, "POLY1305SHA256", "POLY1305");
	cut(out, "PSKDHE", "DHEPSK");
	cut(out, "=EDH", "=DHE");
	n = strlen(out);
	if (n > 4 && strcmp(out + n - 4, "SHA1") == 0)
		out[n - 1] = '\0';
	if (starts(out, "=RSAAES") || starts(out, "=RSACAM"))
		cut(out, "=RSA", "");
	else if (!(tls && (starts(out, "=AES") || starts(out, "=CHACHA"))))
		cut(out, "=", "");
}

int ciphersuite_by_name(const char *name, size_t len, struct ciphersuite *out)
{
	char wanted[SHORT + 1], has[SHORT + 1];

	if (len >= SHORT)
		return -ENOENT;
	canonical(name, len, wanted);
	for (size_t i = 0;; i++) {
		int r = ciphersuite_at(i, out);

		if (r == -ENOENT)
			return r;
		if (r < 0)
			continue;
		canonical(out->name, strlen(out->name), has);
		if (strcmp(wanted, has) == 0)
			return 0;
	}
}
