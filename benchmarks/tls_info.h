/* SPDX-License-Identifier: MIT */
/*
 * What was agreed on, asked by getsockopt: of a socket that may be libtlssock's. A program
 * that knows nothing of it may have the library preloaded.
 */
#ifndef BENCH_TLS_INFO_H
#define BENCH_TLS_INFO_H

#include "contender.h"

/* "none" for plain TCP. Exits if the server was not verified: such figures do not count. */
void tls_info_describe(struct link *link, char *text, size_t size);

/* True for plain TCP, too, which has no sessions. */
bool tls_info_resumed(const struct link *link);

#endif /* BENCH_TLS_INFO_H */
