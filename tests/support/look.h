/* SPDX-License-Identifier: MIT */
/*
 * look.h - what each call that waits says of a descriptor now: poll, ppoll, select,
 * pselect, epoll_wait, epoll_pwait, epoll_pwait2; and the kernel's own, which no library
 * sees.
 */
#ifndef TEST_LOOK_H
#define TEST_LOOK_H

#include "trace.h"
#include <stdbool.h>
#include <sys/epoll.h>

/* Note what the kernel says, and what the calls say. */
void look_raw(struct trace *t, int fd);
void look_hooked(struct trace *t, int fd);

/* First one, then the other, and the kernel again. */
void look(struct trace *t, int fd);

/* What poll says of POLLIN alone, the kernel's own or the hooked one. */
bool look_readable(int fd, bool raw);

/* Calls for an epoll set, the kernel's own or the hooked ones. */
int look_ctl(bool raw, int epfd, int op, int fd, uint32_t events);
int look_wait(bool raw, int epfd, struct epoll_event *events, int max, int timeout);

#endif /* TEST_LOOK_H */
