/* SPDX-License-Identifier: MIT */
/* libuv's streams, on descriptors that it is given. */
#include "loop.h"

#include <stdlib.h>
#include <uv.h>

struct server {
	uv_tcp_t listener;
	unsigned int left;
};

/* A write under way, and what it writes. */
struct writing {
	uv_write_t request;
	char data[BLOCK];
};

static void check_uv(int r, const char *what)
{
	if (r == 0)
		return;
	check(r < 0, what);
	check(false, uv_strerror(r));
}

static void free_handle(uv_handle_t *handle)
{
	struct server *s = handle->data;

	free(handle);
	if (--s->left == 0)
		uv_close((uv_handle_t *)&s->listener, NULL);
}

static void on_echoed(uv_write_t *request, int status)
{
	check_uv(status, "write");
	free(request);
}

static void on_shut(uv_shutdown_t *request, int status)
{
	check_uv(status, "shutdown");
	uv_close((uv_handle_t *)request->handle, free_handle);
	free(request);
}

/* libuv reads straight into what is then written. */
static void give_block(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct writing *w = malloc(sizeof(*w));

	(void)handle;
	(void)suggested;
	check(w, "malloc");
	w->request.data = w;
	*buf = uv_buf_init(w->data, sizeof(w->data));
}

static struct writing *block_of(const uv_buf_t *buf)
{
	return buf->base ? (struct writing *)(void *)(buf->base - offsetof(struct writing, data))
			 : NULL;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct writing *w = block_of(buf);
	uv_buf_t data;

	if (n > 0) {
		data = uv_buf_init(w->data, (unsigned int)n);
		check_uv(uv_write(&w->request, stream, &data, 1, on_echoed), "uv_write");
		return;
	}
	free(w);
	if (n == UV_EOF) {
		uv_shutdown_t *request = malloc(sizeof(*request));

		check(request, "malloc");
		check_uv(uv_shutdown(request, stream, on_shut), "uv_shutdown");
	} else {
		check_uv((int)n, "read");
	}
}

static void on_client(uv_stream_t *listener, int status)
{
	uv_tcp_t *client = malloc(sizeof(*client));

	check_uv(status, "listener");
	check(client, "malloc");
	uv_tcp_init(listener->loop, client);
	client->data = listener->data;
	check_uv(uv_accept(listener, (uv_stream_t *)client), "uv_accept");
	check_uv(uv_read_start((uv_stream_t *)client, give_block, on_read), "uv_read_start");
}

void serve(int listener, unsigned int connections)
{
	struct server s = {.left = connections};
	uv_loop_t loop;

	uv_loop_init(&loop);
	uv_tcp_init(&loop, &s.listener);
	s.listener.data = &s;
	check_uv(uv_tcp_open(&s.listener, listener), "uv_tcp_open");
	check_uv(uv_listen((uv_stream_t *)&s.listener, 64, on_client), "uv_listen");
	uv_run(&loop, UV_RUN_DEFAULT);
	check_uv(uv_loop_close(&loop), "uv_loop_close");
}

static void on_half_closed(uv_shutdown_t *request, int status)
{
	(void)request;
	check_uv(status, "shutdown");
}

static void send_piece(uv_stream_t *stream);

static void on_sent(uv_write_t *request, int status)
{
	uv_stream_t *stream = request->handle;

	on_echoed(request, status);
	send_piece(stream);
}

static void send_piece(uv_stream_t *stream)
{
	static uv_shutdown_t shut;
	struct transfer *t = stream->data;
	struct writing *w = malloc(sizeof(*w));
	uv_buf_t piece;

	check(w, "malloc");
	piece = uv_buf_init(w->data, (unsigned int)transfer_piece(t, w->data));
	if (piece.len > 0) {
		t->sent += piece.len;
		check_uv(uv_write(&w->request, stream, &piece, 1, on_sent), "uv_write");
		return;
	}
	free(w);
	check_uv(uv_shutdown(&shut, stream, on_half_closed), "uv_shutdown");
}

static void on_echo(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	if (n > 0)
		transfer_received(stream->data, buf->base, (size_t)n);
	free(block_of(buf));
	if (n == UV_EOF)
		uv_close((uv_handle_t *)stream, NULL);
	else if (n < 0)
		check_uv((int)n, "read");
}

static void on_connected(uv_connect_t *request, int status)
{
	check_uv(status, "connect");
	check_uv(uv_read_start(request->handle, give_block, on_echo), "uv_read_start");
	send_piece(request->handle);
}

void run_client(int fd, const struct sockaddr_in *server, struct transfer *t)
{
	uv_connect_t request;
	uv_loop_t loop;
	uv_tcp_t tcp;

	uv_loop_init(&loop);
	uv_tcp_init(&loop, &tcp);
	tcp.data = t;
	check_uv(uv_tcp_open(&tcp, fd), "uv_tcp_open");
	check_uv(uv_tcp_connect(&request, &tcp, (const struct sockaddr *)server, on_connected),
		 "uv_tcp_connect");
	uv_run(&loop, UV_RUN_DEFAULT);
	check_uv(uv_loop_close(&loop), "uv_loop_close");
}
