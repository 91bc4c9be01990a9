/* SPDX-License-Identifier: MIT */
#include "tickets.h"

#include "credentialspec.h"
#include "error.h"
#include "guard.h"
#include "libc.h"
#include "libgnutls.h"
#include "log.h"
#include "replays.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

struct key_file {
	char *path;
	struct credential_stamp stamp; /* of what was read, or refused */
	struct ticket_keys keys;       /* as the file has them */
	struct ticket_keys old;	       /* what it had before */
	int64_t old_until_s;
	struct key_file *next;
};

static struct guard lock = GUARD_INIT;
static struct ticket_keys own; /* the present one, and the one before */
static int64_t own_since_s;
static struct key_file *files;

int64_t tickets_now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}

static int make_own_locked(int64_t now_s)
{
	if (getrandom(own.keys[0], TICKET_KEY, 0) != TICKET_KEY)
		return -EIO;
	own.count = 1;
	own_since_s = now_s;
	replays_begin();
	return 0;
}

/* One way: who has the next key has not got this one. */
static int rotate_own_locked(void)
{
	static const char label[] = "tlssock: next ticket key";

	memcpy(own.keys[1], own.keys[0], TICKET_KEY);
	own.count = 2;
	own_since_s += TICKET_ROTATION_S;
	return gnutls_hmac_fast(GNUTLS_MAC_SHA512, own.keys[1], TICKET_KEY, label, sizeof(label),
				own.keys[0]) < 0
		       ? -ENOMEM
		       : 0;
}

int tickets_own(int64_t now_s, struct ticket_keys *out)
{
	int r = 0;

	tickets_lock();
	if (own.count == 0)
		r = make_own_locked(now_s);
	while (r == 0 && now_s - own_since_s >= TICKET_ROTATION_S)
		r = rotate_own_locked();
	if (r == 0)
		*out = own;
	else
		own.count = 0;
	tickets_unlock();
	return r;
}

/* Who could read or replace it could read, or be, anybody whose session is in a ticket. */
static int check_file(const struct stat *st, const char **why)
{
	if (!S_ISREG(st->st_mode)) {
		*why = "not a file";
		return -EINVAL;
	}
	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		*why = "it belongs to another user";
		return -EACCES;
	}
	if (st->st_mode & (S_IWGRP | S_IRWXO)) {
		*why = "others may read it, or its group may write it; chmod 600 would do";
		return -EACCES;
	}
	return 0;
}

static int read_keys(int fd, struct ticket_keys *keys, const char **why)
{
	uint8_t bytes[TICKET_KEYS_IN_FILE * TICKET_KEY + 1];
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && len < sizeof(bytes)) {
		n = libc.read(fd, bytes + len, sizeof(bytes) - len);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			len += (size_t)n;
	}
	if (n < 0) {
		*why = error_errno_text(errno);
		n = -errno;
	} else if (len == 0 || len % TICKET_KEY || len > sizeof(bytes) - 1) {
		*why = "it must have 1 to 4 keys of 64 bytes, and nothing else";
		n = -EINVAL;
	} else {
		keys->count = (unsigned int)(len / TICKET_KEY);
		memcpy(keys->keys, bytes, len);
		n = 0;
	}
	explicit_bzero(bytes, sizeof(bytes));
	return (int)n;
}

static int load_file(const char *path, struct ticket_keys *keys, const char **why)
{
	int fd = libc.open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), r = -errno;
	struct stat st;

	if (fd < 0) {
		*why = error_errno_text(-r);
		return r;
	}
	r = fstat(fd, &st) < 0 ? -errno : 0;
	*why = error_errno_text(-r);
	if (r == 0)
		r = check_file(&st, why);
	if (r == 0)
		r = read_keys(fd, keys, why);
	libc.close(fd);
	return r;
}

static struct key_file *find_locked(const char *path)
{
	struct key_file *f = files;

	while (f && strcmp(f->path, path) != 0)
		f = f->next;
	return f;
}

static int add_file_locked(const char *path, const struct credential_stamp *stamp,
			   struct key_file **out, const char **why)
{
	struct key_file *f = calloc(1, sizeof(*f));
	int r = -ENOMEM;

	*why = error_errno_text(ENOMEM);
	if (!f)
		return r;
	f->path = strdup(path);
	if (f->path)
		r = load_file(path, &f->keys, why);
	if (r < 0) {
		free(f->path);
		free(f);
		return r;
	}
	f->stamp = *stamp;
	f->next = files;
	files = f;
	*out = f;
	return 0;
}

/* A file that cannot be used is said once, and tried again when it has changed again. */
static void reload_locked(struct key_file *f, const struct credential_stamp *stamp, int64_t until_s)
{
	struct ticket_keys keys = {0};
	const char *why = "";

	if (load_file(f->path, &keys, &why) < 0) {
		log_line(LEVEL_ERROR, "%s: ticket keys: %s; the ones before stay in use", f->path,
			 why);
	} else {
		f->old = f->keys;
		f->old_until_s = until_s;
		f->keys = keys;
	}
	f->stamp = *stamp;
	explicit_bzero(&keys, sizeof(keys));
}

static void give(const struct key_file *f, int64_t now_s, struct ticket_keys *out)
{
	*out = f->keys;
	if (now_s >= f->old_until_s)
		return;
	memcpy(out->keys[out->count], f->old.keys, f->old.count * sizeof(f->old.keys[0]));
	out->count += f->old.count;
}

int tickets_of_file(const char *path, int64_t now_s, int64_t grace_s, struct ticket_keys *out,
		    char *reason, size_t size)
{
	struct credential_item item = {.kind = CREDENTIAL_PATH, .data = (char *)(uintptr_t)path};
	struct credential_stamp stamp;
	struct key_file *f;
	const char *why = "";
	bool can_look;
	int r = 0;

	tickets_lock();
	/* Before it is read: a file that changes meanwhile is read again. */
	can_look = credential_stamp(&item, &stamp);
	f = find_locked(path);
	if (!f)
		r = add_file_locked(path, &stamp, &f, &why);
	else if (can_look && memcmp(&stamp, &f->stamp, sizeof(stamp)) != 0)
		reload_locked(f, &stamp, now_s + grace_s);
	if (r == 0)
		give(f, now_s, out);
	else
		snprintf(reason, size, "%s: %s", path, why);
	tickets_unlock();
	return r;
}

void tickets_wipe(void)
{
	tickets_lock();
	explicit_bzero(&own, sizeof(own));
	while (files) {
		struct key_file *f = files;

		files = f->next;
		free(f->path);
		explicit_bzero(f, sizeof(*f));
		free(f);
	}
	tickets_unlock();
}

void tickets_lock(void)
{
	guard_lock(&lock);
}

void tickets_unlock(void)
{
	guard_unlock(&lock);
}
