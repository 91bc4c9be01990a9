/* SPDX-License-Identifier: MIT */
#include "credentialspec.h"

#include "libc.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char credential_system[] = "system:";

static enum credential_kind kind_of(const char *value, size_t len)
{
	if (strcmp(value, credential_system) == 0)
		return CREDENTIAL_SYSTEM;
	if (strncmp(value, "pkcs11:", 7) == 0)
		return CREDENTIAL_URL;
	if (memmem(value, len, "-----BEGIN", 10))
		return CREDENTIAL_PEM;
	/* A DER certificate or key is a SEQUENCE longer than 127 bytes (X.690, 8.1). */
	if (len > 4 && value[0] == 0x30 && (unsigned char)value[1] > 0x80)
		return CREDENTIAL_DER;
	return CREDENTIAL_PATH;
}

static void item_fini(struct credential_item *item)
{
	if (item->data)
		explicit_bzero(item->data, item->len);
	free(item->data);
}

static int add(struct credential_spec *spec, enum credential_role role, const void *value,
	       size_t len, bool content)
{
	struct credential_item item = {.role = role, .len = len};
	struct credential_item *grown;

	if (len == 0)
		return -EINVAL;
	grown = realloc(spec->items, (spec->count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	spec->items = grown;
	item.data = malloc(len + 1);
	if (!item.data)
		return -ENOMEM;
	memcpy(item.data, value, len);
	item.data[len] = '\0';
	item.kind = kind_of(item.data, len);
	if (content && item.kind != CREDENTIAL_PEM)
		item.kind = CREDENTIAL_DER;
	spec->items[spec->count++] = item;
	return 0;
}

int credential_spec_add(struct credential_spec *spec, enum credential_role role, const void *value,
			size_t len)
{
	return add(spec, role, value, len, false);
}

int credential_spec_add_content(struct credential_spec *spec, enum credential_role role,
				const void *value, size_t len)
{
	return add(spec, role, value, len, true);
}

void credential_spec_drop(struct credential_spec *spec, enum credential_role role)
{
	size_t kept = 0;

	for (size_t i = 0; i < spec->count; i++) {
		if (spec->items[i].role == role)
			item_fini(&spec->items[i]);
		else
			spec->items[kept++] = spec->items[i];
	}
	spec->count = kept;
}

bool credential_spec_has(const struct credential_spec *spec, enum credential_role role)
{
	return credential_spec_last(spec, role) != NULL;
}

const char *credential_spec_last(const struct credential_spec *spec, enum credential_role role)
{
	for (size_t i = spec->count; i > 0; i--)
		if (spec->items[i - 1].role == role)
			return spec->items[i - 1].data;
	return NULL;
}

int credential_spec_copy(struct credential_spec *to, const struct credential_spec *from)
{
	struct credential_spec copy = {0};

	for (size_t i = 0; i < from->count; i++) {
		const struct credential_item *item = &from->items[i];
		int r = add(&copy, item->role, item->data, item->len, item->kind == CREDENTIAL_DER);

		if (r < 0) {
			credential_spec_fini(&copy);
			return r;
		}
	}
	*to = copy;
	return 0;
}

void credential_spec_fini(struct credential_spec *spec)
{
	for (size_t i = 0; i < spec->count; i++)
		item_fini(&spec->items[i]);
	free(spec->items);
	*spec = (struct credential_spec){0};
}

bool credential_spec_equal(const struct credential_spec *a, const struct credential_spec *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct credential_item *x = &a->items[i], *y = &b->items[i];

		if (x->role != y->role || x->kind != y->kind || x->len != y->len ||
		    memcmp(x->data, y->data, x->len) != 0)
			return false;
	}
	return true;
}

static bool later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec > b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec > b->tv_nsec);
}

/* Of a directory: the sizes of its files together, and the latest change of one. */
static bool stamp_directory(const char *path, struct credential_stamp *stamp)
{
	DIR *dir = libc.opendir(path);
	struct dirent *entry;
	struct stat st;

	if (!dir)
		return errno != EACCES;
	while ((entry = readdir(dir))) {
		if (fstatat(dirfd(dir), entry->d_name, &st, 0) < 0)
			continue;
		stamp->size += st.st_size;
		if (later(&st.st_ctim, &stamp->changed))
			stamp->changed = st.st_ctim;
	}
	closedir(dir);
	return true;
}

bool credential_stamp(const struct credential_item *item, struct credential_stamp *stamp)
{
	bool can_look = true;
	struct stat st;

	memset(stamp, 0, sizeof(*stamp));
	if (item->kind != CREDENTIAL_PATH)
		return true;
	if (stat(item->data, &st) < 0)
		return errno != EACCES;
	if (S_ISDIR(st.st_mode))
		can_look = stamp_directory(item->data, stamp);
	stamp->dev = st.st_dev;
	stamp->ino = st.st_ino;
	stamp->size += st.st_size;
	stamp->modified = st.st_mtim;
	if (!S_ISDIR(st.st_mode))
		stamp->changed = st.st_ctim;
	return can_look;
}
