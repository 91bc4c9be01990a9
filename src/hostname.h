/* SPDX-License-Identifier: MIT */
/* A host's name as DNS has it, for comparisons. */
#ifndef HOSTNAME_H
#define HOSTNAME_H

#include <stddef.h>

enum { HOSTNAME_SIZE = 256 };

/*
 * Small letters of ASCII, other alphabets as xn-- has them (RFC 5890, 2.3.2.1), no dot at the
 * end. What cannot be written so stays as it is.
 */
void hostname_canonical(const char *name, char out[HOSTNAME_SIZE]);

#endif /* HOSTNAME_H */
