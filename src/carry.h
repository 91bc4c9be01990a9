/* SPDX-License-Identifier: MIT */
/*
 * What a stream of stdio holds: to be written, read ahead, pushed back; moved to another
 * stream of the same number, without any I/O. Both streams are the caller's meanwhile.
 */
#ifndef CARRY_H
#define CARRY_H

#include <stdio.h>

/* How much is to be written. */
size_t carry_pending(const FILE *f);

/*
 * Makes an empty stream of ours buffered as the original is, or would be when it is
 * first used on a socket. Returns 0, or -1 without memory.
 */
int carry_set_buffer(FILE *stand_in, const FILE *original);

/* All that a stream holds, and its flags, go to one that holds nothing. */
void carry(FILE *from, FILE *to);

/* The same, and how the stream is buffered now. */
void carry_back(FILE *stand_in, FILE *original);

/* The stream is closed in its stand-in's place: as fclose leaves it. */
void carry_close(FILE *f);

#endif /* CARRY_H */
