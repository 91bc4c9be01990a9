/* SPDX-License-Identifier: MIT */
/*
 * The ClientHellos whose early data the processes of a server have accepted (RFC 8446, 8.2),
 * in memory that is shared by all that are forked later. Bounded: what finds no place is not
 * accepted, nor is anything where it cannot be looked up.
 */
#ifndef REPLAYS_H
#define REPLAYS_H

#include "libgnutls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REPLAYS_BUCKETS = 1 << 15, REPLAYS_WAYS = 8 };

struct replays;

/* NULL without memory. */
struct replays *replays_new(void);
void replays_free(struct replays *r);

/*
 * True for one process once, until keep_s seconds later: the id was not there, and is now.
 * False also where there is no place for it, and while the clock is behind what it was.
 */
bool replays_first(struct replays *r, const void *id, size_t len, int64_t now_s, int64_t keep_s);

/*
 * Begins the record of a server, together with its ticket keys: a ticket of before, or of
 * another process, must open nothing. Once is enough.
 */
void replays_begin(void);

/*
 * What GnuTLS asks in a session whose tickets are opened for so long. NULL where no record
 * was begun: nothing may be accepted.
 */
gnutls_anti_replay_t replays_gnutls(int64_t keep_s);

#endif /* REPLAYS_H */
