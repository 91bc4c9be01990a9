/* SPDX-License-Identifier: MIT */
/* acting.h - a program that is told by its arguments what to do with a TLS socket. */
#ifndef TEST_ACTING_H
#define TEST_ACTING_H

/*
 * argv is ROLE ADDRESS PORT OPTION..., ended by NULL; the role connect, listen, or accept,
 * which also receives a byte. An option is NUMBER=INT, NUMBER:TEXT, or NUMBER! for nothing
 * at all, NUMBER~ for a verify callback that takes all flags away; with a + before it, it is set once the socket is connected. Prints what came of
 * it, "connected", "served", or the call that failed, with its error and TLS_ERROR; and
 * "port N" when it listens. Returns the exit status.
 */
int acting(char *argv[]);

#endif /* TEST_ACTING_H */
