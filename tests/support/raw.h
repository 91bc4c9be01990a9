/* SPDX-License-Identifier: MIT */
/* raw.h - system calls that no library sees: not even syscall(), which has a hook. */
#ifndef TEST_RAW_H
#define TEST_RAW_H

#include <sys/syscall.h>

/* As syscall(), with all six arguments. */
long raw_syscall(long number, long a, long b, long c, long d, long e, long f);

/* close(). */
int raw_close(int fd);

#endif /* TEST_RAW_H */
