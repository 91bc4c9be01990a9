/* SPDX-License-Identifier: MIT */
/*
 * Throughput: the client sends for as long as it is told, the server receives.
 */
#include "common.h"
#include "measure.h"

#include <stdlib.h>

/* Sent before anything is counted: handshake, first allocations, TCP's windows. */
#define WARM_UP_BYTES (4u << 20)
/* The clock is read once in so many bytes, for it costs as much as a small send. */
#define CLOCK_BYTES (256u << 10)

static char *new_buffer(unsigned int size)
{
	char *buffer = calloc(1, size);

	if (!buffer)
		die_errno("calloc");
	return buffer;
}

/* Sends at least so many bytes; returns how many. */
static size_t send_some(struct link *link, const char *data, size_t write_bytes, size_t least)
{
	size_t sent;

	for (sent = 0; sent < least; sent += write_bytes)
		contender.send(link, data, write_bytes);
	return sent;
}

static void bulk_client(const struct setting *setting, in_port_t port)
{
	char *data = new_buffer(setting->write_bytes);
	struct link link;
	double end, cpu;
	size_t sent = 0;

	link_connect(&link, port, true);
	send_some(&link, data, setting->write_bytes, WARM_UP_BYTES);
	cpu = cpu_seconds();
	end = now_seconds() + setting->seconds;
	while (now_seconds() < end)
		sent += send_some(&link, data, setting->write_bytes, CLOCK_BYTES);
	emit("sender_cpu", (cpu_seconds() - cpu) / ((double)sent / 1e9));
	link_close(&link);
	free(data);
}

static void bulk_server(const struct setting *setting, int listener)
{
	char *data = new_buffer(setting->read_bytes);
	size_t got, early = 0, received = 0;
	struct link link;
	double begin, cpu;

	link_accept(&link, listener, true);
	while (early < WARM_UP_BYTES) {
		got = contender.receive(&link, data, setting->read_bytes);
		if (got == 0)
			die("the sender ended during the warm-up");
		early += got;
	}
	begin = now_seconds();
	cpu = cpu_seconds();
	while ((got = contender.receive(&link, data, setting->read_bytes)) > 0)
		received += got;
	emit("receiver_cpu", (cpu_seconds() - cpu) / ((double)received / 1e9));
	emit("throughput", (double)received / 1e6 / (now_seconds() - begin));
	link_close(&link);
	free(data);
}

const struct measure bulk = {"bulk", bulk_client, bulk_server};
