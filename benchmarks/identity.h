/* SPDX-License-Identifier: MIT */
/*
 * The files of a run: a root, a certificate for SERVER_NAME signed by it, its
 * key (both P-256), and settings for GnuTLS, in a temporary directory that
 * goes when the driver exits or is told to.
 */
#ifndef BENCH_IDENTITY_H
#define BENCH_IDENTITY_H

/* Returns the directory. */
const char *identity_new(void);

/*
 * Makes GnuTLS negotiate this suite wherever the default priorities are used,
 * with no call by the program. By the environment, of the programs started
 * after it.
 */
void identity_choose_cipher(const char *cipher);

#endif /* BENCH_IDENTITY_H */
