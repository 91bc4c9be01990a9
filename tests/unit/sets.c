/* SPDX-License-Identifier: MIT */
#include "sets.h"
#include "alloc.h"
#include "closing.h"
#include "epolls.h"
#include "inject.h"
#include "sockets.h"
#include "unit.h"
#include "watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <tlssock.h>
#include <unistd.h>

enum { MOST = 8 }; /* members of a case */

static long live_before;

/* The table keeps these for good. */
static void make_entries(void)
{
	struct entry *entries[MOST];

	for (size_t i = 0; i < COUNT(entries); i++)
		entries[i] = fdtable_new(NULL, NULL);
	for (size_t i = 0; i < COUNT(entries); i++)
		fdtable_put(entries[i]);
}

int sets_setup(void **state)
{
	assert_int_equal(owner_process_init(), 0);
	make_entries();
	live_before = alloc_live();
	return unit_setup(state);
}

int sets_teardown(void **state)
{
	if (watch_any() || alloc_live() != live_before) {
		print_message("# %ld pieces of memory more than before\n",
			      alloc_live() - live_before);
		return -1;
	}
	return unit_teardown(state);
}

void member_open(struct member *m, enum connection_state state)
{
	int pair[2];

	assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
	m->fd = pair[0];
	m->other = pair[1];
	m->c = connection_new(settings_new(IPPROTO_TLS));
	assert_non_null(m->c);
	m->c->entry = fdtable_new(m->c, closing_release);
	assert_int_equal(fdtable_install(m->fd, m->c->entry, true), 0);
	fdtable_put(m->c->entry);
	m->c->state = state;
	m->c->driving = state == STATE_HANDSHAKE;
}

void member_close(struct member *m)
{
	m->c->driving = 0;
	assert_int_equal(sockets_close(m->fd), 0);
	if (m->other >= 0)
		close(m->other);
}

int member_dup(const struct member *m)
{
	int fd = sockets_dup(fdtable_get(m->fd), m->fd, 0, true);

	assert_true(fd >= 0);
	return fd;
}

void member_done(struct member *m)
{
	assert_int_equal(connection_lock(m->c), 0);
	m->c->state = STATE_LISTENING;
	m->c->driving = 0;
	watch_end(m->c);
	connection_unlock(m->c);
}

static char bytes[65536];

void member_fill(const struct member *m)
{
	while (write(m->fd, bytes, sizeof(bytes)) > 0)
		;
}

void member_empty(const struct member *m)
{
	while (read(m->other, bytes, sizeof(bytes)) > 0)
		;
}

int member_ctl(const struct member *m, int epfd, int op, uint32_t events, uint64_t data)
{
	struct epoll_event event = {.events = events, .data.u64 = data};
	int r;

	inject_here(true);
	r = epolls_ctl(fdtable_get(m->fd), epfd, op, m->fd, &event);
	inject_here(false);
	return r;
}

bool set_has(int epfd, int fd, struct epoll_event *event)
{
	char path[64], line[256];
	bool found = false;
	uint64_t data;
	uint32_t events;
	FILE *f;
	int tfd;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", epfd);
	f = fopen(path, "re");
	assert_non_null(f);
	while (!found && fgets(line, sizeof(line), f))
		found = sscanf(line, "tfd: %d events: %" SCNx32 " data: %" SCNx64, &tfd, &events,
			       &data) == 3 &&
			tfd == fd;
	fclose(f);
	if (found)
		*event = (struct epoll_event){.events = events, .data.u64 = data};
	return found;
}

void set_check(int epfd, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event;

	assert_true(set_has(epfd, fd, &event));
	assert_int_equal(event.events, events | EPOLLERR | EPOLLHUP);
	assert_int_equal(event.data.u64, data);
}

int set_known(int epfd, uint64_t data)
{
	const struct epoll_event event = {.data.u64 = data};
	struct watch_matches m;

	watch_find(epfd, &event, 1, &m);
	watch_found(&m);
	return m.n;
}
