/* SPDX-License-Identifier: MIT */
/*
 * Latency: the client sends a small message and waits for it to come back.
 */
#include "common.h"
#include "measure.h"
#include "statistics.h"

#include <string.h>

#define MESSAGE_BYTES 64
#define WARM_UP_TRIPS 500
#define MAX_TRIPS     1000000

static double trips[MAX_TRIPS];

static double round_trip(struct link *link)
{
	char message[MESSAGE_BYTES] = {'x'};
	double begin = now_seconds();

	contender.send(link, message, sizeof(message));
	link_receive_all(link, message, sizeof(message));
	return now_seconds() - begin;
}

static void pingpong_client(const struct setting *setting, in_port_t port)
{
	struct link link;
	size_t count = 0;
	double end;

	/* A page touched for the first time would be counted as latency. */
	memset(trips, 0, sizeof(trips));
	link_connect(&link, port, false);
	for (int i = 0; i < WARM_UP_TRIPS; i++)
		round_trip(&link);
	end = now_seconds() + setting->seconds;
	while (count < MAX_TRIPS && now_seconds() < end)
		trips[count++] = round_trip(&link) * 1e6;
	link_close(&link);
	if (count == 0)
		die("no time for a single round trip");
	sort_values(trips, count);
	emit("p50", quantile(trips, count, 0.50));
	emit("p99", quantile(trips, count, 0.99));
}

static void pingpong_server(const struct setting *setting, int listener)
{
	char message[MESSAGE_BYTES];
	struct link link;
	size_t got;

	(void)setting;
	link_accept(&link, listener, false);
	while ((got = contender.receive(&link, message, sizeof(message))) > 0)
		contender.send(&link, message, got);
	link_close(&link);
}

const struct measure pingpong = {"pingpong", pingpong_client, pingpong_server};
