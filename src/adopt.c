/* SPDX-License-Identifier: MIT */
#include "adopt.h"

#include "closing.h"
#include "libc.h"
#include "libgnutlsload.h"
#include "log.h"
#include "stdiofd.h"

int adopt_begin(void)
{
	const char *why;
	int r = libgnutls_load(&why);

	if (r < 0)
		log_line(LEVEL_ERROR, "no TLS socket, since GnuTLS cannot be loaded: %s", why);
	return r;
}

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

/* Without an entry the settings' reference is the caller's still. */
static struct connection *make(int fd, struct settings *settings)
{
	struct connection *c = settings ? connection_new(settings) : NULL;

	if (!c)
		return NULL;
	c->cookie = connection_cookie(fd);
	c->entry = fdtable_new(c, closing_release);
	if (!c->entry) {
		settings_ref(settings);
		connection_free(c);
		return NULL;
	}
	return c;
}

struct connection *adopt(int fd, struct settings *settings, bool cloexec)
{
	struct connection *c = make(fd, settings);

	if (!c) {
		libc.close(fd);
		settings_put(settings);
		return NULL;
	}
	return adopt_number(fd, c->entry, cloexec) == fd ? c : NULL;
}

struct connection *adopt_open(int fd, struct settings *settings, bool cloexec)
{
	struct connection *c = make(fd, settings);

	if (!c) {
		settings_put(settings);
		return NULL;
	}
	if (fdtable_install(fd, c->entry, cloexec) < 0) {
		fdtable_put(c->entry);
		return NULL;
	}
	fdtable_put(c->entry);
	stdiofd_install(fd);
	return c;
}
