/* SPDX-License-Identifier: MIT */
/*
 * What the programs of this directory share: each is an echo server and its client, on
 * somebody's event loop. loop.c has their main:
 *
 *	PROGRAM server CONNECTIONS	prints its port, serves so many, ends
 *	PROGRAM client PORT LENGTH	sends so many bytes, checks what comes back
 *
 * LOOPS_PROTOCOL is the third argument of socket(): nothing else depends on it.
 */
#ifndef LOOP_H
#define LOOP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

enum { BLOCK = 16384, PIECE_MAX = 4999 };

/* What a client has sent, and received back. */
struct transfer {
	size_t length, sent, received;
};

/* Writes the next piece, of an odd size. Returns its size; 0: all is sent. */
size_t transfer_piece(const struct transfer *t, char piece[PIECE_MAX]);

/* Counts bytes that came back, and ends the program if they are not those that were sent. */
void transfer_received(struct transfer *t, const void *data, size_t n);

/* Ends the program, with errno's sentence. */
void fail(const char *what) __attribute__((noreturn));

/* Ends the program unless the condition holds. */
void check(bool condition, const char *what);

/* Ends the program if a connect that was in progress has failed. */
void check_connected(int fd);

/* What a program does on its loop; both sockets do not block. */
void serve(int listener, unsigned int connections);
void run_client(int fd, const struct sockaddr_in *server, struct transfer *t);

#endif /* LOOP_H */
