/* SPDX-License-Identifier: MIT */
#include "credentialload.h"

#include "credentialkey.h"
#include "error.h"
#include "libc.h"
#include "libgnutls.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum { MAX_FILE = 16 << 20 };

/* The value as it may be shown: text and keys are not printed. */
static const char *shown(const struct credential_item *item)
{
	static const char *const roles[] = {
		[CREDENTIAL_CA] = "the trust anchors", [CREDENTIAL_CHAIN] = "the certificate",
		[CREDENTIAL_KEY] = "the key",	       [CREDENTIAL_PASSPHRASE] = "the passphrase",
		[CREDENTIAL_CRL] = "the CRL",	       [CREDENTIAL_OCSP] = "the OCSP response",
	};

	if (item->kind == CREDENTIAL_SYSTEM)
		return "the system's trust store";
	if (item->kind == CREDENTIAL_PATH || item->kind == CREDENTIAL_URL)
		return item->data;
	return roles[item->role];
}

int credential_explain(const struct reason *why, const struct credential_item *item, int r,
		       const char *text)
{
	const char *value = shown(item);
	/* A URL's query may have a PIN. */
	size_t len = item->kind == CREDENTIAL_URL ? strcspn(value, "?") : strlen(value);

	snprintf(why->text, why->size, "%.*s: %s", (int)len, value, text);
	return r;
}

int credential_explain_gnutls(const struct reason *why, const struct credential_item *item,
			      int result)
{
	static const char *const what[] = {
		[CREDENTIAL_CA] = "certificates",   [CREDENTIAL_CHAIN] = "a certificate",
		[CREDENTIAL_KEY] = "a private key", [CREDENTIAL_PASSPHRASE] = "a passphrase",
		[CREDENTIAL_CRL] = "a CRL",	    [CREDENTIAL_OCSP] = "an OCSP response",
	};
	char text[256];

	/* Parsers hide it behind errors of their own. */
	if (result == GNUTLS_E_MEMORY_ERROR || errno == ENOMEM)
		return credential_explain(why, item, -ENOMEM, error_text(result));
	if (result == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		return credential_explain(why, item, -EPROTO,
					  "the key does not belong to the certificate");
	if (item->kind == CREDENTIAL_URL)
		return credential_explain(why, item, -EINVAL, error_text(result));
	snprintf(text, sizeof(text), "it is not whole, or neither PEM nor DER of %s: %s",
		 what[item->role], error_text(result));
	return credential_explain(why, item, -EINVAL, text);
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
int credential_read(const struct credential_item *item, gnutls_datum_t *out,
		    const struct reason *why)
{
	int fd, r;

	if (item->kind != CREDENTIAL_PATH) {
		out->data = gnutls_malloc(item->len + 1);
		if (!out->data)
			return credential_explain(why, item, -ENOMEM, error_errno_text(ENOMEM));
		memcpy(out->data, item->data, item->len + 1);
		out->size = (unsigned int)item->len;
		return 0;
	}
	fd = libc.open(item->data, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return credential_explain(why, item, -errno, error_errno_text(errno));
	r = read_all(fd, out);
	libc.close(fd);
	if (r == -EISDIR)
		return credential_explain(why, item, -EINVAL, "it is a directory");
	if (r < 0)
		return credential_explain(why, item, r, error_errno_text(-r));
	return 0;
}

void credential_unread(gnutls_datum_t *datum)
{
	if (datum->data)
		gnutls_memset(datum->data, 0, datum->size);
	gnutls_free(datum->data);
	datum->data = NULL;
}

gnutls_x509_crt_fmt_t credential_format(const gnutls_datum_t *d)
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
		n = credential_read(item, &pem, why);
		if (n < 0)
			return n;
		n = gnutls_certificate_set_x509_trust_mem(to, &pem, credential_format(&pem));
		credential_unread(&pem);
	}
	if (n < 0)
		return credential_explain_gnutls(why, item, n);
	if (n == 0)
		return credential_explain(why, item, -EINVAL, "there is no certificate in it");
	return 0;
}

/* The chain without its key yet: is it one? */
static int check_chain(const struct credential_item *item, const struct reason *why)
{
	struct credential_chain chain;
	int r;

	/* With its key: a token may want to know who asks. */
	if (item->kind == CREDENTIAL_URL)
		return 0;
	r = credential_chain_read(item, &chain, why);
	if (r == 0)
		credential_chain_fini(&chain);
	return r;
}

int credential_load_some(const struct credential_spec *spec, const bool *wanted,
			 gnutls_certificate_credentials_t to, bool *identity,
			 const struct reason *why)
{
	const struct credential_item *chain = NULL, *passphrase = NULL;
	size_t identities = 0;
	int r = 0;

	errno = 0;
	/* Those are judged by revocation.h, which can say more. */
	gnutls_certificate_set_verify_flags(to, GNUTLS_VERIFY_DISABLE_CRL_CHECKS);
	for (size_t i = 0; r == 0 && i < spec->count; i++) {
		const struct credential_item *item = &spec->items[i];

		if (item->role == CREDENTIAL_CRL || item->role == CREDENTIAL_OCSP)
			continue; /* see crl.h and staple.h */
		if (item->role == CREDENTIAL_CA) {
			r = add_trust(to, item, why);
		} else if (item->role == CREDENTIAL_CHAIN) {
			chain = item;
			r = check_chain(item, why);
		} else if (item->role == CREDENTIAL_PASSPHRASE) {
			passphrase = item;
			r = credential_passphrase_check(item, why);
		} else if (!chain) {
			r = credential_explain(why, item, -EINVAL,
					       "no certificate was set before this key");
		} else {
			if (!wanted || wanted[identities++])
				r = credential_add_identity(to, chain, item, passphrase, why);
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
