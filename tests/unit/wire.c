/* SPDX-License-Identifier: MIT */
#include "wire.h"
#include "closing.h"
#include "cursor.h"
#include "handshake.h"
#include "input.h"
#include "prepare.h"
#include "receive.h"
#include "send.h"

#include <errno.h>
#include <string.h>

/* One at a time; not on the stack of a case, which a failure leaves. */
static struct wire wire;
static bool is_open;

struct wire *wire_start(const struct end_options *ours, const struct end_options *peers)
{
	struct wire *w = &wire;

	wire_close();
	*w = (struct wire){.rng = rng_seed(0), .peer_result = -EAGAIN};
	kernel_start();
	kernel.wait = wire_wait;
	kernel.arg = w;
	is_open = true;
	assert_int_equal(owner_process_init(), 0);
	w->c = connection_new(end_settings(ours));
	w->entry = fdtable_new(w->c, closing_release);
	w->c->entry = w->entry;
	assert_int_equal(fdtable_install(KERNEL_FD, w->entry, true), 0);
	end_open(&w->peer, peers);
	if (!ours->server) {
		assert_int_equal(prepare_connect(w->c, ours->name, NULL, NULL), 0);
		end_only_version(w->c->engine, ours->version);
	}
	handshake_begin(w->c, KERNEL_FD, ours->server);
	if (!peers->server)
		assert_int_equal(end_handshake(&w->peer), -EAGAIN);
	return w;
}

static void step_peer(struct wire *w)
{
	if (w->peer_result == -EAGAIN)
		w->peer_result = end_handshake(&w->peer);
}

struct wire *wire_open(int version, bool server, uint64_t seed)
{
	const struct end_options client = end_client(version), ours = end_server(version);
	struct wire *w = wire_start(server ? &ours : &client, server ? &client : &ours);
	int r;

	w->rng = rng_seed(seed);
	assert_int_equal(connection_lock(w->c), 0);
	r = handshake_run(w->c, KERNEL_FD, false, -1);
	connection_unlock(w->c);
	if (r < 0)
		fail_msg("handshake: %s", w->c->error_text);
	wire_fetch(w, SIZE_MAX);
	step_peer(w);
	assert_int_equal(w->peer_result, 0);
	wire_arrive_all(w);
	return w;
}

void wire_close(void)
{
	if (!is_open)
		return;
	is_open = false;
	fdtable_put(fdtable_remove(KERNEL_FD));
	fdtable_put(wire.entry);
	end_close(&wire.peer);
	kernel_stop();
}

int wire_teardown(void **state)
{
	wire_close();
	return unit_teardown(state);
}

bool wire_arrive(struct wire *w)
{
	struct buffer *out = engine_output(w->peer.engine);
	size_t n = out->len, most = w->segment && w->segment < n ? w->segment : n;

	if (n == 0 || w->stop)
		return false;
	n = w->segment ? rng_range(&w->rng, 1, most) : n;
	kernel_arrive(buffer_head(out), n);
	buffer_consume(out, n);
	return true;
}

void wire_arrive_all(struct wire *w)
{
	while (wire_arrive(w))
		;
}

size_t wire_fetch(struct wire *w, size_t max)
{
	static uint8_t bytes[1 << 16];
	size_t done = 0, n;

	while (done < max &&
	       (n = kernel_fetch(bytes, max - done < sizeof(bytes) ? max - done : sizeof(bytes)))) {
		end_arrive(&w->peer, bytes, n);
		done += n;
	}
	return done;
}

bool wire_wait(void *arg)
{
	struct wire *w = arg;
	bool moved = wire_fetch(w, SIZE_MAX) > 0;

	if (moved)
		step_peer(w);
	return wire_arrive(w) || moved;
}

ssize_t wire_receive(struct wire *w, void *buf, size_t n, int flags)
{
	const struct iovec iov = {buf, n};
	struct cursor cur;

	assert_int_equal(cursor_init(&cur, &iov, 1), 0);
	kernel.seen_empty = false;
	kernel.calls = 0;
	return connection_receive(w->c, KERNEL_FD, &cur, flags);
}

ssize_t wire_send(struct wire *w, const void *buf, size_t n, int flags)
{
	struct iovec iov = {.iov_len = n};
	struct cursor cur;

	memcpy(&iov.iov_base, &buf, sizeof(buf));
	assert_int_equal(cursor_init(&cur, &iov, 1), 0);
	kernel.calls = 0;
	return connection_send(w->c, KERNEL_FD, &cur, flags);
}

void wire_check(const struct wire *w)
{
	bool waits = w->c->engine && (engine_pending(w->c->engine) > 0 || input_record(w->c) > 0);

	if (w->c->state != STATE_OPEN)
		return;
	if (waits && (w->c->in_kernel == 0 || kernel.rx.len == 0))
		fail_msg("%zu bytes of plaintext and a record of %zu wait behind an empty queue",
			 engine_pending(w->c->engine), input_record(w->c));
	if (!waits && w->c->in_kernel > 0)
		fail_msg("nothing waits, and %zu bytes of it are in the queue", w->c->in_kernel);
	if (!waits && kernel.seen_empty && kernel.rx.len > kernel.late)
		fail_msg(
			"nothing waits, and of what came before the queue was seen empty %zu bytes "
			"are in it",
			kernel.rx.len - kernel.late);
	/* Memory only while it is needed. */
	if (w->c->in.len == 0)
		assert_null(w->c->in.data);
}
