/* SPDX-License-Identifier: MIT */
/* GLib: the server on GSocketService and asynchronous streams, the client on a GSource. */
#include "loop.h"

#include <gio/gio.h>

struct server {
	GMainLoop *loop;
	unsigned int left;
};

struct client {
	struct server *server;
	GSocketConnection *connection;
	char data[BLOCK];
};

static void check_glib(const GError *error)
{
	check(!error, error ? error->message : "");
}

static void read_next(struct client *c);

static void on_closed(GObject *stream, GAsyncResult *result, gpointer arg)
{
	struct client *c = arg;
	GError *error = NULL;

	g_io_stream_close_finish(G_IO_STREAM(stream), result, &error);
	check_glib(error);
	if (--c->server->left == 0)
		g_main_loop_quit(c->server->loop);
	g_object_unref(c->connection);
	g_free(c);
}

static void on_written(GObject *stream, GAsyncResult *result, gpointer arg)
{
	GError *error = NULL;

	g_output_stream_write_all_finish(G_OUTPUT_STREAM(stream), result, NULL, &error);
	check_glib(error);
	read_next(arg);
}

static void on_read(GObject *stream, GAsyncResult *result, gpointer arg)
{
	struct client *c = arg;
	GError *error = NULL;
	gssize n = g_input_stream_read_finish(G_INPUT_STREAM(stream), result, &error);

	check_glib(error);
	if (n == 0)
		g_io_stream_close_async(G_IO_STREAM(c->connection), G_PRIORITY_DEFAULT, NULL,
					on_closed, c);
	else
		g_output_stream_write_all_async(
			g_io_stream_get_output_stream(G_IO_STREAM(c->connection)), c->data,
			(gsize)n, G_PRIORITY_DEFAULT, NULL, on_written, c);
}

static void read_next(struct client *c)
{
	g_input_stream_read_async(g_io_stream_get_input_stream(G_IO_STREAM(c->connection)), c->data,
				  BLOCK, G_PRIORITY_DEFAULT, NULL, on_read, c);
}

static gboolean on_incoming(GSocketService *service, GSocketConnection *connection, GObject *source,
			    gpointer arg)
{
	struct client *c = g_new0(struct client, 1);

	(void)service;
	(void)source;
	c->server = arg;
	c->connection = g_object_ref(connection);
	read_next(c);
	return TRUE;
}

static GSocket *wrap(int fd)
{
	GError *error = NULL;
	GSocket *socket = g_socket_new_from_fd(fd, &error);

	check_glib(error);
	g_socket_set_blocking(socket, FALSE);
	return socket;
}

void serve(int listener, unsigned int connections)
{
	struct server s = {g_main_loop_new(NULL, FALSE), connections};
	GSocketService *service = g_socket_service_new();
	GSocket *socket = wrap(listener);
	GError *error = NULL;

	g_socket_listener_add_socket(G_SOCKET_LISTENER(service), socket, NULL, &error);
	check_glib(error);
	g_object_unref(socket);
	g_signal_connect(service, "incoming", G_CALLBACK(on_incoming), &s);
	g_main_loop_run(s.loop);
	g_socket_service_stop(service);
	g_object_unref(service);
	g_main_loop_unref(s.loop);
}

struct sender {
	GMainLoop *loop;
	struct transfer *t;
};

/* Returns false when there is nothing more to send. */
static bool send_piece(GSocket *socket, struct transfer *t)
{
	char piece[PIECE_MAX];
	size_t size = transfer_piece(t, piece);
	GError *error = NULL;
	gssize n = size > 0 ? g_socket_send(socket, piece, size, NULL, &error) : 0;

	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
		g_clear_error(&error);
	check_glib(error);
	t->sent += n > 0 ? (size_t)n : 0;
	if (t->sent < t->length)
		return true;
	g_socket_shutdown(socket, FALSE, TRUE, &error);
	check_glib(error);
	return false;
}

static gboolean on_socket(GSocket *socket, GIOCondition condition, gpointer arg);

static void watch(GSocket *socket, GIOCondition condition, struct sender *s)
{
	GSource *source = g_socket_create_source(socket, condition, NULL);

	g_source_set_callback(source, (GSourceFunc)(void (*)(void))on_socket, s, NULL);
	g_source_attach(source, NULL);
	g_source_unref(source);
}

/* Returns false at the end. */
static bool receive(GSocket *socket, struct transfer *t)
{
	GError *error = NULL;
	char data[BLOCK];
	gssize n = g_socket_receive(socket, data, sizeof(data), NULL, &error);

	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK)) {
		g_clear_error(&error);
		return true;
	}
	check_glib(error);
	transfer_received(t, data, (size_t)n);
	return n > 0;
}

static gboolean on_socket(GSocket *socket, GIOCondition condition, gpointer arg)
{
	struct sender *s = arg;
	GError *error = NULL;
	bool sends = true;

	if (s->t->sent == 0) {
		g_socket_check_connect_result(socket, &error);
		check_glib(error);
	}
	if ((condition & G_IO_IN) && !receive(socket, s->t)) {
		g_main_loop_quit(s->loop);
		return G_SOURCE_REMOVE;
	}
	if (condition & G_IO_OUT)
		sends = send_piece(socket, s->t);
	if (!sends)
		watch(socket, G_IO_IN, s);
	return sends ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

void run_client(int fd, const struct sockaddr_in *server, struct transfer *t)
{
	struct sender s = {g_main_loop_new(NULL, FALSE), t};
	gpointer native = g_memdup2(server, sizeof(*server));
	GSocketAddress *address = g_socket_address_new_from_native(native, sizeof(*server));
	GSocket *socket = wrap(fd);
	GError *error = NULL;

	check(!g_socket_connect(socket, address, NULL, &error) &&
		      g_error_matches(error, G_IO_ERROR, G_IO_ERROR_PENDING),
	      "connect should be in progress");
	g_clear_error(&error);
	watch(socket, G_IO_IN | G_IO_OUT, &s);
	g_main_loop_run(s.loop);
	g_socket_close(socket, &error);
	check_glib(error);
	g_object_unref(socket);
	g_object_unref(address);
	g_free(native);
	g_main_loop_unref(s.loop);
}
