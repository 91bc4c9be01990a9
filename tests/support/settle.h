/* SPDX-License-Identifier: MIT */
/* settle.h - what was sent has arrived, so that what a call finds is no matter of time. */
#ifndef TEST_SETTLE_H
#define TEST_SETTLE_H

/* Returns once all that one end has sent is at the other, its FIN too. */
void settle(int from, int to);

/*
 * Sends until nothing is taken any more, nor will be while the other end does not read.
 * Both ends' buffers are small from then on.
 */
void settle_full(int from, int to);

#endif /* TEST_SETTLE_H */
