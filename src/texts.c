/* SPDX-License-Identifier: MIT */
#include "texts.h"

#include "libc.h"
#include "signals.h"
#include "streams.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* glibc's; no header declares it. */
int __vasprintf_chk(char **out, int flag, const char *format, va_list ap);

struct kept {
	int fd;
	char *text;
	size_t n;
};

enum { KEPT_ROOM = 1 << 16 }; /* a few hundred arenas */

static __thread struct kept *keeping;

static void drop_text(void *text)
{
	signals_hold();
	free(text); /* which keeps errno */
	signals_let();
}

/* What vasprintf has given, or not. */
static int send_text(int fd, char *text, int n)
{
	size_t done;

	if (n < 0)
		return -1;
	CLEANUP_PUSH(drop_text, text);
	done = streams_write(fd, text, (size_t)n);
	CLEANUP_POP(1);
	return done < (size_t)n ? -1 : n;
}

int texts_vdprintf(int fd, const char *format, va_list ap)
{
	char *text = NULL;
	int n = vasprintf(&text, format, ap);

	return send_text(fd, text, n);
}

int texts_vdprintf_chk(int fd, int flag, const char *format, va_list ap)
{
	char *text = NULL;
	int n = __vasprintf_chk(&text, flag, format, ap);

	return send_text(fd, text, n);
}

/* What is more than there is room for is dropped. */
bool texts_keep(int fd, const char *buf, size_t n)
{
	struct kept *k = keeping;
	size_t room;

	if (!k)
		return false;
	room = KEPT_ROOM - k->n;
	n = n < room ? n : room;
	memcpy(k->text + k->n, buf, n);
	k->n += n;
	k->fd = fd;
	return true;
}

/*
 * glibc prints with the locks of its arenas held, which what sends over TLS allocates
 * from. Without memory nothing is printed.
 */
void texts_malloc_stats(void)
{
	struct kept kept = {.fd = -1, .text = malloc(KEPT_ROOM)};
	int saved = errno;

	if (!kept.text)
		return;
	keeping = &kept;
	libc.malloc_stats();
	keeping = NULL;
	send_text(kept.fd, kept.text, (int)kept.n);
	errno = saved;
}
