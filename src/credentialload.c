/* SPDX-License-Identifier: MIT */
#include "credentialload.h"

#include "error.h"
#include "libc.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <string.h>

enum { MAX_FILE = 16 << 20, MAX_CHAIN = 32 };

/* The value as it may be shown: text and keys are not printed. */
static const char *shown(const struct credential_item *item)
{
	static const char *const roles[] = {"the trust anchors", "the certificate", "the key"};

	if (item->kind == CREDENTIAL_SYSTEM)
		return "the system's trust store";
	if (item->kind == CREDENTIAL_PATH || item->kind == CREDENTIAL_URL)
		return item->data;
	return roles[item->role];
}

static int explain(const struct reason *why, const struct credential_item *item, int r,
		   const char *text)
{
	snprintf(why->text, why->size, "%s: %s", shown(item), text);
	return r;
}

static int explain_gnutls(const struct reason *why, const struct credential_item *item, int result)
{
	/* Parsers hide it behind errors of their own. */
	if (result == GNUTLS_E_MEMORY_ERROR || errno == ENOMEM)
		return explain(why, item, -ENOMEM, error_text(result));
	if (result == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		return explain(why, item, -EPROTO, "the key does not belong to the certificate");
	return explain(why, item, -EINVAL, error_text(result));
}

/* Reads until the end of the file. Returns 0 or a negative errno. */
static int read_all(int fd, gnutls_datum_t *out)
{
	size_t size = 4096, len = 0;
	unsigned char *data = gnutls_malloc(size), *grown;
	ssize_t n = 1;

	while (data && n > 0) {
		n = libc.read(fd, data + len, size - len);
		if (n < 0 && errno == EINTR) {
			n = 1;
			continue;
		}
		len += n > 0 ? (size_t)n : 0;
		if (n <= 0 || len < size)
			continue;
		size *= 2;
		grown = size <= MAX_FILE ? gnutls_realloc(data, size) : NULL;
		if (!grown)
			gnutls_free(data);
		data = grown;
	}
	if (!data)
		return size > MAX_FILE ? -EFBIG : -ENOMEM;
	if (n < 0) {
		n = -errno;
		gnutls_free(data);
		return (int)n;
	}
	*out = (gnutls_datum_t){data, (unsigned int)len};
	return 0;
}

/* Gives the item's bytes, to be freed with gnutls_free. Returns 0 or a negative errno. */
static int load(const struct credential_item *item, gnutls_datum_t *out, const struct reason *why)
{
	int fd, r;

	if (item->kind != CREDENTIAL_PATH) {
		out->data = gnutls_malloc(item->len + 1);
		if (!out->data)
			return explain(why, item, -ENOMEM, error_errno_text(ENOMEM));
		memcpy(out->data, item->data, item->len + 1);
		out->size = (unsigned int)item->len;
		return 0;
	}
	fd = libc.open(item->data, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return explain(why, item, -errno, error_errno_text(errno));
	r = read_all(fd, out);
	libc.close(fd);
	if (r == -EISDIR)
		return explain(why, item, -EINVAL, "it is a directory");
	if (r < 0)
		return explain(why, item, r, error_errno_text(-r));
	return 0;
}

static void unload(gnutls_datum_t *datum)
{
	if (datum->data)
		gnutls_memset(datum->data, 0, datum->size);
	gnutls_free(datum->data);
	datum->data = NULL;
}

static gnutls_x509_crt_fmt_t format_of(const gnutls_datum_t *d)
{
	return memmem(d->data, d->size, "-----BEGIN", 10) ? GNUTLS_X509_FMT_PEM
							  : GNUTLS_X509_FMT_DER;
}

static int is_directory(const struct credential_item *item)
{
	struct stat st;

	return item->kind == CREDENTIAL_PATH && stat(item->data, &st) == 0 && S_ISDIR(st.st_mode);
}

static int add_trust(gnutls_certificate_credentials_t to, const struct credential_item *item,
		     const struct reason *why)
{
	gnutls_datum_t pem = {0};
	int n;

	if (item->kind == CREDENTIAL_SYSTEM) {
		/* No store at all: then nothing is trusted, and each handshake says so. */
		gnutls_certificate_set_x509_system_trust(to);
		return 0;
	}
	if (item->kind == CREDENTIAL_URL) {
		n = gnutls_certificate_set_x509_trust_file(to, item->data, GNUTLS_X509_FMT_PEM);
	} else if (is_directory(item)) {
		n = gnutls_certificate_set_x509_trust_dir(to, item->data, GNUTLS_X509_FMT_PEM);
	} else {
		n = load(item, &pem, why);
		if (n < 0)
			return n;
		n = gnutls_certificate_set_x509_trust_mem(to, &pem, format_of(&pem));
		unload(&pem);
	}
	if (n < 0)
		return explain_gnutls(why, item, n);
	if (n == 0)
		return explain(why, item, -EINVAL, "there is no certificate in it");
	return 0;
}

static int import_chain(const gnutls_datum_t *d, gnutls_x509_crt_t *chain, unsigned int *n)
{
	gnutls_x509_crt_t *list = NULL;
	int r = gnutls_x509_crt_list_import2(&list, n, d, format_of(d), GNUTLS_X509_CRT_LIST_SORT);

	if (r < 0)
		return r;
	for (unsigned int i = 0; i < *n; i++) {
		if (i < MAX_CHAIN)
			chain[i] = list[i];
		else
			gnutls_x509_crt_deinit(list[i]);
	}
	*n = *n < MAX_CHAIN ? *n : MAX_CHAIN;
	gnutls_free(list);
	return 0;
}

/* The chain without its key yet: is it one? */
static int check_chain(const struct credential_item *item, const struct reason *why)
{
	gnutls_x509_crt_t chain[MAX_CHAIN];
	gnutls_datum_t data = {0};
	unsigned int n = 0;
	int r;

	if (item->kind == CREDENTIAL_URL)
		return 0;
	r = load(item, &data, why);
	if (r < 0)
		return r;
	r = import_chain(&data, chain, &n);
	unload(&data);
	if (r < 0)
		return explain_gnutls(why, item, r);
	while (n > 0)
		gnutls_x509_crt_deinit(chain[--n]);
	return 0;
}

/* Both in a token, or one in a token and the other in a file. */
static int add_identity_by_url(gnutls_certificate_credentials_t to,
			       const struct credential_item *chain,
			       const struct credential_item *key, const struct reason *why)
{
	int r = gnutls_certificate_set_x509_key_file2(to, chain->data, key->data,
						      GNUTLS_X509_FMT_PEM, NULL, 0);

	return r < 0 ? explain_gnutls(why, key, r) : 0;
}

static int import_key(gnutls_x509_privkey_t *out, const struct credential_item *item,
		      const struct reason *why)
{
	gnutls_x509_privkey_t key = NULL;
	gnutls_datum_t data = {0};
	int r = load(item, &data, why);

	if (r < 0)
		return r;
	r = gnutls_x509_privkey_init(&key);
	if (r >= 0)
		r = gnutls_x509_privkey_import2(key, &data, format_of(&data), NULL, 0);
	unload(&data);
	if (r < 0) {
		gnutls_x509_privkey_deinit(key);
		return explain_gnutls(why, item, r);
	}
	*out = key;
	return 0;
}

static int add_identity(gnutls_certificate_credentials_t to,
			const struct credential_item *chain_item,
			const struct credential_item *key_item, const struct reason *why)
{
	gnutls_x509_crt_t chain[MAX_CHAIN];
	gnutls_x509_privkey_t key = NULL;
	gnutls_datum_t data = {0};
	unsigned int n = 0;
	int r;

	if (chain_item->kind == CREDENTIAL_URL || key_item->kind == CREDENTIAL_URL)
		return add_identity_by_url(to, chain_item, key_item, why);
	r = load(chain_item, &data, why);
	if (r < 0)
		return r;
	r = import_chain(&data, chain, &n);
	unload(&data);
	if (r < 0)
		return explain_gnutls(why, chain_item, r);
	r = import_key(&key, key_item, why);
	if (r < 0)
		goto out;
	/* GnuTLS keeps copies of both. */
	r = gnutls_certificate_set_x509_key(to, chain, (int)n, key);
	if (r < 0)
		r = explain_gnutls(why, key_item, r);
	gnutls_x509_privkey_deinit(key);
out:
	while (n > 0)
		gnutls_x509_crt_deinit(chain[--n]);
	return r < 0 ? r : 0;
}

int credential_load_some(const struct credential_spec *spec, const bool *wanted,
			 gnutls_certificate_credentials_t to, bool *identity,
			 const struct reason *why)
{
	const struct credential_item *chain = NULL;
	size_t identities = 0;
	int r = 0;

	errno = 0;
	for (size_t i = 0; r == 0 && i < spec->count; i++) {
		const struct credential_item *item = &spec->items[i];

		if (item->role == CREDENTIAL_CA) {
			r = add_trust(to, item, why);
		} else if (item->role == CREDENTIAL_CHAIN) {
			chain = item;
			r = check_chain(item, why);
		} else if (!chain) {
			r = explain(why, item, -EINVAL, "no certificate was set before this key");
		} else {
			if (!wanted || wanted[identities++])
				r = add_identity(to, chain, item, why);
			*identity = r == 0;
			chain = NULL;
		}
	}
	return r;
}

int credential_load(const struct credential_spec *spec, gnutls_certificate_credentials_t to,
		    bool *identity, const struct reason *why)
{
	return credential_load_some(spec, NULL, to, identity, why);
}
