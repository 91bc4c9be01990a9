/* SPDX-License-Identifier: MIT */
#include "log.h"

#include "fdtable.h"
#include "libc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <string.h>
#include <syslog.h>

static const char *const level_names[] = {"off", "error", "warning", "info", "debug"};

/* Written once, by the constructor; a target that starts with / is a file. */
static _Atomic enum log_level threshold = LEVEL_ERROR;
static char target[PATH_MAX] = "stderr";

static int parse_level(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++)
		if (strlen(level_names[i]) == len && strncmp(level_names[i], text, len) == 0)
			return (int)i;
	return -1;
}

static int valid_target(const char *text)
{
	return (strcmp(text, "stderr") == 0 || strcmp(text, "syslog") == 0 || strchr(text, '/')) &&
	       strlen(text) < sizeof(target);
}

void log_init(const char *setting)
{
	size_t len;
	int level;

	if (!setting)
		return;
	len = strcspn(setting, ":");
	level = parse_level(setting, len);
	if (level < 0 || (setting[len] && !valid_target(setting + len + 1))) {
		log_line(LEVEL_ERROR,
			 "TLSSOCK_LOG=%s: not off, error, warning, info or debug, with "
			 ":stderr, :syslog or :/a/file after it; ignored",
			 setting);
		return;
	}
	if (setting[len])
		strcpy(target, setting + len + 1);
	threshold = (enum log_level)level;
}

static void write_line(int fd, const char *line, size_t len)
{
	while (libc.write(fd, line, len) < 0 && errno == EINTR)
		continue;
}

/* A descriptor is opened for each line, so that none is held in the program's table. */
static void write_file(const char *line, size_t len)
{
	int fd = libc.open(target, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);

	if (fd < 0)
		return;
	write_line(fd, line, len);
	libc.close(fd);
}

static void emit(enum log_level level, char *line, size_t len)
{
	static const int priorities[] = {0, LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};

	if (strcmp(target, "syslog") == 0) {
		/* The hook: LOG_PERROR may write to stderr, see below. */
		syslog(priorities[level], "%s", line);
		return;
	}
	line[len++] = '\n';
	if (strcmp(target, "stderr") != 0)
		write_file(line, len);
	else if (!fdtable_has(STDERR_FILENO)) /* or it would go to a peer in the clear */
		write_line(STDERR_FILENO, line, len);
}

void log_clean(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			text[i] = '?';
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[1024] = "tlssock: ";
	size_t start = strlen(line);
	int saved = errno;
	va_list ap;
	int n;

	if (level > threshold)
		return;
	va_start(ap, format);
	n = vsnprintf(line + start, sizeof(line) - start - 1, format, ap);
	va_end(ap);
	if (n > 0) {
		size_t len = start + (size_t)n;

		if (len > sizeof(line) - 2)
			len = sizeof(line) - 2;
		log_clean(line, len);
		emit(level, line, len);
	}
	errno = saved;
}
