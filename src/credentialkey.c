/* SPDX-License-Identifier: MIT */
#include "credentialkey.h"

#include "credentialnames.h"
#include "error.h"
#include "libgnutls.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PASSPHRASE = 512, MAX_URL = 4096, MAX_NAMES = 128 };

/* The first line of its file. */
static int read_passphrase(const struct credential_item *item, char *out, const struct reason *why)
{
	gnutls_datum_t data = {0};
	size_t len;
	int r;

	if (item->kind != CREDENTIAL_PATH)
		return credential_explain(why, item, -EINVAL, "a passphrase is told by a file");
	r = credential_read(item, &data, why);
	if (r < 0)
		return r;
	len = data.size;
	for (size_t i = 0; i < len; i++)
		if (data.data[i] == '\n' || data.data[i] == '\r' || data.data[i] == '\0')
			len = i;
	if (len == 0)
		r = credential_explain(why, item, -EINVAL, "there is no passphrase in it");
	else if (len >= MAX_PASSPHRASE)
		r = credential_explain(why, item, -EINVAL, "the passphrase is too long");
	else
		snprintf(out, MAX_PASSPHRASE, "%.*s", (int)len, data.data);
	credential_unread(&data);
	return r;
}

int credential_passphrase_check(const struct credential_item *item, const struct reason *why)
{
	char passphrase[MAX_PASSPHRASE];
	int r = read_passphrase(item, passphrase, why);

	explicit_bzero(passphrase, sizeof(passphrase));
	return r;
}

/* Where an attribute of the URL's query is (RFC 7512, 2.3), or NULL. */
static const char *url_attribute(const char *url, const char *name)
{
	const char *at = strchr(url, '?');
	size_t len = strlen(name);

	for (; at; at = strchr(at, '&'))
		if (strncmp(++at, name, len) == 0 && at[len] == '=')
			return at + len + 1;
	return NULL;
}

static int hex(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = c ? strchr(digits, c | 0x20) : NULL;

	return found ? (int)(found - digits) : -1;
}

/* The path of a pin-source: as it is, or a file: URL; percent-encoded. */
static int read_pin_source(const char *value, char *pin, const struct reason *why)
{
	char path[MAX_URL];
	struct credential_item file = {CREDENTIAL_PASSPHRASE, CREDENTIAL_PATH, path, 0};
	size_t end = strcspn(value, "&");

	if (strncmp(value, "file://", 7) == 0) {
		value += 7;
		end -= 7;
	} else if (strncmp(value, "file:", 5) == 0) {
		value += 5;
		end -= 5;
	}
	for (size_t i = 0; i < end && file.len < sizeof(path) - 1; i++) {
		bool coded = value[i] == '%' && i + 2 < end && hex(value[i + 1]) >= 0 &&
			     hex(value[i + 2]) >= 0;

		path[file.len++] =
			(char)(coded ? hex(value[i + 1]) << 4 | hex(value[i + 2]) : value[i]);
		i += coded ? 2 : 0;
	}
	path[file.len] = '\0';
	return read_passphrase(&file, pin, why);
}

/*
 * The URL with the PIN in it: so GnuTLS has it also when it must log in again, in a child
 * of fork. Its own reading of a pin-source takes the line's end for a part of the PIN, and
 * knows no file: URL.
 */
static int token_url(const struct credential_item *item, const struct credential_item *passphrase,
		     char *out, const struct reason *why)
{
	const char *source = url_attribute(item->data, "pin-source");
	char pin[MAX_PASSPHRASE] = "";
	int r = 0, n = snprintf(out, MAX_URL, "%s", item->data);

	if (!url_attribute(item->data, "pin-value") && source)
		r = read_pin_source(source, pin, why);
	else if (!url_attribute(item->data, "pin-value") && passphrase)
		r = read_passphrase(passphrase, pin, why);
	if (r == 0 && *pin && n < MAX_URL)
		n += snprintf(out + n, (size_t)(MAX_URL - n),
			      "%cpin-value=", strchr(item->data, '?') ? '&' : '?');
	for (const char *p = pin; r == 0 && *p && n < MAX_URL; p++)
		n += snprintf(out + n, (size_t)(MAX_URL - n), "%%%02x", (unsigned char)*p);
	explicit_bzero(pin, sizeof(pin));
	if (r == 0 && n >= MAX_URL)
		r = credential_explain(why, item, -EINVAL, "it is too long");
	return r;
}

static int explain_token(const struct reason *why, const struct credential_item *item, int result)
{
	static const struct {
		int result, error;
		const char *text;
	} rows[] = {
		{GNUTLS_E_PKCS11_PIN_ERROR, -EACCES,
		 "the token wants a PIN, or another: pin-value or pin-source in the URL, or "
		 "TLS_KEY_PASSPHRASE_FILE"},
		{GNUTLS_E_PKCS11_PIN_LOCKED, -EACCES, "the token is locked"},
		{GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE, -ENOENT, "no token has this"},
		{GNUTLS_E_PKCS11_REQUESTED_OBJECT_NOT_AVAILBLE, -ENOENT, "no token has this"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].result == result)
			return credential_explain(why, item, rows[i].error, rows[i].text);
	return credential_explain_gnutls(why, item, result);
}

static int list_by_url(const struct credential_item *item, gnutls_x509_crt_t **list,
		       unsigned int *n, const struct reason *why)
{
	char url[MAX_URL];
	int r = token_url(item, NULL, url, why);

	if (r == 0)
		r = gnutls_x509_crt_list_import_url(list, n, url, NULL, NULL, 0);
	else
		return r;
	explicit_bzero(url, sizeof(url));
	return r < 0 ? explain_token(why, item, r) : 0;
}

static int list_by_content(const struct credential_item *item, gnutls_x509_crt_t **list,
			   unsigned int *n, const struct reason *why)
{
	gnutls_datum_t data = {0};
	int r = credential_read(item, &data, why);

	if (r < 0)
		return r;
	r = gnutls_x509_crt_list_import2(list, n, &data, credential_format(&data),
					 GNUTLS_X509_CRT_LIST_SORT);
	credential_unread(&data);
	return r < 0 ? credential_explain_gnutls(why, item, r) : 0;
}

int credential_chain_read(const struct credential_item *item, struct credential_chain *chain,
			  const struct reason *why)
{
	gnutls_x509_crt_t *list = NULL;
	unsigned int n = 0;
	int r = item->kind == CREDENTIAL_URL ? list_by_url(item, &list, &n, why)
					     : list_by_content(item, &list, &n, why);

	if (r < 0)
		return r;
	chain->count = 0;
	for (unsigned int i = 0; i < n; i++) {
		if (i < CREDENTIAL_MAX_CHAIN)
			chain->crts[chain->count++] = list[i];
		else
			gnutls_x509_crt_deinit(list[i]);
	}
	gnutls_free(list);
	return 0;
}

void credential_chain_fini(struct credential_chain *chain)
{
	while (chain->count > 0)
		gnutls_x509_crt_deinit(chain->crts[--chain->count]);
}

static int open_key(gnutls_x509_privkey_t key, const gnutls_datum_t *data,
		    const struct credential_item *item, const struct credential_item *passphrase,
		    const struct reason *why)
{
	gnutls_x509_crt_fmt_t format = credential_format(data);
	char text[MAX_PASSPHRASE];
	/* Not with a passphrase at once: what is not encrypted is then refused. */
	int r = gnutls_x509_privkey_import2(key, data, format, NULL, 0);

	if (r != GNUTLS_E_DECRYPTION_FAILED)
		return r < 0 ? credential_explain_gnutls(why, item, r) : 0;
	if (!passphrase)
		return credential_explain(
			why, item, -EACCES,
			"the key is encrypted: set TLS_KEY_PASSPHRASE_FILE before it, or "
			"TLSSOCK_KEY_PASSPHRASE_FILE in the environment");
	r = read_passphrase(passphrase, text, why);
	if (r < 0)
		return r;
	r = gnutls_x509_privkey_import2(key, data, format, text, 0);
	explicit_bzero(text, sizeof(text));
	if (r == GNUTLS_E_DECRYPTION_FAILED)
		return credential_explain(why, item, -EACCES, "the passphrase does not open it");
	return r < 0 ? credential_explain_gnutls(why, item, r) : 0;
}

struct names {
	const char *text[MAX_NAMES];
	int count;
};

static int note_name(const char *text, void *arg)
{
	struct names *names = arg;

	if (names->count == MAX_NAMES)
		return 0;
	names->text[names->count] = strdup(text);
	if (!names->text[names->count])
		return -ENOMEM;
	names->count++;
	return 0;
}

/* Takes the key in any case. */
static int set_key(gnutls_certificate_credentials_t to, struct credential_chain *chain,
		   gnutls_privkey_t key)
{
	gnutls_pcert_st pcerts[CREDENTIAL_MAX_CHAIN];
	unsigned int n = chain->count;
	struct names names = {.count = 0};
	int r = gnutls_pcert_import_x509_list(pcerts, chain->crts, &n, 0);

	if (r < 0) {
		gnutls_privkey_deinit(key);
		return r;
	}
	r = credential_names_of(chain->crts[0], note_name, &names) < 0 ? GNUTLS_E_MEMORY_ERROR : 0;
	if (r == 0)
		r = gnutls_certificate_set_key(to, names.text, names.count, pcerts, (int)n, key);
	if (r < 0) {
		gnutls_privkey_deinit(key);
		while (n > 0)
			gnutls_pcert_deinit(&pcerts[--n]);
	}
	while (names.count > 0)
		free((char *)(uintptr_t)names.text[--names.count]);
	return r;
}

/* Not gnutls_certificate_set_x509_key(), which loses memory where the key is another's. */
static int set_x509_key(gnutls_certificate_credentials_t to, struct credential_chain *chain,
			gnutls_x509_privkey_t x509)
{
	gnutls_privkey_t key = NULL;
	int r = gnutls_privkey_init(&key);

	if (r >= 0)
		r = gnutls_privkey_import_x509(key, x509, GNUTLS_PRIVKEY_IMPORT_COPY);
	if (r >= 0)
		return set_key(to, chain, key);
	gnutls_privkey_deinit(key);
	return r;
}

static int add_file_key(gnutls_certificate_credentials_t to, struct credential_chain *chain,
			const struct credential_item *item,
			const struct credential_item *passphrase, const struct reason *why)
{
	gnutls_x509_privkey_t key = NULL;
	gnutls_datum_t data = {0};
	int r = credential_read(item, &data, why);

	if (r < 0)
		return r;
	r = gnutls_x509_privkey_init(&key);
	if (r < 0)
		r = credential_explain_gnutls(why, item, r);
	else
		r = open_key(key, &data, item, passphrase, why);
	credential_unread(&data);
	if (r == 0) {
		r = set_x509_key(to, chain, key);
		r = r < 0 ? credential_explain_gnutls(why, item, r) : 0;
	}
	gnutls_x509_privkey_deinit(key);
	return r;
}

static int add_token_key(gnutls_certificate_credentials_t to, struct credential_chain *chain,
			 const struct credential_item *item,
			 const struct credential_item *passphrase, const struct reason *why)
{
	gnutls_privkey_t key = NULL;
	char url[MAX_URL];
	int r = token_url(item, passphrase, url, why);

	if (r < 0)
		return r;
	r = gnutls_privkey_init(&key);
	if (r >= 0)
		r = gnutls_privkey_import_url(key, url, 0);
	explicit_bzero(url, sizeof(url));
	if (r < 0)
		gnutls_privkey_deinit(key);
	else
		r = set_key(to, chain, key);
	return r < 0 ? explain_token(why, item, r) : 0;
}

int credential_add_identity(gnutls_certificate_credentials_t to,
			    const struct credential_item *chain_item,
			    const struct credential_item *key,
			    const struct credential_item *passphrase, const struct reason *why)
{
	struct credential_chain chain;
	int r = credential_chain_read(chain_item, &chain, why);

	if (r < 0)
		return r;
	r = key->kind == CREDENTIAL_URL ? add_token_key(to, &chain, key, passphrase, why)
					: add_file_key(to, &chain, key, passphrase, why);
	credential_chain_fini(&chain);
	return r;
}
