/* SPDX-License-Identifier: MIT */
#include "handoff.h"

#include "closing.h"
#include "connection.h"
#include "libc.h"
#include "log.h"
#include "ownfd.h"
#include "sharing.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>

enum {
	PLACES = 32, /* numbers an invocation of itself, on a stack that may be a handler's */
	SHOWN = 16,  /* numbers in a line of the log */
};

struct place {
	int fd;
	int kept; /* the socket meanwhile */
};

struct handoff {
	int dead;
	int (*exec)(void *arg);
	void *arg;
	int death_signal;
	bool apart;
	int result;
};

bool handoff_child(void)
{
	return owner_in_vfork_child() || owner_orphaned();
}

/*
 * A stream socket, so that programs which are started with one as their standard
 * streams see that they have one, and that its peer is gone. Where there is one number
 * left, one that never had a peer: it cannot have one of another family either.
 */
int handoff_dead_end(void)
{
	const int type = SOCK_STREAM | SOCK_CLOEXEC;
	int ends[2];

	if (libc.socketpair(AF_UNIX, type, 0, ends) == 0)
		libc.close(ends[1]);
	else if (errno == EMFILE)
		ends[0] = libc.socket(AF_UNIX, type, 0);
	else
		ends[0] = -1;
	return ends[0] < 0 ? -errno : ends[0];
}

static int set_cloexec(int fd, bool on)
{
	return libc.fcntl64(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? -errno : fd;
}

int handoff_dead_end_at(int to, bool cloexec)
{
	int dead = handoff_dead_end(), r;

	/* None is free: then it is made where it is to be. The child is alone. */
	if (dead == -EMFILE && fdtable_below_limit(to)) {
		libc.close(to);
		dead = handoff_dead_end();
	}
	if (dead < 0)
		return dead;
	if (dead == to)
		return set_cloexec(to, cloexec);
	r = libc.dup3(dead, to, cloexec ? O_CLOEXEC : 0);
	r = r < 0 ? -errno : to;
	libc.close(dead);
	return r;
}

int handoff_dead_end_from(int min, bool cloexec)
{
	int dead = handoff_dead_end(), r;

	if (dead < 0)
		return dead;
	if (dead >= min)
		return set_cloexec(dead, cloexec);
	r = libc.fcntl64(dead, cloexec ? F_DUPFD_CLOEXEC : F_DUPFD, min);
	r = r < 0 ? -errno : r;
	libc.close(dead);
	return r;
}

bool handoff_concerns(int fd, const struct entry *e)
{
	return e && e->object && !fdtable_cloexec(fd) && connection_is(e->object, fd);
}

/* Like fdtable_next(), of those that are to be dead ends. */
static int next_concerned(int fd)
{
	for (fd = fdtable_next(fd); fd >= 0; fd = fdtable_next(fd + 1)) {
		struct entry *e = fdtable_get(fd);
		bool concerned = handoff_concerns(fd, e);

		fdtable_put(e);
		if (concerned)
			break;
	}
	return fd;
}

void handoff_report(const char *program)
{
	int fd = next_concerned(0);
	char numbers[SHOWN * 8] = "";
	size_t len = 0, n = 0;

	if (fd < 0)
		return;
	for (; fd >= 0; fd = next_concerned(fd + 1), n++)
		if (n < SHOWN)
			len += (size_t)snprintf(numbers + len, sizeof(numbers) - len, "%s%d",
						n ? ", " : "", fd);
	log_line(LEVEL_ERROR,
		 "exec of %s: a TLS session cannot be handed to another program, which finds "
		 "nothing "
		 "to read or write: descriptor %s%s",
		 program, numbers, n > SHOWN ? ", ..." : "");
}

/* A number that is a dead end until exec has failed; over the limit, closed by it. */
static int take_place(int dead, int fd, struct place *p)
{
	*p = (struct place){fd, -1};
	if (!fdtable_below_limit(fd))
		return 0;
	p->kept = ownfd_high_dup(fd);
	if (p->kept < 0)
		return p->kept;
	return libc.dup2(dead, fd) < 0 ? -errno : 0;
}

static void put_back(const struct place *p)
{
	if (p->kept < 0)
		return;
	libc.dup3(p->kept, p->fd, O_CLOEXEC);
	libc.close(p->kept);
}

struct places {
	struct place all[PLACES];
	int n;
};

static void put_all_back(void *arg)
{
	struct places *p = arg;

	signals_hold();
	while (p->n > 0)
		put_back(&p->all[--p->n]);
	signals_let();
}

/* The new program inherits the mask: exec is called with signals let through. */
static int exec_open(const struct handoff *h)
{
	struct signals_wait signals;
	int r;

	(void)signals_open(&signals);
	r = h->exec(h->arg);
	signals_close(&signals);
	return r;
}

static int exec_alone(const struct handoff *h, int fd)
{
	struct places places = {.n = 0};
	int r = 0;

	CLEANUP_PUSH(put_all_back, &places);
	signals_hold();
	for (; fd >= 0 && places.n < PLACES && r == 0; fd = next_concerned(fd + 1))
		r = take_place(h->dead, fd, &places.all[places.n++]);
	if (r == 0)
		r = fd >= 0 ? exec_alone(h, fd) : exec_open(h);
	signals_let();
	CLEANUP_POP(1);
	return r;
}

/* A copy of the descriptors for this thread. Containers forbid the one call or the other. */
static bool get_own_descriptors(void)
{
	return libc.close_range(UINT_MAX, UINT_MAX, CLOSE_RANGE_UNSHARE) == 0 ||
	       libc.unshare(CLONE_FILES) == 0;
}

/*
 * In descriptors of our own. A number over the limit stays closed after exec, and nobody
 * else can get it.
 */
static int place_apart(int *dead, int fd)
{
	if (*dead < 0 || !fdtable_below_limit(fd))
		libc.close(fd);
	if (!fdtable_below_limit(fd))
		return 0;
	if (*dead < 0)
		*dead = handoff_dead_end();
	if (*dead == fd)
		return set_cloexec(fd, false);
	return *dead < 0 ? *dead : libc.dup2(*dead, fd) < 0 ? -errno : 0;
}

/* With descriptors of its own, which are gone with the thread or process if exec fails. */
static int exec_apart(const struct handoff *h, int fd)
{
	int dead = h->dead, r = 0;

	for (; fd >= 0 && r >= 0; fd = next_concerned(fd + 1))
		r = place_apart(&dead, fd);
	return r < 0 ? r : h->exec(h->arg);
}

static void *run_apart(void *arg)
{
	struct handoff *h = arg;

	h->apart = get_own_descriptors();
	if (!h->apart)
		return NULL;
	/* Kept by exec, but not by a new thread. */
	prctl(PR_SET_PDEATHSIG, h->death_signal);
	h->result = exec_apart(h, next_concerned(0));
	return NULL;
}

/*
 * Other threads go on with the sockets until exec has succeeded: so a thread calls it
 * that has a copy of the descriptors. Any thread may, the process remains the same. Nor
 * does it need descriptors to put back what was there.
 */
static int exec_among_threads(struct handoff *h, int fd)
{
	pthread_t thread;
	int state;

	prctl(PR_GET_PDEATHSIG, &h->death_signal);
	if (pthread_create(&thread, NULL, run_apart, h) == 0) {
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
		pthread_join(thread, NULL);
		pthread_setcancelstate(state, NULL);
	}
	if (h->apart)
		return h->result;
	return h->dead < 0 ? h->dead : exec_alone(h, fd);
}

int handoff_exec(const char *program, int (*exec)(void *arg), void *arg)
{
	struct handoff h = {.exec = exec, .arg = arg};
	int fd, r;

	if (!handoff_child())
		closing_before_exec();
	fd = next_concerned(0);
	if (fd < 0)
		return exec(arg);
	handoff_report(program);
	h.dead = handoff_dead_end();
	if (handoff_child())
		/* Some share their parent's until exec. */
		r = get_own_descriptors() || h.dead >= 0 ? exec_apart(&h, fd) : h.dead;
	else
		r = h.dead >= 0 && sharing_alone() ? exec_alone(&h, fd) : -EMFILE;
	if (r == -EMFILE && !handoff_child())
		r = exec_among_threads(&h, fd);
	if (h.dead >= 0)
		libc.close(h.dead);
	return r;
}
