/* SPDX-License-Identifier: MIT */
/*
 * What came from the peer and is not opened yet.
 *
 * The kernel's receive queue must tell the truth to event loops that never call
 * us: readable exactly while there is something to read. So as long as plaintext
 * or a whole record waits in the process, at least one byte that belongs to it
 * stays in the kernel: input is looked at with MSG_PEEK, opened, and discarded
 * from the kernel when it was delivered. in_kernel counts the bytes at the head
 * of the kernel's queue that we have seen. A part of a record, on the other hand,
 * is taken out at once: left in the queue it would make the socket readable with
 * nothing to read, and could block the rest behind a full window.
 */
#ifndef INPUT_H
#define INPUT_H

#include "connection.h"

/* Length of the whole record that comes next; 0: not there. */
size_t input_record(const struct connection *c);

/* Hands the session one record, or all the whole ones there are. */
void input_feed(struct connection *c, bool all);

/* Drops what the session took. */
void input_fed(struct connection *c);

/*
 * Gets more from the kernel, without waiting. room: how much plaintext the caller
 * can take in any case; with enough of it the bytes are taken, else looked at.
 * in_drained tells afterwards whether the kernel's queue was seen empty.
 *
 * Returns how many bytes came, 0 at the end of the stream, -EAGAIN, -ENOMEM, or
 * the socket's own error.
 */
ssize_t input_fill(struct connection *c, int fd, size_t room);

/*
 * Waits in the kernel's own recv until something is there: its timeout, signals,
 * cancellation and O_NONBLOCK are the kernel's. What it sees becomes input, unless
 * another thread got something meanwhile. The connection must be settled.
 */
int input_wait(struct connection *c, int fd);

/* Before a call returns: takes from the kernel what has nothing left to tell. */
void input_settle(struct connection *c, int fd);

/*
 * An upgraded socket's peer has said close_notify: what follows that is the program's, in
 * the clear, and stays in the kernel. So does the record's last byte, by which the kernel
 * shows the end until input_drop_end(). False if what follows was taken already.
 */
bool input_end(struct connection *c, int fd);
bool input_drop_end(int fd);

/*
 * Throws away up to n bytes of the kernel's queue, without waiting (MSG_TRUNC, tcp(7)).
 * Returns how many, or -1 with errno, as recv does.
 */
ssize_t input_drop(int fd, size_t n);

/* Throws away what is in the kernel's queue. */
void input_discard(int fd);

#endif /* INPUT_H */
