/* SPDX-License-Identifier: MIT */
/*
 * libc's names that put a message on a number, as a rule 2, by system calls of their
 * own, which would put it on a TLS socket in the clear.
 */
#include "interpose.h"

#include "libc.h"

#include <execinfo.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the programs' own */

/* Less than libc tells, but by stderr, which knows what is under it. */
EXPORT void psiginfo(const siginfo_t *info, const char *text)
{
	if (fdtable_has(STDERR_FILENO))
		psignal(info->si_signo, text);
	else
		libc.psiginfo(info, text);
}

/* libc's writes to a stream of its own on a duplicate. */
EXPORT void perror(const char *text)
{
	int error = errno, fd = fileno(stderr);
	const char *colon = text && *text ? ": " : "";

	errno = error;
	if (fdtable_has(fd))
		fprintf(stderr, "%s%s%s\n", *colon ? text : "", colon, strerror(error));
	else
		libc.perror(text);
}

/* libc's is one writev to 2. */
EXPORT void herror(const char *text)
{
	const char *colon = text && *text ? ": " : "", *reason = hstrerror(h_errno);
	struct iovec line[] = {{(void *)(uintptr_t)text, *colon ? strlen(text) : 0},
			       {(void *)(uintptr_t)colon, strlen(colon)},
			       {(void *)(uintptr_t)reason, strlen(reason)},
			       {(char[]){'\n'}, 1}};

	if (!fdtable_has(STDERR_FILENO))
		libc.herror(text);
	else if (writev(STDERR_FILENO, line, 4) < 0)
		(void)0; /* as libc: there is nobody to tell */
}

EXPORT void backtrace_symbols_fd(void *const *addresses, int n, int fd)
{
	char **symbols;

	if (!fdtable_has(fd)) {
		libc.backtrace_symbols_fd(addresses, n, fd);
		return;
	}
	symbols = backtrace_symbols(addresses, n);
	for (int i = 0; symbols && i < n; i++) {
		/* Here libc has no space before the address. */
		char *address = strrchr(symbols[i], ' ');
		size_t name = address ? (size_t)(address - symbols[i]) : strlen(symbols[i]);
		struct iovec line[] = {
			{symbols[i], name},
			{address ? address + 1 : NULL, address ? strlen(address + 1) : 0},
			{(char[]){'\n'}, 1}};

		writev(fd, line, 3);
	}
	free(symbols);
}

ALIAS(__backtrace_symbols_fd, backtrace_symbols_fd);

/* What LOG_PERROR needs: how the log was opened. */
static struct {
	const char *ident;
	int option, facility;
} opened;

EXPORT void openlog(const char *ident, int option, int facility)
{
	opened.ident = ident;
	opened.option = option;
	opened.facility = facility;
	libc.openlog(ident, option, facility);
}

EXPORT void closelog(void)
{
	opened.ident = NULL;
	libc.closelog();
}

static bool log_to_ours(void)
{
	return (opened.option & LOG_PERROR) && fdtable_has(STDERR_FILENO);
}

static void log_only(int priority, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	libc.openlog(opened.ident, opened.option & ~LOG_PERROR, opened.facility);
	libc.__vsyslog_chk(priority, 0, format, ap);
	libc.openlog(opened.ident, opened.option, opened.facility);
	va_end(ap);
}

static void log_and_write(int priority, int flag, const char *format, va_list ap)
{
	const char *ident = opened.ident ? opened.ident : program_invocation_short_name;
	char *text = NULL, *line = NULL, pid[16] = "";
	int n = __vasprintf_chk(&text, flag, format, ap);

	if (n < 0)
		return;
	if (opened.option & LOG_PID)
		snprintf(pid, sizeof(pid), "[%d]", (int)getpid());
	log_only(priority, "%s", text);
	n = asprintf(&line, "%s%s: %s%s", ident, pid, text, n && text[n - 1] == '\n' ? "" : "\n");
	if (n > 0 && (setlogmask(0) & LOG_MASK(LOG_PRI(priority))) &&
	    write(STDERR_FILENO, line, (size_t)n) < 0)
		(void)0; /* as libc: there is nobody to tell */
	free(text);
	free(line);
}

EXPORT void __vsyslog_chk(int priority, int flag, const char *format, va_list ap)
{
	if (log_to_ours())
		log_and_write(priority, flag, format, ap);
	else
		libc.__vsyslog_chk(priority, flag, format, ap);
}

EXPORT void vsyslog(int priority, const char *format, va_list ap)
{
	__vsyslog_chk(priority, 0, format, ap);
}

EXPORT void syslog(int priority, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	__vsyslog_chk(priority, 0, format, ap);
	va_end(ap);
}

EXPORT void __syslog_chk(int priority, int flag, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	__vsyslog_chk(priority, flag, format, ap);
	va_end(ap);
}
