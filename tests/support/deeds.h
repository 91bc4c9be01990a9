/* SPDX-License-Identifier: MIT */
/*
 * deeds.h - what a program may do to a TLS socket by which plaintext could reach the wire.
 * A relay keeps what was on it; the same deed on a TCP socket shows the payload there,
 * which is the control.
 */
#ifndef TEST_DEEDS_H
#define TEST_DEEDS_H

#include "test.h"

#define CANARY "canary-in-the-clear"

struct deed {
	const char *name;
	void (*run)(int fd);
};

/*
 * Run each deed on a connected socket and on an accepted one, and then the tests of the
 * second table. Returns main()'s value.
 */
int deeds_main(const char *group, const struct deed *deeds, size_t count,
	       const struct CMUnitTest *more, size_t more_count);

#endif /* TEST_DEEDS_H */
