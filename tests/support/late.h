/* SPDX-License-Identifier: MIT */
/* late.h - a function that is called at exit when all destructors have run. */
#ifndef TEST_LATE_H
#define TEST_LATE_H

void late_set(void (*function)(void));

#endif /* TEST_LATE_H */
