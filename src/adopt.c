/* SPDX-License-Identifier: MIT */
#include "adopt.h"

#include "closing.h"
#include "libc.h"
#include "signals.h"
#include "stdiofd.h"

int adopt_number(int fd, struct entry *e, bool cloexec)
{
	int r = fdtable_install(fd, e, cloexec);

	fdtable_put(e);
	if (r < 0) {
		libc.close(fd);
		return r;
	}
	stdiofd_install(fd);
	return fd;
}

struct connection *adopt(int fd, struct settings *settings, bool cloexec)
{
	struct connection *c = settings ? connection_new(settings) : NULL;

	signals_begin();
	if (c) {
		c->cookie = connection_cookie(fd);
		c->entry = fdtable_new(c, closing_release);
	}
	if (c && c->entry && adopt_number(fd, c->entry, cloexec) == fd)
		return c;
	if (!c || !c->entry) {
		libc.close(fd);
		if (c)
			connection_free(c);
		else
			settings_put(settings);
	}
	return NULL;
}
