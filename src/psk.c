/* SPDX-License-Identifier: MIT */
#include "psk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>

/* Before each half in a list. */
typedef uint16_t half_len;

static bool told(const struct settings *s, enum setting_value which)
{
	return s->values[which].data != NULL;
}

bool psk_told(const struct settings *s)
{
	return told(s, SETTING_PSK) || told(s, SETTING_PSK_IDENTITY) || told(s, SETTING_PSK_LIST);
}

bool psk_only(const struct settings *s)
{
	bool trusts = credential_spec_has(&s->spec, CREDENTIAL_CA) &&
		      s->numbers[SETTING_PEER_VERIFY] != TLS_PEER_VERIFY_NONE;

	return psk_told(s) && !trusts && !credential_spec_has(&s->spec, CREDENTIAL_CHAIN);
}

bool psk_takes_certificate(const struct settings *s)
{
	return !psk_told(s) ||
	       (!psk_only(s) && settings_peer_verify(s, false) != TLS_PEER_VERIFY_NONE);
}

static const uint8_t *half(const uint8_t *at, const void **data, size_t *len)
{
	half_len n;

	memcpy(&n, at, sizeof(n));
	*data = at + sizeof(n);
	*len = n;
	return at + sizeof(n) + n;
}

/* Gives the next one of the list, and moves on. */
static bool next(const struct setting *list, size_t *at, struct psk *out)
{
	const uint8_t *data = list->data;
	const void *identity;

	if (!data || *at >= list->len)
		return false;
	data = half(data + *at, &out->key, &out->key_len);
	data = half(data, &identity, &out->identity_len);
	out->identity = identity;
	*at = (size_t)(data - (const uint8_t *)list->data);
	return true;
}

/* The one that options told. */
static bool by_option(const struct settings *s, struct psk *out)
{
	const struct setting *key = &s->values[SETTING_PSK];
	const struct setting *identity = &s->values[SETTING_PSK_IDENTITY];

	if (!key->data || !identity->data)
		return false;
	*out = (struct psk){identity->data, identity->len, key->data, key->len};
	return true;
}

bool psk_first(const struct settings *s, struct psk *out)
{
	size_t at = 0;

	return by_option(s, out) || next(&s->values[SETTING_PSK_LIST], &at, out);
}

static bool is_of(const struct psk *psk, const void *identity, size_t len)
{
	return psk->identity_len == len && memcmp(psk->identity, identity, len) == 0;
}

bool psk_find(const struct settings *s, const void *identity, size_t len, struct psk *out)
{
	size_t at = 0;

	if (by_option(s, out) && is_of(out, identity, len))
		return true;
	while (next(&s->values[SETTING_PSK_LIST], &at, out))
		if (is_of(out, identity, len))
			return true;
	return false;
}

int psk_check(const struct settings *s, char *reason, size_t size)
{
	bool key = told(s, SETTING_PSK), identity = told(s, SETTING_PSK_IDENTITY);

	if (key == identity)
		return 0;
	snprintf(reason, size, "a pre-shared key and its identity belong together: set %s too",
		 key ? "TLS_PSK_IDENTITY" : "TLS_PSK");
	return -EINVAL;
}

int psk_check_key(size_t len)
{
	return len == 0 || len > PSK_MAX_KEY ? -EINVAL : 0;
}

int psk_check_identity(const void *identity, size_t *len)
{
	size_t n = *len;

	if (n && ((const char *)identity)[n - 1] == '\0')
		n--;
	if (n == 0 || n > PSK_MAX_IDENTITY || memchr(identity, '\0', n))
		return -EINVAL;
	*len = n;
	return 0;
}

/* Not realloc, which would leave keys behind. */
static int add(struct psk_list *list, const void *data, size_t len)
{
	const half_len n = (half_len)len;
	uint8_t *grown = malloc(list->len + sizeof(n) + len);

	if (!grown)
		return -ENOMEM;
	if (list->len)
		memcpy(grown, list->data, list->len);
	memcpy(grown + list->len, &n, sizeof(n));
	memcpy(grown + list->len + sizeof(n), data, len);
	*list = (struct psk_list){
		.data = grown, .len = list->len + sizeof(n) + len, .halves = list->halves + 1};
	return 0;
}

static int add_half(struct psk_list *list, const void *data, size_t len)
{
	struct psk_list old = *list;
	int r = add(list, data, len);

	if (r == 0)
		psk_list_fini(&old);
	return r;
}

int psk_list_key(struct psk_list *list, const void *key, size_t len)
{
	int r = psk_check_key(len);

	return r < 0 ? r : add_half(list, key, len);
}

int psk_list_identity(struct psk_list *list, const void *identity, size_t len)
{
	int r = psk_check_identity(identity, &len);

	return r < 0 ? r : add_half(list, identity, len);
}

void psk_list_fini(struct psk_list *list)
{
	if (list->data)
		explicit_bzero(list->data, list->len);
	free(list->data);
	*list = (struct psk_list){0};
}
