/* SPDX-License-Identifier: MIT */
/* inject.h - the real calls, one of which fails when a test says so. */
#ifndef TEST_INJECT_H
#define TEST_INJECT_H

#include <stdbool.h>

/* Puts them in place; for good, since the library's own thread calls through them too. */
void inject_start(void);

/*
 * Of this name's calls from now on the one numbered in fails, instead of being made; with
 * errno 0 none does.
 */
void inject(const char *call, unsigned int in, int error);

/* True if one has failed since. */
bool inject_done(void);

/* Only calls of the thread that is in the library by this are counted. */
void inject_here(bool inside);

#endif /* TEST_INJECT_H */
