/* SPDX-License-Identifier: MIT */
/*
 * One line for each thing worth saying, to where TLSSOCK_LOG points:
 * level[:target], the level one of off, error, warning, info, debug, and the
 * target stderr, syslog or a file's path. Without it: error:stderr.
 */
#ifndef LOG_H
#define LOG_H

#include <stddef.h>

enum log_level { LEVEL_OFF, LEVEL_ERROR, LEVEL_WARNING, LEVEL_INFO, LEVEL_DEBUG };

/* Takes the text of TLSSOCK_LOG; NULL: the default. Wrong text is reported and ignored. */
void log_init(const char *setting);

/* Writes one line. errno is preserved. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What a peer chose (a name, a subject) must not forge a line. */
void log_clean(char *text, size_t len);

#endif /* LOG_H */
