/* SPDX-License-Identifier: MIT */
/*
 * alloc.h - the allocations of the library, and of GnuTLS if asked, counted and
 * made to fail. The programs that use it are linked with --wrap for each function.
 */
#ifndef TEST_ALLOC_H
#define TEST_ALLOC_H

#include <stdbool.h>

/* Count this thread's allocations from now; the one numbered fail_at fails, 0: none. */
void alloc_start(unsigned long fail_at);

/* Not to count what the test itself does in between. */
void alloc_pause(bool pause);

/* Stop. Returns how many there were. */
unsigned long alloc_stop(void);

/* Make GnuTLS's allocations count too, or not any more. */
void alloc_include_gnutls(bool include);

/* How many pieces of memory are not freed, of all threads. */
long alloc_live(void);

#endif /* TEST_ALLOC_H */
