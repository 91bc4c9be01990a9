/* SPDX-License-Identifier: MIT */
/* What the files that define libc's names share. */
#ifndef INTERPOSE_H
#define INTERPOSE_H

#include "fdtable.h"

#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#define EXPORT __attribute__((visibility("default")))

/* glibc's answer to an overflow that _FORTIFY_SOURCE has found. */
extern void __chk_fail(void) __attribute__((noreturn));

/* What fortified programs call; no header declares them. */
ssize_t __read_chk(int fd, void *buf, size_t n, size_t size);
ssize_t __recv_chk(int fd, void *buf, size_t n, size_t size, int flags);
ssize_t __recvfrom_chk(int fd, void *__restrict buf, size_t n, size_t size, int flags,
		       __SOCKADDR_ARG sa, socklen_t *__restrict len);
int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size);
int __dprintf_chk(int fd, int flag, const char *format, ...);
int __vdprintf_chk(int fd, int flag, const char *format, __builtin_va_list ap);

#endif /* INTERPOSE_H */
