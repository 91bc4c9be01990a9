/* SPDX-License-Identifier: MIT */
#include "place.h"
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t slurp(const char *zoo_file, char *bytes, size_t size)
{
	int fd = (int)assert_ok(open(zoo("%s", zoo_file), O_RDONLY | O_CLOEXEC));
	size_t n = (size_t)assert_ok(read(fd, bytes, size));

	assert_true(n < size);
	close(fd);
	return n;
}

static void write_parts(const char *path, const char *bytes, size_t n, int flags)
{
	int fd = (int)assert_ok(open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600));

	assert_int_equal(write(fd, bytes, n / 2), n / 2);
	assert_int_equal(write(fd, bytes + n / 2, n - n / 2), n - n / 2);
	close(fd);
}

void place_write(const char *path, const char *zoo_file, size_t n)
{
	char bytes[8192];
	size_t size = slurp(zoo_file, bytes, sizeof(bytes));

	write_parts(path, bytes, n ? n : size, O_TRUNC);
}

static const char *in(const struct place *p, const char *name)
{
	static char ring[4][192];
	static unsigned int next;
	char *path = ring[next++ % COUNT(ring)];

	snprintf(path, sizeof(ring[0]), "%s/%s", p->dir, name);
	return path;
}

static void replace(const struct place *p, const char *path, const char *identity,
		    const char *suffix)
{
	const char *new = in(p, "new");
	char file[64];

	snprintf(file, sizeof(file), "%s.%s", identity, suffix);
	place_write(new, file, 0);
	assert_ok(rename(new, path));
}

/* A directory for each identity, made once; chain and key are links through ..data. */
static void swap_links(struct place *p, const char *identity)
{
	char chain[64], key[64];

	snprintf(chain, sizeof(chain), "%s/chain", identity);
	snprintf(key, sizeof(key), "%s/key", identity);
	if (mkdir(in(p, identity), 0700) == 0) {
		replace(p, in(p, chain), identity, "pem");
		replace(p, in(p, key), identity, "key");
	}
	unlink(in(p, "..new"));
	assert_ok(symlink(identity, in(p, "..new")));
	assert_ok(rename(in(p, "..new"), in(p, "..data")));
	if (readlink(p->chain, chain, sizeof(chain)) >= 0)
		return;
	assert_ok(symlink("..data/chain", in(p, "..new")));
	assert_ok(rename(in(p, "..new"), p->chain));
	assert_ok(symlink("..data/key", in(p, "..new")));
	assert_ok(rename(in(p, "..new"), p->key));
}

void place_put(struct place *p, const char *identity, enum place_way way)
{
	char chain[64], key[64];

	snprintf(chain, sizeof(chain), "%s.pem", identity);
	snprintf(key, sizeof(key), "%s.key", identity);
	if (way == PLACE_SYMLINK) {
		swap_links(p, identity);
		return;
	}
	if (way == PLACE_KEY)
		replace(p, p->key, identity, "key");
	/* Not through the links into what they point to. */
	if (way == PLACE_REMAKE || readlink(p->chain, (char[1]){0}, 1) >= 0) {
		unlink(p->chain);
		unlink(p->key);
	}
	if (way == PLACE_WRITE || way == PLACE_REMAKE) {
		place_write(p->chain, chain, 0);
		place_write(p->key, key, 0);
		return;
	}
	replace(p, p->chain, identity, "pem");
	replace(p, p->key, identity, "key");
}

void place_open(struct place *p, const char *identity)
{
	snprintf(p->dir, sizeof(p->dir), "/tmp/tlssock-place-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->chain, sizeof(p->chain), "%s/chain.pem", p->dir);
	snprintf(p->key, sizeof(p->key), "%s/key.pem", p->dir);
	place_put(p, identity, PLACE_RENAME);
}

void place_close(struct place *p)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", p->dir);
	assert_int_equal(system(command), 0);
}
