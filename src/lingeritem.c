/* SPDX-License-Identifier: MIT */
#include "lingeritem.h"

#include "input.h"
#include "libc.h"
#include "signals.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <time.h>

enum { MOST_DRAINED = 16 * 1024 }; /* tickets and key updates are less */

int64_t linger_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct linger_item linger_item(struct ownfd *own, int fd, struct buffer *rest, int64_t ms)
{
	struct linger_item item = {.own = own, .fd = fd, .end_ms = linger_now_ms() + ms};

	if (rest) {
		item.rest = *rest;
		*rest = (struct buffer){0};
	}
	return item;
}

int linger_item_fd(const struct linger_item *item)
{
	return item->own ? ownfd_number(item->own) : item->fd;
}

static void send_rest(struct linger_item *item)
{
	ssize_t n;

	if (item->rest.len == 0)
		return;
	n = libc.send(item->fd, buffer_head(&item->rest), item->rest.len,
		      MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0)
		buffer_consume(&item->rest, (size_t)n);
	else if (errno != EAGAIN && errno != EINTR)
		buffer_fini(&item->rest);
	if (item->rest.len == 0)
		libc.shutdown(item->fd, SHUT_WR);
}

bool linger_item_arrived(const struct linger_item *item)
{
	int unsent = 0;

	if (item->rest.len)
		return false;
	return libc.ioctl(item->fd, SIOCOUTQ, &unsent) < 0 || unsent == 0;
}

/*
 * True when the peer has ended its stream, or the connection is broken. Or if it goes on
 * sending data that nobody reads: a reset then tells it so, as it would over TCP.
 */
static bool drained_to_end(struct linger_item *item)
{
	for (int i = 0; i < 64; i++) {
		ssize_t n = input_drop(item->fd, 1 << 20);

		if (n == 0)
			return item->rest.len == 0;
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n < 0)
			return true;
		item->drained += (size_t)n;
	}
	return item->drained > MOST_DRAINED && linger_item_arrived(item);
}

/* Exit is waited for: how long depends on what the peer's kernel has. */
static void check_sent(struct linger_item *item)
{
	if (!item->sent && linger_item_arrived(item)) {
		item->sent = true;
		item->end_ms = linger_now_ms() + LINGER_SENT_MS;
	}
}

/* The number of one of our own is only known as long as it is held. */
static bool enter(struct linger_item *item)
{
	if (item->own)
		item->fd = ownfd_enter(item->own);
	return item->fd >= 0;
}

static void leave(const struct linger_item *item)
{
	if (item->own)
		ownfd_leave();
}

bool linger_item_step(struct linger_item *item, bool exiting)
{
	bool done;

	if (!enter(item))
		return true;
	send_rest(item);
	if (exiting)
		check_sent(item);
	done = drained_to_end(item) || linger_now_ms() >= item->end_ms;
	leave(item);
	return done;
}

static bool step_unsent(struct linger_item *item)
{
	bool unsent;

	if (linger_item_step(item, false) || !enter(item))
		return false;
	unsent = !linger_item_arrived(item);
	leave(item);
	return unsent;
}

/* False: a signal came. */
static bool tick(const struct linger_item *item)
{
	struct pollfd p = {.fd = linger_item_fd(item), .events = item->rest.len ? POLLOUT : 0};
	struct signals_wait signals;
	int r;

	r = signals_open(&signals) ? -1 : libc.poll(&p, 1, LINGER_TICK_MS);
	signals_close(&signals);
	return r >= 0;
}

void linger_item_wait(struct linger_item *item)
{
	while (step_unsent(item) && tick(item))
		;
}

void linger_item_flush(struct linger_item *item)
{
	struct pollfd room = {.events = POLLOUT};

	while (enter(item)) {
		send_rest(item);
		leave(item);
		if (!item->rest.len || linger_now_ms() >= item->end_ms)
			break;
		room.fd = linger_item_fd(item);
		libc.poll(&room, 1, LINGER_TICK_MS);
	}
	buffer_fini(&item->rest);
}
