/* SPDX-License-Identifier: MIT */
/*
 * tcp.h - a connection of the library over real TCP, in its two roles, with a
 * session in another thread at the other end: made, used and closed again, or given
 * up at the first call that fails.
 */
#ifndef TEST_TCP_H
#define TEST_TCP_H

#include <stdbool.h>

/* Once, before the first. */
void tcp_setup(void);

/*
 * The whole life of a connection. Returns 0, or the negative errno of the call that
 * failed, whose name it gives; what was opened is closed either way.
 */
int tcp_run(bool server, const char **failed);

/* Told when the library is entered and left, in the thread that uses it. */
extern void (*tcp_in_library)(bool inside);

/* Fails the test if a number is still the library's. */
void tcp_check(void);

#endif /* TEST_TCP_H */
