/* SPDX-License-Identifier: MIT */
/*
 * Memory: what a process holds for each connection that has carried a byte
 * each way and is silent now.
 */
#include "common.h"
#include "measure.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What the library allocates once is not a connection's. */
#define WARM_UP_CONNECTIONS 8

struct memory {
	double heap;
	double resident;
};

static struct memory memory_now(void)
{
	struct mallinfo2 heap = mallinfo2();
	struct memory memory = {.heap = (double)(heap.uordblks + heap.hblkhd)};
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long resident;

	if (!file || fscanf(file, "%*u %lu", &resident) != 1)
		die_errno("/proc/self/statm");
	fclose(file);
	memory.resident = (double)resident * (double)sysconf(_SC_PAGESIZE);
	return memory;
}

static struct link *new_links(unsigned int count)
{
	struct link *links = calloc(count, sizeof(*links));

	if (!links)
		die_errno("calloc");
	link_make_room(count);
	return links;
}

static void close_links(struct link *links, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		link_close(&links[i]);
	free(links);
}

static void client_exchange(struct link *link)
{
	char byte = 'x';

	contender.send(link, &byte, 1);
	link_receive_all(link, &byte, 1);
}

static void server_exchange(struct link *link)
{
	char byte;

	link_receive_all(link, &byte, 1);
	contender.send(link, &byte, 1);
}

static void idle_client(const struct setting *setting, in_port_t port)
{
	unsigned int count = WARM_UP_CONNECTIONS + setting->connections;
	struct link *links = new_links(count);
	struct memory before = {0}, after;

	for (unsigned int i = 0; i < count; i++) {
		if (i == WARM_UP_CONNECTIONS)
			before = memory_now();
		link_connect(&links[i], port, false);
		client_exchange(&links[i]);
	}
	after = memory_now();
	emit("client_heap", (after.heap - before.heap) / setting->connections / 1024);
	emit("client_resident", (after.resident - before.resident) / setting->connections / 1024);
	/* The server has measured too when it answers this. */
	client_exchange(&links[0]);
	close_links(links, count);
}

static void idle_server(const struct setting *setting, int listener)
{
	unsigned int count = WARM_UP_CONNECTIONS + setting->connections;
	struct link *links = new_links(count);
	struct memory before = {0}, after;

	for (unsigned int i = 0; i < count; i++) {
		if (i == WARM_UP_CONNECTIONS)
			before = memory_now();
		link_accept(&links[i], listener, false);
		server_exchange(&links[i]);
	}
	after = memory_now();
	emit("server_heap", (after.heap - before.heap) / setting->connections / 1024);
	emit("server_resident", (after.resident - before.resident) / setting->connections / 1024);
	server_exchange(&links[0]);
	close_links(links, count);
}

const struct measure idle = {"idle", idle_client, idle_server};
