/* SPDX-License-Identifier: MIT */
#include "crl.h"

#include "error.h"
#include "libc.h"
#include "log.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SERIAL = 64 };

/* Whose issuer covers all of its certificates, or only some of them. */
struct crl {
	gnutls_x509_crl_t crl;
	bool partial;
};

struct crls {
	struct crl *lists;
	size_t count;
};

static const char id_issuing_distribution_point[] = "2.5.29.28";

/* A DER element's content within len bytes; 0: there is none. Short and one- and two-byte
 * lengths: an extension is no longer. */
static size_t der_content(const unsigned char *der, size_t len, const unsigned char **content)
{
	size_t head = 2, n;

	if (len < 2)
		return 0;
	n = der[1];
	if (n == 0x81 && len >= 3) {
		n = der[2];
		head = 3;
	} else if (n == 0x82 && len >= 4) {
		n = (size_t)der[2] << 8 | der[3];
		head = 4;
	} else if (n >= 0x80) {
		return 0;
	}
	*content = der + head;
	return n <= len - head ? n : 0;
}

/* IssuingDistributionPoint ::= SEQUENCE { …, indirectCRL [4] BOOLEAN, … } (RFC 5280, 5.2.5) */
static bool is_indirect(const unsigned char *der, size_t len)
{
	enum { INDIRECT = 0x84 };
	const unsigned char *p = NULL;
	size_t left = der_content(der, len, &p);

	while (left > 0) {
		const unsigned char *content = NULL;
		size_t n = der_content(p, left, &content);

		if (!content)
			return true;
		if (p[0] == INDIRECT)
			return n == 0 || content[0] != 0;
		left -= (size_t)(content + n - p);
		p = content + n;
	}
	return false;
}

/*
 * Critical extensions change what a list means. One for some certificates only still tells
 * which of them are revoked; a delta, or one with other issuers' certificates, is no use.
 */
static bool usable(struct crl *crl)
{
	for (unsigned int i = 0;; i++) {
		gnutls_datum_t data = {0};
		char oid[64];
		size_t oid_size = sizeof(oid);
		unsigned int critical = 0;
		bool point, indirect;

		if (gnutls_x509_crl_get_extension_info(crl->crl, i, oid, &oid_size, &critical) < 0)
			return true;
		if (!critical)
			continue;
		point = strcmp(oid, id_issuing_distribution_point) == 0;
		if (!point || gnutls_x509_crl_get_extension_data2(crl->crl, i, &data) < 0)
			return false;
		indirect = is_indirect(data.data, data.size);
		gnutls_free(data.data);
		if (indirect)
			return false;
		crl->partial = true;
	}
}

static int add(struct crls *to, gnutls_x509_crl_t crl, const struct credential_item *item)
{
	struct crl entry = {.crl = crl};
	struct crl *grown;

	if (!usable(&entry)) {
		log_line(LEVEL_WARNING,
			 "%s: a delta or indirect CRL, or one with an unknown extension, is of no "
			 "use here",
			 item->kind == CREDENTIAL_PATH ? item->data : "the CRL");
		gnutls_x509_crl_deinit(crl);
		return 0;
	}
	grown = realloc(to->lists, (to->count + 1) * sizeof(*grown));
	if (!grown) {
		gnutls_x509_crl_deinit(crl);
		return -ENOMEM;
	}
	to->lists = grown;
	to->lists[to->count++] = entry;
	return 0;
}

static int add_item(struct crls *to, const struct credential_item *item, const struct reason *why)
{
	gnutls_x509_crl_t *list = NULL;
	gnutls_datum_t data = {0};
	unsigned int n = 0;
	int r = credential_read(item, &data, why), parsed;

	if (r < 0)
		return r;
	parsed = gnutls_x509_crl_list_import2(&list, &n, &data, credential_format(&data), 0);
	gnutls_free(data.data);
	if (parsed == GNUTLS_E_MEMORY_ERROR)
		return credential_explain(why, item, -ENOMEM, error_errno_text(ENOMEM));
	if (parsed < 0)
		return credential_explain(why, item, -EINVAL, "it is not a CRL");
	for (unsigned int i = 0; i < n; i++) {
		if (r == 0)
			r = add(to, list[i], item);
		else
			gnutls_x509_crl_deinit(list[i]);
	}
	gnutls_free(list);
	return r < 0 ? credential_explain(why, item, r, error_errno_text(-r)) : 0;
}

/* Other files may lie there too. */
static int add_directory(struct crls *to, const struct credential_item *item,
			 const struct reason *why)
{
	DIR *dir = libc.opendir(item->data);
	struct dirent *entry;
	size_t before = to->count;
	int r = 0;

	if (!dir)
		return credential_explain(why, item, -errno, error_errno_text(errno));
	while (r == 0 && (entry = readdir(dir))) {
		struct credential_item file = {.role = CREDENTIAL_CRL, .kind = CREDENTIAL_PATH};

		if (entry->d_name[0] == '.')
			continue;
		if (asprintf(&file.data, "%s/%s", item->data, entry->d_name) < 0) {
			r = credential_explain(why, item, -ENOMEM, error_errno_text(ENOMEM));
			break;
		}
		r = add_item(to, &file, why);
		if (r < 0 && r != -ENOMEM) {
			log_line(LEVEL_WARNING, "%s: passed over", why->text);
			r = 0;
		}
		free(file.data);
	}
	closedir(dir);
	if (r == 0 && to->count == before)
		r = credential_explain(why, item, -EINVAL, "there is no CRL in it");
	return r;
}

int crls_load(const struct credential_spec *spec, struct crls **out, const struct reason *why)
{
	struct crls *crls = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < spec->count; i++) {
		const struct credential_item *item = &spec->items[i];
		struct stat st;

		if (item->role != CREDENTIAL_CRL)
			continue;
		if (!crls)
			crls = calloc(1, sizeof(*crls));
		if (!crls)
			return credential_explain(why, item, -ENOMEM, error_errno_text(ENOMEM));
		if (item->kind == CREDENTIAL_PATH && stat(item->data, &st) == 0 &&
		    S_ISDIR(st.st_mode))
			r = add_directory(crls, item, why);
		else
			r = add_item(crls, item, why);
	}
	if (r < 0) {
		crls_free(crls);
		return r;
	}
	*out = crls;
	return 0;
}

void crls_free(struct crls *crls)
{
	if (!crls)
		return;
	for (size_t i = 0; i < crls->count; i++)
		gnutls_x509_crl_deinit(crls->lists[i].crl);
	free(crls->lists);
	free(crls);
}

/* INTEGERs in DER may differ by a leading zero between makers. */
static bool same_serial(const unsigned char *a, size_t a_len, const unsigned char *b, size_t b_len)
{
	for (; a_len && !*a; a++)
		a_len--;
	for (; b_len && !*b; b++)
		b_len--;
	return a_len == b_len && memcmp(a, b, a_len) == 0;
}

/* Returns true, and since when, if the list has the certificate. */
static bool has(gnutls_x509_crl_t crl, gnutls_x509_crt_t crt, time_t *when)
{
	unsigned char own[MAX_SERIAL], serial[MAX_SERIAL];
	size_t own_size = sizeof(own), size = sizeof(serial);
	gnutls_x509_crl_iter_t at = NULL;
	bool found = false;

	if (gnutls_x509_crt_get_serial(crt, own, &own_size) < 0)
		return true; /* no sane one: RFC 5280 allows 20 bytes */
	while (!found && gnutls_x509_crl_iter_crt_serial(crl, &at, serial, &size, when) >= 0) {
		found = same_serial(own, own_size, serial, size);
		size = sizeof(serial);
	}
	gnutls_x509_crl_iter_deinit(at);
	return found;
}

/* GnuTLS looks at the dates whatever it is told; they are judged by themselves. */
static bool signed_by(const struct crl *list, gnutls_x509_crt_t issuer)
{
	const unsigned int dates = GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED |
				   GNUTLS_CERT_REVOCATION_DATA_ISSUED_IN_FUTURE;
	unsigned int status = 0;

	if (gnutls_x509_crl_verify(list->crl, &issuer, 1, GNUTLS_VERIFY_DISABLE_TIME_CHECKS,
				   &status) < 0)
		return false;
	return status == 0 || ((status & dates) && !(status & ~(dates | GNUTLS_CERT_INVALID)));
}

static void judge_signed(const struct crl *list, gnutls_x509_crt_t crt, const char *name,
			 struct finding *out)
{
	time_t now = time(NULL), next = gnutls_x509_crl_get_next_update(list->crl), since = 0;
	char date[FINDING_DATE];

	if (has(list->crl, crt, &since)) {
		finding_set(out, FINDING_REVOKED, "was revoked on %s, says the CRL of \"%s\"",
			    finding_date(since, date), name);
	} else if (next != (time_t)-1 && next < now) {
		if (out->state == FINDING_NONE)
			finding_set(out, FINDING_BAD, "the CRL of \"%s\" expired on %s", name,
				    finding_date(next, date));
	} else if (gnutls_x509_crl_get_this_update(list->crl) > now + FINDING_SKEW) {
		if (out->state == FINDING_NONE)
			finding_set(out, FINDING_BAD, "the CRL of \"%s\" is from the future", name);
	} else if (!list->partial) {
		finding_set(out, FINDING_GOOD, "%s", "");
		out->until = next == (time_t)-1 ? 0 : next;
	}
}

static void judge_one(const struct crl *list, gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer,
		      struct finding *out)
{
	gnutls_datum_t dn = {0};
	const char *name = "?";

	if (gnutls_x509_crl_get_issuer_dn3(list->crl, &dn, 0) >= 0)
		name = (const char *)dn.data;
	if (signed_by(list, issuer))
		judge_signed(list, crt, name, out);
	else if (out->state == FINDING_NONE)
		finding_set(out, FINDING_BAD, "the CRL of \"%s\" is not signed by it", name);
	gnutls_free(dn.data);
}

void crls_judge(const struct crls *crls, gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer,
		struct finding *out)
{
	*out = (struct finding){.state = FINDING_NONE};
	for (size_t i = 0; crls && i < crls->count && out->state != FINDING_REVOKED; i++)
		if (gnutls_x509_crl_check_issuer(crls->lists[i].crl, issuer) == 1)
			judge_one(&crls->lists[i], crt, issuer, out);
}
