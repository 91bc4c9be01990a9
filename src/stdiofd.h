/* SPDX-License-Identifier: MIT */
/*
 * Keeps stdin, stdout and stderr off a TLS socket that was put on their number.
 * libc's stdio writes past every hook, so it would write in the clear; while the
 * socket is there those streams get EBADF.
 */
#ifndef STDIOFD_H
#define STDIOFD_H

/* A number became a TLS socket's, or is not any more. Others than 0 to 2: nothing. */
void stdiofd_take(int fd);
void stdiofd_release(int fd);

#endif /* STDIOFD_H */
