/* SPDX-License-Identifier: MIT */
/* What responders have said, for all sockets of the process, until it must be renewed. */
#ifndef OCSPCACHE_H
#define OCSPCACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/* Names a certificate and its issuer. */
enum { OCSPCACHE_KEY = 32, OCSPCACHE_MAX = 128 };

/* How many bytes of a response are read, and kept. */
enum { OCSP_MAX_RESPONSE = 64 * 1024 };

/* Keeps a copy, the oldest making room. Without memory it is not kept. */
void ocspcache_put(const unsigned char key[OCSPCACHE_KEY], const void *response, size_t len,
		   time_t until);

/* Gives a malloc'd copy. Returns false if there is none that is fresh. */
bool ocspcache_get(const unsigned char key[OCSPCACHE_KEY], void **response, size_t *len);

/* For fork: nobody is in the middle of it. */
void ocspcache_lock(void);
void ocspcache_unlock(void);

#endif /* OCSPCACHE_H */
