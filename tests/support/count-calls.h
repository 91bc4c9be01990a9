/* SPDX-License-Identifier: MIT */
/* count-calls.h - for programs that are linked with the library that counts. */
#ifndef TEST_COUNT_CALLS_H
#define TEST_COUNT_CALLS_H

/* Returns how many real calls have waited or looked for readiness since the last time. */
unsigned int count_calls(void);

#endif /* TEST_COUNT_CALLS_H */
