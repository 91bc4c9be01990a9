/* SPDX-License-Identifier: MIT */
/* Text that is whole before the first byte of it is sent. */
#ifndef TEXTS_H
#define TEXTS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * vdprintf and its fortified twin. Return the count; or -1, with errno set, after what
 * could be sent.
 */
int texts_vdprintf(int fd, const char *format, va_list ap) __attribute__((format(printf, 2, 0)));
int texts_vdprintf_chk(int fd, int flag, const char *format, va_list ap)
	__attribute__((format(printf, 3, 0)));

/* malloc_stats(3), where stderr may be a stream of ours. */
void texts_malloc_stats(void);

/* Asked by a stream before it writes. True: the bytes are kept, and sent later. */
bool texts_keep(int fd, const char *buf, size_t n);

#endif /* TEXTS_H */
