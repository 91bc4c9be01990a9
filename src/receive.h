/* SPDX-License-Identifier: MIT */
/* The one way in for application data. */
#ifndef RECEIVE_H
#define RECEIVE_H

#include "connection.h"
#include "cursor.h"

/*
 * Receives into the cursor's memory as recv(2) would with these flags. Fewer bytes
 * than asked for come only after the kernel's queue was seen empty: programs with
 * edge-triggered event loops take a short read for that.
 */
ssize_t connection_receive(struct connection *c, int fd, struct cursor *cur, int flags);

/* Where plaintext goes without a way back. */
struct sink {
	/* Takes up to n bytes without waiting. Returns how many, or a negative errno. */
	ssize_t (*take)(struct sink *sink, const void *data, size_t n);
	struct buffer piece; /* memory for one, the caller's */
};

/*
 * As connection_receive() without flags, of up to n bytes. What the sink does not take
 * is not received; where it took nothing its error is the result.
 */
ssize_t connection_receive_into(struct connection *c, int fd, struct sink *sink, size_t n);

/*
 * With the lock: how much plaintext can be received without waiting, but no more than
 * the kernel's buffer and this process hold at once. *ended: and then the end comes.
 * -EBADFD if another process has the session.
 */
ssize_t connection_available(struct connection *c, int fd, bool *ended);

/*
 * With the lock, on an open connection: opens records that wait until there is
 * plaintext or they are digested. True if a recv would not wait.
 */
bool connection_readable(struct connection *c, int fd);

/*
 * With the lock, on an open connection: opens what the kernel has now, but no further than to
 * the first plaintext. Asks for no more, so that an error behind it is left to be told.
 */
void connection_digest(struct connection *c, int fd);

/*
 * With the lock: a client that was asked for its certificate (RFC 8446, 4.6.2) has answered:
 * 0, at once where none was asked. -EAGAIN where a socket that does not wait would; -EBUSY
 * where data is to be received first; or what ended the connection.
 */
int connection_await_auth(struct connection *c, int fd);

#endif /* RECEIVE_H */
