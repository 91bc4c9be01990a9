/* SPDX-License-Identifier: MIT */
/* The command line of the native peers: --name VALUE, --name for flags. */
#include "peer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { STRING, NUMBER, FLAG, VERSION, TICKETS };

struct choice {
	const char *name;
	int value;
};

static const struct choice versions[] = {
	{"1.1", PEER_TLS_1_1}, {"1.2", PEER_TLS_1_2}, {"1.3", PEER_TLS_1_3}, {NULL, 0}};

static const struct choice tickets[] = {{"early", PEER_TICKETS_EARLY},
					{"late", PEER_TICKETS_LATE},
					{"never", PEER_TICKETS_NEVER},
					{NULL, 0}};

#define AT(member) offsetof(struct peer_options, member)

static const struct {
	const char *name;
	enum kind kind;
	size_t at;
} table[] = {
	{"listen", STRING, AT(listen)},
	{"connect", STRING, AT(connect)},
	{"cert", STRING, AT(cert)},
	{"key", STRING, AT(key)},
	{"ca", STRING, AT(ca)},
	{"name", STRING, AT(name)},
	{"alpn", STRING, AT(alpn)},
	{"ciphers", STRING, AT(ciphers)},
	{"mode", STRING, AT(mode)},
	{"version", VERSION, AT(version)},
	{"tickets", TICKETS, AT(tickets)},
	{"bytes", NUMBER, AT(bytes)},
	{"record-size", NUMBER, AT(record_size)},
	{"key-update-every", NUMBER, AT(key_update_every)},
	{"empty-every", NUMBER, AT(empty_every)},
	{"connections", NUMBER, AT(connections)},
	{"buffer", NUMBER, AT(buffer)},
	{"verify-client", FLAG, AT(verify_client)},
	{"no-close-notify", FLAG, AT(no_close_notify)},
	{"small-dh", FLAG, AT(small_dh)},
	{"threads", FLAG, AT(threads)},
};

#define TABLE_SIZE (sizeof(table) / sizeof(table[0]))

static size_t find(const char *arg)
{
	size_t i = 0;

	if (strncmp(arg, "--", 2) != 0)
		return TABLE_SIZE;
	while (i < TABLE_SIZE && strcmp(table[i].name, arg + 2) != 0)
		i++;
	return i;
}

static int choose(const struct choice *choices, const char *value, void *out)
{
	for (; choices->name; choices++) {
		if (strcmp(choices->name, value) == 0) {
			memcpy(out, &choices->value, sizeof(int));
			return 0;
		}
	}
	return -1;
}

static int store(size_t i, char *value, struct peer_options *options)
{
	char *at = (char *)options + table[i].at;
	char *end = NULL;
	size_t number;

	switch (table[i].kind) {
	case STRING:
		memcpy(at, &value, sizeof(value));
		return 0;
	case NUMBER:
		number = strtoull(value, &end, 10);
		memcpy(at, &number, sizeof(number));
		return end == value || *end ? -1 : 0;
	case VERSION:
		return choose(versions, value, at);
	case TICKETS:
		return choose(tickets, value, at);
	case FLAG:
		break;
	}
	return -1;
}

int peer_parse(int argc, char *argv[], struct peer_options *options)
{
	*options = (struct peer_options){.record_size = 16384, .buffer = 16384, .mode = "echo"};
	for (int i = 1; i < argc; i++) {
		size_t at = find(argv[i]);

		if (at < TABLE_SIZE && table[at].kind == FLAG) {
			*((bool *)((char *)options + table[at].at)) = true;
			continue;
		}
		if (at == TABLE_SIZE || !argv[i + 1] || store(at, argv[i + 1], options) < 0) {
			fprintf(stderr, "%s: cannot use %s\n", argv[0], argv[i]);
			return -1;
		}
		i++;
	}
	options->server = options->listen != NULL;
	if (!options->listen == !options->connect || options->record_size - 1 >= 16384) {
		fprintf(stderr, "%s: --listen or --connect, and records of 1 to 16384 bytes\n",
			argv[0]);
		return -1;
	}
	return 0;
}
