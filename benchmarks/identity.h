/* SPDX-License-Identifier: MIT */
/*
 * The files of a run, in a temporary directory that goes when the driver exits or is told
 * to. For each kind of key a directory with a root, a certificate for SERVER_NAME and the
 * loopback address signed by it, its key, and both in one file; settings for GnuTLS;
 * settings of proxies.
 */
#ifndef BENCH_IDENTITY_H
#define BENCH_IDENTITY_H

/* The kinds of key, and the names of their directories. */
#define IDENTITY_ECDSA "ecdsa"
#define IDENTITY_RSA   "rsa"

enum run_file { RUN_PRIORITY, RUN_PROXY_CLIENT, RUN_PROXY_SERVER };

/* Returns the directory. */
const char *identity_new(void);

/* Writes one of the run's other files. Returns its path, which stays. */
const char *identity_write(enum run_file file, const char *text);

/*
 * Makes GnuTLS negotiate this suite wherever the default priorities are used,
 * with no call by the program. By the environment, of the programs started
 * after it.
 */
void identity_choose_cipher(const char *cipher);

#endif /* BENCH_IDENTITY_H */
