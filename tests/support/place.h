/* SPDX-License-Identifier: MIT */
/* place.h - a directory with a chain and its key, which are replaced while they are in use. */
#ifndef TEST_PLACE_H
#define TEST_PLACE_H

#include <stddef.h>

struct place {
	char dir[64], chain[96], key[96];
};

/* A fresh directory with an identity of the zoo; and away with it. */
void place_open(struct place *p, const char *identity);
void place_close(struct place *p);

/* How files come to be others. */
enum place_way {
	PLACE_RENAME,  /* each by rename, the chain first */
	PLACE_KEY,     /* the same, the key first */
	PLACE_WRITE,   /* written over, in two parts */
	PLACE_REMAKE,  /* unlinked, and made again */
	PLACE_SYMLINK, /* both at once, as Kubernetes does: ..data points elsewhere */
	PLACE_WAYS
};
void place_put(struct place *p, const char *identity, enum place_way way);

/* The first n bytes of a file of the zoo, or all if n is 0, into a file. */
void place_write(const char *path, const char *zoo_file, size_t n);

#endif /* TEST_PLACE_H */
