/* SPDX-License-Identifier: MIT */
/*
 * Connections that the program has closed and whose last bytes are still on their
 * way. Closing the descriptor at once would answer whatever the peer sends late
 * (a TLS 1.3 ticket) with a reset, and a reset throws away what the peer has not
 * read yet. A thread, there only while it is needed, sends the rest, discards what
 * comes, and closes at the peer's end of stream or after 30 seconds.
 */
#ifndef LINGER_H
#define LINGER_H

#include "buffer.h"
#include "ownfd.h"

#include <stdbool.h>

#include <stdbool.h>

/*
 * Takes over a descriptor and the sealed bytes that are still to be sent, which
 * may be none. Where no thread can be had it waits itself, as linger_rest().
 */
void linger_add(struct ownfd *own, struct buffer *rest);

/* True if the lingerer has so many descriptors that the program needs the others. */
bool linger_full(void);

/*
 * The program is about to put a file on a number that is the library's own. That moves
 * away; without a free number it ends, what was to be sent after a wait for the peer.
 */
void linger_make_way(int fd);

/*
 * SO_LINGER: waits until the peer's kernel has all, but no longer than so many seconds, and
 * adds it then. A thread that is cancelled meanwhile, or jumps away, adds it, too.
 */
void linger_for(struct ownfd *own, struct buffer *rest, int seconds);

/*
 * Sends sealed bytes, with signals held, as far as the peer takes them within 10 seconds,
 * and ends our side behind them. The descriptor remains the caller's.
 */
void linger_rest(int fd, struct buffer *rest);

/* True if the peers' kernels have all that is to be sent. Does what can be done for it now. */
bool linger_arrived(void);

/* At exit: waits for what lingers, 10 seconds at most. */
void linger_finish(void);

/*
 * For _exit, with system calls alone, since it may come from a signal handler: ends
 * our side of a connection and waits until the peer's kernel has what was sent, or it is
 * time. What comes meanwhile is discarded.
 */
void linger_here(int fd, int64_t end_ms);

/*
 * Some calls fail in a process that has threads. pause ends the lingerer's, and returns
 * false if there is none; resume starts it again if it is needed.
 */
bool linger_pause(void);
void linger_resume(void);

/* For fork. The child has no such thread: it gives its copies up, and unlocks. */
void linger_lock(void);
void linger_unlock(void);
void linger_fork_child(void);

#endif /* LINGER_H */
