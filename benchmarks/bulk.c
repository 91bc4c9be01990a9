/* SPDX-License-Identifier: MIT */
/*
 * Throughput: the client sends for as long as it is told, the server receives. Over one
 * connection, or over many that the client serves in turn and the server as they are ready.
 */
#include "common.h"
#include "measure.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Sent before anything is counted: handshake, first allocations, TCP's windows. */
#define WARM_UP_BYTES (4u << 20)
/* The clock is read once in so many bytes, for it costs as much as a small send. */
#define CLOCK_BYTES (256u << 10)

enum { EVENTS = 64 };

struct ends {
	struct link *links;
	unsigned int count, open, next;
	int set; /* the server's, where there are many */
	char *data;
};

static void ends_init(struct ends *ends, const struct setting *setting, unsigned int bytes)
{
	*ends = (struct ends){.count = setting->connections, .open = setting->connections};
	ends->links = calloc(ends->count, sizeof(*ends->links));
	ends->data = calloc(1, bytes);
	ends->set = epoll_create1(EPOLL_CLOEXEC);
	if (!ends->links || !ends->data || ends->set < 0)
		die_errno("bulk");
}

static void ends_fini(struct ends *ends)
{
	close(ends->set);
	free(ends->data);
	free(ends->links);
}

/* Sends at least so many bytes; returns how many. */
static size_t send_some(struct ends *ends, size_t write_bytes, size_t least)
{
	size_t sent;

	for (sent = 0; sent < least; sent += write_bytes)
		contender.send(&ends->links[ends->next++ % ends->count], ends->data, write_bytes);
	return sent;
}

static void bulk_client(const struct setting *setting, in_port_t port)
{
	struct ends ends;
	double end, cpu;
	size_t sent = 0;

	ends_init(&ends, setting, setting->write_bytes);
	for (unsigned int i = 0; i < ends.count; i++) {
		link_connect(&ends.links[i], port, true);
		contender.send(&ends.links[i], ends.data, 1);
		link_receive_all(&ends.links[i], ends.data, 1);
	}
	send_some(&ends, setting->write_bytes, WARM_UP_BYTES);
	cpu = cpu_seconds();
	end = now_seconds() + setting->seconds;
	/* On a busy machine the time may be over before anything was sent. */
	while (sent < WARM_UP_BYTES || now_seconds() < end)
		sent += send_some(&ends, setting->write_bytes, CLOCK_BYTES);
	emit("sender_cpu", (cpu_seconds() - cpu) / ((double)sent / 1e9));
	for (unsigned int i = 0; i < ends.count; i++)
		(setting->connect_port ? link_close_last : link_close)(&ends.links[i]);
	ends_fini(&ends);
}

/* What one call gives, of the connection; 0: it has ended. */
static size_t take(struct ends *ends, struct link *link, size_t room)
{
	size_t got = contender.receive(link, ends->data, room);

	if (got > 0)
		return got;
	if (ends->count > 1)
		epoll_ctl(ends->set, EPOLL_CTL_DEL, link->fd, NULL);
	link_close(link);
	ends->open--;
	return 0;
}

/* The next bytes of any; 0: all have ended. */
static size_t receive_some(struct ends *ends, size_t room)
{
	struct epoll_event events[EVENTS];
	size_t got = 0;

	if (ends->count == 1)
		return ends->open ? take(ends, &ends->links[0], room) : 0;
	while (got == 0 && ends->open > 0) {
		int n = epoll_wait(ends->set, events, EVENTS, -1);

		for (int i = 0; i < n; i++)
			got += take(ends, &ends->links[events[i].data.u32], room);
	}
	return got;
}

static void accept_all(struct ends *ends, int listener)
{
	for (unsigned int i = 0; i < ends->count; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};

		link_accept(&ends->links[i], listener, true);
		/* A handshake may run in the first call that needs it, a proxy's later still. */
		link_receive_all(&ends->links[i], ends->data, 1);
		contender.send(&ends->links[i], ends->data, 1);
		if (ends->count > 1 &&
		    epoll_ctl(ends->set, EPOLL_CTL_ADD, ends->links[i].fd, &event) < 0)
			die_errno("epoll_ctl");
	}
}

static void bulk_server(const struct setting *setting, int listener)
{
	size_t got, early = 0, received = 0;
	double begin, cpu;
	struct ends ends;

	ends_init(&ends, setting, setting->read_bytes);
	accept_all(&ends, listener);
	while (early < WARM_UP_BYTES) {
		got = receive_some(&ends, setting->read_bytes);
		if (got == 0)
			die("the sender ended during the warm-up");
		early += got;
	}
	begin = now_seconds();
	cpu = cpu_seconds();
	while ((got = receive_some(&ends, setting->read_bytes)) > 0)
		received += got;
	emit("receiver_cpu", (cpu_seconds() - cpu) / ((double)received / 1e9));
	emit("throughput", (double)received / 1e6 / (now_seconds() - begin));
	ends_fini(&ends);
}

const struct measure bulk = {"bulk", bulk_client, bulk_server};
