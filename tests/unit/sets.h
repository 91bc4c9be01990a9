/* SPDX-License-Identifier: MIT */
/*
 * sets.h - connections that epoll sets have, without a session: over real sockets, so
 * that the kernel itself says what is registered.
 */
#ifndef TEST_SETS_H
#define TEST_SETS_H

#include "connection.h"

#include <sys/epoll.h>

/* Setup and teardown of a case: nothing is left, in the library or in memory. */
int sets_setup(void **state);
int sets_teardown(void **state);

#define SETS_CASE(function) cmocka_unit_test_setup_teardown(function, sets_setup, sets_teardown)

/* A function for each row of a table: state is the row. */
#define SETS_ROW(title, function, row)                                                             \
	(struct CMUnitTest)                                                                        \
	{                                                                                          \
		(title), (function), sets_setup, sets_teardown, ROW(row)                           \
	}

/* One end of a pair of sockets; what is done to the other one shows. */
struct member {
	struct connection *c;
	int fd, other;
};

/*
 * In STATE_LISTENING the kernel's readiness is told as it is. In STATE_HANDSHAKE it is
 * another thread's to drive, so that nothing happens by itself.
 */
void member_open(struct member *m, enum connection_state state);

/* The number goes the way that close goes. */
void member_close(struct member *m);

/* Another number of it. */
int member_dup(const struct member *m);

/* The handshake is done; after that as STATE_LISTENING. */
void member_done(struct member *m);

/* Until it is not writable any more, and is again. */
void member_fill(const struct member *m);
void member_empty(const struct member *m);

/* epoll_ctl as the program calls it. Returns 0 or a negative errno. */
int member_ctl(const struct member *m, int epfd, int op, uint32_t events, uint64_t data);

/* What the kernel has of a number in a set, by /proc; false: nothing. */
bool set_has(int epfd, int fd, struct epoll_event *event);

/* Fails unless it is so: the events with EPOLLERR and EPOLLHUP, which are always there. */
void set_check(int epfd, int fd, uint32_t events, uint64_t data);

/* How many registrations the library knows with this data. */
int set_known(int epfd, uint64_t data);

#endif /* TEST_SETS_H */
