/* SPDX-License-Identifier: MIT */
/*
 * fuzz.h - programs of socket calls, made by chance, and the machine that runs them: two
 * connected ends, and what the calls on them returned. After each call the machine waits
 * until what was sent has arrived, so that nothing is a matter of time; and no more is on
 * its way than the smallest buffer takes, so that nothing is a matter of room.
 */
#ifndef TEST_FUZZ_H
#define TEST_FUZZ_H

#include "chance.h"
#include "trace.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

enum { FUZZ_PIECES = 4, FUZZ_MOST_BYTES = 18000 };

/* Room for control data, aligned. */
union fuzz_control {
	struct cmsghdr header;
	char room[128];
};

struct fuzz_end {
	int fd; /* -1: closed */
	uint64_t sent, received;
	bool shut_write, shut_read, nonblocking;
};

struct fuzz {
	struct rng rng;
	struct trace *trace;
	struct fuzz_end ends[2];
	int epfd;
	bool over; /* what TCP would tell next is an allowed difference */
};

/* Runs the seed's program on sockets of the protocol. */
void fuzz_run(unsigned int seed, int protocol, struct trace *trace);

/* What the machine is made of: each makes a call on end i, or none. */
void fuzz_send(struct fuzz *f, int i);
void fuzz_sendfile(struct fuzz *f, int i);
void fuzz_splice_in(struct fuzz *f, int i);
void fuzz_receive(struct fuzz *f, int i);
void fuzz_receive_list(struct fuzz *f, int i);
void fuzz_receive_timed(struct fuzz *f, int i);
void fuzz_splice_out(struct fuzz *f, int i);
void fuzz_poll(struct fuzz *f, int i);
void fuzz_select(struct fuzz *f, int i);
void fuzz_epoll_ctl(struct fuzz *f, int i);
void fuzz_epoll_wait(struct fuzz *f, int i);
void fuzz_shutdown(struct fuzz *f, int i);
void fuzz_mode(struct fuzz *f, int i);
void fuzz_ask(struct fuzz *f, int i);
void fuzz_renumber(struct fuzz *f, int i);
void fuzz_close(struct fuzz *f, int i);

/* How many bytes end i has been sent and has not received. */
uint64_t fuzz_unread(const struct fuzz *f, int i);

/* Waits until all that was sent has arrived. */
void fuzz_settle(struct fuzz *f);

/* A number of bytes, up to FUZZ_MOST_BYTES. */
size_t fuzz_some(struct rng *rng);

/* Divides the bytes among pieces, some of them empty. Returns how many. */
size_t fuzz_pieces(struct rng *rng, void *bytes, size_t n, struct iovec *pieces);

#endif /* TEST_FUZZ_H */
