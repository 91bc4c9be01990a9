/* SPDX-License-Identifier: MIT */
/* How a descriptor becomes a TLS socket. */
#ifndef ADOPT_H
#define ADOPT_H

#include "connection.h"

/*
 * Before anything is done for a TLS socket: loads GnuTLS. Returns 0, or a negative errno,
 * which is in the log.
 */
int adopt_begin(void);

/*
 * Makes the number name the entry, whose reference it takes over. Returns fd, or
 * a negative errno with fd closed.
 */
int adopt_number(int fd, struct entry *e, bool cloexec);

/*
 * Makes a connection for a new descriptor and takes over the settings' reference;
 * settings may be NULL for want of memory. Returns NULL without memory, with fd
 * closed.
 */
struct connection *adopt(int fd, struct settings *settings, bool cloexec);

/* The same for a descriptor that the program has already: it is not closed. */
struct connection *adopt_open(int fd, struct settings *settings, bool cloexec);

#endif /* ADOPT_H */
