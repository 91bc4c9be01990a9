/* SPDX-License-Identifier: MIT */
/* Credentials registered under a number: what tls_credential_add() keeps. */
#ifndef TAGS_H
#define TAGS_H

#include <stddef.h>

/* As the functions of tlssock.h whose names they have; type is their enum. */
int tags_add(int tag, int type, const void *data, size_t len);
int tags_get(int tag, int type, void *data, size_t *len);
int tags_delete(int tag, int type);

/*
 * Calls a function with each credential of a tag, in order of their types, until
 * it returns other than 0. Returns that, 0, or -ENOENT for a tag with nothing.
 */
int tags_each(int tag, int (*fn)(int type, const void *data, size_t len, void *arg), void *arg);

/* For fork: nobody is in the middle of it. */
void tags_lock(void);
void tags_unlock(void);

#endif /* TAGS_H */
