/* SPDX-License-Identifier: MIT */
/*
 * Which name an address was resolved from, so that a program which looks a name
 * up and connects to the address has the name verified.
 */
#ifndef NAMES_H
#define NAMES_H

#include <netdb.h>
#include <stddef.h>
#include <sys/socket.h>

/* Notes what getaddrinfo(node) gave with these hints. */
void names_learn(const char *node, const struct addrinfo *hints, const struct addrinfo *result);

/* The same of gethostbyname(name), whose result is not pointed into. */
void names_learn_host(const char *node, const struct hostent *host);

/*
 * getaddrinfo_a has been asked; and the request is answered, which is told again and again,
 * also when its result has long been freed: it is looked at once.
 */
void names_expect(const struct gaicb *request);
void names_arrived(const struct gaicb *request);

/*
 * A socket was bound to this address. An address that was asked for as such, with
 * AI_PASSIVE, was asked for this, once: it is no other name for what connect is given.
 */
void names_bound(const struct sockaddr *sa);

/* Notes that a result is freed: pointers into it mean nothing any more. */
void names_forget(const struct addrinfo *result);

/*
 * Finds the name of an address: the one of the live result that the pointer
 * lies in, else the only one that this address was resolved from.
 *
 * Returns 1 and the name; 0 where none is known; -ENOTUNIQ where
 * the address belongs to several names, or was asked for as such too, since to guess
 * would let the owner of another name in.
 */
int names_find(const struct sockaddr *sa, char *name, size_t size);

/* Writes the address as text, with its port if with_port: 192.0.2.1:443. */
void names_format(const struct sockaddr *sa, int with_port, char *text, size_t size);

/* For fork: nobody is in the middle of it. */
void names_lock(void);
void names_unlock(void);

#endif /* NAMES_H */
