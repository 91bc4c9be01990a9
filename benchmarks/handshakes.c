/* SPDX-License-Identifier: MIT */
/*
 * Handshakes: one connection after another, each with a byte there and back,
 * so that it was usable in both directions before it counts. Full ones, or resumed.
 */
#include "common.h"
#include "measure.h"
#include "statistics.h"

#define WARM_UP_CONNECTIONS 10
/* Each leaves a port in TIME_WAIT, and there are about 28,000 of them. */
#define MAX_CONNECTIONS 2000

/* What the client says: whether another connection follows. */
#define MORE 'm'
#define LAST 'l'

/* Returns the seconds from connect to the first byte back. */
static double converse(in_port_t port, char word, bool resumed)
{
	double begin = now_seconds(), first_byte;
	struct link link;

	link_connect(&link, port, false);
	contender.send(&link, &word, 1);
	link_receive_all(&link, &word, 1);
	first_byte = now_seconds() - begin;
	if (resumed && contender.resumed && !contender.resumed(&link))
		die("a session was not resumed");
	link_close(&link);
	return first_byte;
}

static void handshakes_client(const struct setting *setting, in_port_t port)
{
	static double first_bytes[MAX_CONNECTIONS];
	double begin, cpu, elapsed;
	unsigned int count = 0;

	for (int i = 0; i < WARM_UP_CONNECTIONS; i++)
		converse(port, MORE, false);
	cpu = cpu_seconds();
	begin = now_seconds();
	do {
		first_bytes[count++] = converse(port, MORE, setting->resume) * 1e6;
		elapsed = now_seconds() - begin;
	} while (count < MAX_CONNECTIONS && elapsed < setting->seconds);
	emit("rate", count / elapsed);
	emit("client_cpu", (cpu_seconds() - cpu) / count * 1e6);
	sort_values(first_bytes, count);
	emit("first_byte", quantile(first_bytes, count, 0.5));
	converse(port, LAST, setting->resume);
}

static void handshakes_server(const struct setting *setting, int listener)
{
	unsigned int count = 0;
	double cpu = 0;
	char word;

	(void)setting;
	do {
		struct link link;

		if (count++ == WARM_UP_CONNECTIONS)
			cpu = cpu_seconds();
		link_accept(&link, listener, false);
		link_receive_all(&link, &word, 1);
		contender.send(&link, &word, 1);
		if (contender.receive(&link, &word, 1) != 0)
			die("more than one byte in a connection");
		link_close(&link);
	} while (word == MORE);
	emit("server_cpu", (cpu_seconds() - cpu) / (count - WARM_UP_CONNECTIONS) * 1e6);
}

const struct measure handshakes = {"handshakes", handshakes_client, handshakes_server};
