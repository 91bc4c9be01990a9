/* SPDX-License-Identifier: MIT */
/*
 * The process gets GnuTLS with its first TLS socket: to relocate it and what it needs takes
 * longer than most programs take to start, and most never ask for TLS.
 */
#ifndef LIBGNUTLSLOAD_H
#define LIBGNUTLSLOAD_H

/*
 * By the library's constructor, before the program can change anything. Loads it where the
 * environment has something to say to GnuTLS, which programs may clear.
 */
void libgnutls_start(void);

/*
 * Loads it, if that has not been done, for good. Returns 0; -EMFILE, -ENFILE, -ENOMEM, or
 * -ELIBACC where it is missing, too old, or not to be trusted; *why says it, until the
 * thread's next dlopen. May be tried again. errno is as it was.
 */
int libgnutls_load(const char **why);

/* Around fork, before all other locks: a child cannot finish what a thread was loading. */
void libgnutls_fork_lock(void);
void libgnutls_fork_unlock(void);
void libgnutls_fork_child(void);

#endif /* LIBGNUTLSLOAD_H */
