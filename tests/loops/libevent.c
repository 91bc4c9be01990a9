/* SPDX-License-Identifier: MIT */
/* libevent's evconnlistener and bufferevents. */
#include "loop.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

struct server {
	struct event_base *base;
	unsigned int left;
};

static void check_events(short what)
{
	if (what & BEV_EVENT_ERROR)
		fail("bufferevent");
	check(!(what & BEV_EVENT_TIMEOUT), "bufferevent: timeout");
}

static void on_input(struct bufferevent *bev, void *arg)
{
	(void)arg;
	bufferevent_write_buffer(bev, bufferevent_get_input(bev));
}

static void end_client(struct bufferevent *bev, void *arg)
{
	struct server *s = arg;

	bufferevent_free(bev);
	if (--s->left == 0)
		event_base_loopbreak(s->base);
}

static void on_end(struct bufferevent *bev, short what, void *arg)
{
	check_events(what);
	if (evbuffer_get_length(bufferevent_get_output(bev)) == 0)
		end_client(bev, arg);
	else
		bufferevent_setcb(bev, NULL, end_client, on_end, arg);
}

static void on_client(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *sa,
		      int len, void *arg)
{
	struct server *s = arg;
	struct bufferevent *bev = bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);

	(void)listener;
	(void)sa;
	(void)len;
	bufferevent_setcb(bev, on_input, NULL, on_end, s);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
}

void serve(int listener, unsigned int connections)
{
	struct server s = {event_base_new(), connections};
	struct evconnlistener *l =
		evconnlistener_new(s.base, on_client, &s, LEV_OPT_CLOSE_ON_FREE, 0, listener);

	check(l, "evconnlistener_new");
	event_base_dispatch(s.base);
	evconnlistener_free(l);
	event_base_free(s.base);
}

static void on_echo(struct bufferevent *bev, void *arg)
{
	char data[BLOCK];
	size_t n;

	while ((n = bufferevent_read(bev, data, sizeof(data))) > 0)
		transfer_received(arg, data, n);
}

/* The output is empty: libevent calls this also when it just has become so. */
static void on_room(struct bufferevent *bev, void *arg)
{
	struct transfer *t = arg;
	char piece[PIECE_MAX];
	size_t n = transfer_piece(t, piece);

	if (n > 0) {
		t->sent += n;
		bufferevent_write(bev, piece, n);
		return;
	}
	bufferevent_disable(bev, EV_WRITE);
	if (shutdown(bufferevent_getfd(bev), SHUT_WR) < 0)
		fail("shutdown");
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	check_events(what);
	if (what & BEV_EVENT_CONNECTED)
		on_room(bev, arg);
	if (what & BEV_EVENT_EOF)
		event_base_loopbreak(bufferevent_get_base(bev));
}

void run_client(int fd, const struct sockaddr_in *server, struct transfer *t)
{
	struct event_base *base = event_base_new();
	struct bufferevent *bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);

	bufferevent_setcb(bev, on_echo, on_room, on_event, t);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
	if (bufferevent_socket_connect(bev, (const struct sockaddr *)server, sizeof(*server)) < 0)
		fail("bufferevent_socket_connect");
	event_base_dispatch(base);
	bufferevent_free(bev);
	event_base_free(base);
}
