/* SPDX-License-Identifier: MIT */
/*
 * Whatever is given as a certificate, a key or a pre-shared key: by tag, as the text of an
 * option, or as DER that is made PEM here, so that what is changed is not the base64.
 */
#include "call.h"

#include "options.h"
#include "tags.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>

enum { ITEMS = 3, TAG = 7, UNIT = 256 };

/* A file may be anything, /dev/stdin too. */
static bool is_path(const uint8_t *value, size_t len)
{
	return len && (value[0] == '/' || value[0] == '.');
}

static void wrap(uint8_t **value, size_t *len, const char *title)
{
	const gnutls_datum_t der = {*value, (unsigned int)*len};
	gnutls_datum_t pem = {0};

	if (gnutls_pem_base64_encode2(title, &der, &pem) < 0)
		return;
	free(*value);
	*value = malloc(pem.size);
	fuzz_require(*value != NULL);
	memcpy(*value, pem.data, pem.size);
	*len = pem.size;
	gnutls_free(pem.data);
}

/* The same bytes in each form. how: the form, and whose they are. */
static void add(int fd, uint8_t how, uint8_t *value, size_t len)
{
	static const char *const titles[] = {NULL,
					     "CERTIFICATE",
					     "PRIVATE KEY",
					     "EC PRIVATE KEY",
					     "RSA PRIVATE KEY",
					     "ENCRYPTED PRIVATE KEY"};
	static const int options[] = {TLS_TRUSTED_PEER_CERTIFICATES, TLS_CERTIFICATE_CHAIN,
				      TLS_PRIVATE_KEY, TLS_PSK, TLS_PSK_IDENTITY};
	const char *title = titles[how / 16 % 6];
	int type = how % 8;

	if (title)
		wrap(&value, &len, title);
	if (how & 8)
		tags_add(TAG, type, value, len);
	else if (type < 5 && !is_path(value, len))
		fuzz_set(fd, options[type], value, len);
	free(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const int none = TLS_PEER_VERIFY_NONE;
	const sec_tag_t tag = TAG;
	struct fuzz_input in = {data, size};
	int fd, tagged;

	fuzz_start();
	fd = fuzz_socket(IPPROTO_TLS_1_2);
	tagged = fuzz_socket(IPPROTO_TLS);
	/* Or each session reads the system's store. */
	fuzz_set(fd, TLS_PEER_VERIFY, &none, sizeof(none));
	fuzz_set(tagged, TLS_PEER_VERIFY, &none, sizeof(none));
	for (int i = 0; in.len && i < ITEMS; i++) {
		uint8_t how = fuzz_byte(&in), high = fuzz_byte(&in);
		size_t len = high * (size_t)UNIT + fuzz_byte(&in);
		uint8_t *value = fuzz_bytes(&in, &len);

		add(fd, how, value, len);
	}
	if (fuzz_set(tagged, TLS_SEC_TAG_LIST, &tag, sizeof(tag)) == 0)
		fuzz_prepare(tagged);
	fuzz_prepare(fd);
	fuzz_close(fd);
	fuzz_close(tagged);
	for (int type = 1; type <= TLS_CREDENTIAL_PSK_ID; type++)
		tags_delete(TAG, type);
	return 0;
}
