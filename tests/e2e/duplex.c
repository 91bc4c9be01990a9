/* SPDX-License-Identifier: MIT */
/*
 * A client that sends a stream and reads its echo at the same time, with buffers of 1,
 * 1,400 and 65,536 bytes at either end: nothing stands still, every byte is the right
 * one, and both streams end with close_notify.
 *
 * TLSSOCK_TEST_BYTES is how many bytes are sent (1073741824 is 1 GB); the kernel's
 * send buffers are then of their usual size, and what was measured is printed.
 * TLSSOCK_TEST_CASE picks the cases, by a pattern with * and ? for their titles.
 */
#include "duplexend.h"
#include "peer.h"
#include "trace.h"

#include <inttypes.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

/* A deadlock is when no byte is moved for so long. */
enum { PATIENCE_MS = 60000 };

/*
 * A send buffer that few bytes fill. A receive buffer so small makes TCP itself stand
 * still for minutes, as it drops what it had promised to take.
 */
enum { SMALL = 8192 };

struct row {
	const char *peer; /* a native one, or NULL */
	bool server;	  /* our part in it */
	enum style style;
	size_t client_buffer, server_buffer;
	char title[128];
};

struct talk {
	const struct row *row;
	int protocol;
	uint64_t bytes;
	struct end ends[2];
	size_t count;
	struct native_peer native;
};

static const char *protocol_name(const struct talk *talk)
{
	if (talk->protocol == IPPROTO_TCP)
		return "TCP";
	return test_version() == TLS_1_2 ? "TLS 1.2" : "TLS 1.3";
}

static void print_end(const struct talk *talk, const struct end *end)
{
	const struct duplex *d = &end->duplex;

	print_message("# %s, %s: %s: %" PRIu64 " sent, %" PRIu64 " received of %" PRIu64
		      ", %s, %s: %s\n",
		      talk->row->title, protocol_name(talk), d->echo ? "server" : "client",
		      (uint64_t)d->sent, (uint64_t)d->received, talk->bytes,
		      d->closed ? "closed" : "open", d->ended ? "ended" : "not ended",
		      end->wrong ? end->wrong : "nothing wrong");
}

/* The threads cannot be told to stop: a core shows where they are. */
static void standstill(struct talk *talk)
{
	print_message("# a standstill of %d s\n", PATIENCE_MS / 1000);
	for (size_t i = 0; i < talk->count; i++)
		print_end(talk, &talk->ends[i]);
	fflush(NULL);
	if (talk->native.proc.pid)
		print_message("# %s: %s\n", talk->row->peer,
			      proc_line(&talk->native.proc, "duplex "));
	fflush(NULL);
	abort();
}

static uint64_t moved_by(const struct talk *talk)
{
	uint64_t moved = 0;

	for (size_t i = 0; i < talk->count; i++)
		moved += talk->ends[i].duplex.sent + talk->ends[i].duplex.received;
	return moved;
}

static void join(struct talk *talk, pthread_t thread)
{
	uint64_t before = 0;
	int64_t since = test_now_ms();
	struct timespec soon;

	do {
		uint64_t moved = moved_by(talk);

		if (moved != before)
			since = test_now_ms();
		before = moved;
		if (test_now_ms() - since > PATIENCE_MS)
			standstill(talk);
		clock_gettime(CLOCK_REALTIME, &soon);
		soon.tv_sec++;
	} while (pthread_timedjoin_np(thread, NULL, &soon) == ETIMEDOUT);
}

static void finish(struct talk *talk)
{
	for (size_t i = 0; i < talk->count; i++) {
		join(talk, talk->ends[i].threads[0]);
		if (talk->ends[i].style == BY_THREADS)
			join(talk, talk->ends[i].threads[1]);
	}
}

static void check_end(struct talk *talk, struct end *end)
{
	if (end->wrong) {
		for (size_t i = 0; i < talk->count; i++)
			print_end(talk, &talk->ends[i]);
		fail_msg("%s: %s", end->wrong, strerror(end->error));
	}
	assert_int_equal(end->duplex.sent, talk->bytes);
	assert_int_equal(end->duplex.received, talk->bytes);
	assert_int_equal(recv(end->fd, end->in, 1, 0), 0); /* it stays at the end */
	if (end->style == BY_POLL)
		assert_int_equal(end->vain, 0);
	end_fini(end);
}

static void run(struct talk *talk)
{
	for (size_t i = 0; i < talk->count; i++)
		end_start(&talk->ends[i]);
	finish(talk);
	for (size_t i = 0; i < talk->count; i++)
		check_end(talk, &talk->ends[i]);
}

static void add_end(struct talk *talk, int fd, bool server)
{
	const struct row *row = talk->row;
	struct end *end = &talk->ends[talk->count++];

	end_init(end, fd, row->style);
	end->duplex.echo = server;
	end->duplex.total = talk->bytes;
	end->duplex.buffer = server ? row->server_buffer : row->client_buffer;
	assert_ok(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)));
	if (!getenv("TLSSOCK_TEST_BYTES"))
		assert_ok(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){SMALL}, sizeof(int)));
}

static void with_ours(struct talk *talk)
{
	struct link link;

	link_open(&link, talk->protocol, AF_INET);
	add_end(talk, link.client, false);
	add_end(talk, link.server, true);
	run(talk);
	link_close(&link);
}

static const char *decimal(uint64_t n)
{
	static char ring[4][24];
	static size_t next;
	char *text = ring[next++ % COUNT(ring)];

	snprintf(text, sizeof(ring[0]), "%" PRIu64, n);
	return text;
}

/* Check what the native peer says of itself. */
static void finish_native(struct talk *talk)
{
	char expected[128];
	char *line = proc_line(&talk->native.proc, "duplex ");

	snprintf(expected, sizeof(expected),
		 "duplex sent=%" PRIu64 " received=%" PRIu64 " end=close_notify", talk->bytes,
		 talk->bytes);
	assert_string_equal(line, expected);
	free(line);
	assert_int_equal(proc_finish(&talk->native.proc), 0);
}

static void with_native(struct talk *talk)
{
	const struct row *row = talk->row;
	const char *version = test_version() == TLS_1_2 ? "1.2" : "1.3";
	uint16_t port;
	int listener, fd;

	if (row->server) {
		listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port);
		peer_connect(&talk->native, row->peer, AF_INET, port, "--mode", "duplex",
			     "--version", version, "--bytes", decimal(talk->bytes), "--buffer",
			     decimal(row->client_buffer), NULL);
		fd = (int)assert_ok(accept(listener, NULL, NULL));
		assert_ok(close(listener));
	} else {
		peer_listen(&talk->native, row->peer, AF_INET, "good", "--mode", "duplex",
			    "--version", version, "--connections", "1", "--buffer",
			    decimal(row->server_buffer), NULL);
		fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
		assert_ok(tls_connect(fd, AF_INET, talk->native.port));
	}
	assert_int_equal(tls_get_int(fd, TLS_CHOSEN_VERSION), test_version());
	add_end(talk, fd, row->server);
	run(talk);
	assert_ok(close(fd));
	finish_native(talk);
}

static void report(const struct talk *talk, int64_t ms)
{
	print_message("# %s, %s: %" PRIu64 " bytes each way, %" PRId64 ".%03d s", talk->row->title,
		      protocol_name(talk), talk->bytes, ms / 1000, (int)(ms % 1000));
	for (size_t i = 0; i < talk->count; i++)
		print_message("; %" PRIu64 " calls, %" PRIu64 " in vain", talk->ends[i].calls,
			      talk->ends[i].vain);
	print_message("\n");
	fflush(NULL);
}

static void converse(const struct row *row, int protocol, uint64_t bytes)
{
	struct talk *talk = calloc(1, sizeof(*talk));
	int64_t began = test_now_ms();

	talk->row = row;
	talk->bytes = bytes;
	talk->protocol = protocol;
	if (row->peer)
		with_native(talk);
	else
		with_ours(talk);
	if (getenv("TLSSOCK_TEST_BYTES"))
		report(talk, test_now_ms() - began);
	free(talk);
}

/* A byte by itself is a record by itself. */
static uint64_t usual_bytes(const struct row *row)
{
	size_t smaller =
		row->client_buffer < row->server_buffer ? row->client_buffer : row->server_buffer;

	return smaller == 1 ? 1000 : smaller == 1400 ? 600000 : 1000000;
}

static void echo(void **state)
{
	const struct row *row = *state;
	const char *bytes = getenv("TLSSOCK_TEST_BYTES");

	if (!row->peer)
		converse(row, IPPROTO_TCP, usual_bytes(row));
	converse(row, IPPROTO_TLS, bytes ? strtoull(bytes, NULL, 10) : usual_bytes(row));
}

static void name_row(struct row *row)
{
	static const char *const styles[] = {"poll", "the kernel's poll", "threads"};

	snprintf(row->title, sizeof(row->title), "%s with %s, %s: client %zu, server %zu",
		 row->server ? "server" : "client", row->peer ? row->peer : "our server",
		 styles[row->style], row->client_buffer, row->server_buffer);
}

/* Every pair of buffers; with GnuTLS, which is under our own end too, a few will do. */
static size_t make_rows(struct row rows[])
{
	static const size_t buffers[] = {1, 1400, 65536};
	static const struct {
		const char *peer;
		bool server;
	} partners[] = {{NULL, false},
			{"openssl-peer", false},
			{"openssl-peer", true},
			{"gnutls-peer", false},
			{"gnutls-peer", true}};
	size_t n = 0;

	for (size_t i = 0; i < COUNT(partners) * STYLES * 9; i++) {
		struct row row = {.peer = partners[i / 9 / STYLES].peer,
				  .server = partners[i / 9 / STYLES].server,
				  .style = (enum style)(i / 9 % STYLES),
				  .client_buffer = buffers[i / 3 % 3],
				  .server_buffer = buffers[i % 3]};

		if (i / 9 / STYLES > 2 &&
		    (row.client_buffer != row.server_buffer || row.style == BY_KERNEL_POLL))
			continue;
		name_row(&row);
		rows[n++] = row;
	}
	return n;
}

int main(void)
{
	static struct row rows[5 * STYLES * 9];
	struct CMUnitTest tests[COUNT(rows)];
	const char *picked = getenv("TLSSOCK_TEST_CASE");
	size_t n = make_rows(rows);

	for (size_t i = 0; i < n; i++)
		tests[i] = ROW_CASE(rows[i].title, echo, &rows[i]);
	if (picked)
		cmocka_set_test_filter(picked);
	return compare_main("duplex", NULL, 0, tests, n);
}
