/* SPDX-License-Identifier: MIT */
#include "arguments.h"

#include "common.h"
#include "results.h"

#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_BYTES   (1u << 26)
#define MAX_IDLE    100000u
#define MAX_SECONDS 600

static const struct option long_options[] = {
	{"measures", required_argument, NULL, 'm'},
	{"contenders", required_argument, NULL, 'c'},
	{"rounds", required_argument, NULL, 'r'},
	{"seconds", required_argument, NULL, 's'},
	{"writes", required_argument, NULL, 'W'},
	{"reads", required_argument, NULL, 'R'},
	{"connections", required_argument, NULL, 'n'},
	{"cipher", required_argument, NULL, 'C'},
	{"json", required_argument, NULL, 'j'},
	{"instructions", no_argument, NULL, 'i'},
	{"no-pin", no_argument, NULL, 'P'},
	{"programs", required_argument, NULL, 'd'},
	{"library", required_argument, NULL, 'l'},
	{"ask", required_argument, NULL, 'a'},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static const char usage[] =
	"usage: bench [option...]\n"
	"  --measures LIST      of bulk, bulk50, ciphers, pingpong, handshakes, idle, requests,\n"
	"                       crowd, plain (all)\n"
	"  --contenders LIST    of tcp, gnutls, openssl, openssl-release, tlssock,\n"
	"                       tlssock-preload, stunnel, haproxy, hitch, 'AEAD alone' (all)\n"
	"  --rounds N           every contender once in each (5)\n"
	"  --seconds N          for one measure of one contender (0.25)\n"
	"  --writes LIST        bytes in one send of bulk (64,1024,1400,16384,65536,1048576)\n"
	"  --reads LIST         bytes of room in one receive of bulk (65536)\n"
	"  --connections N      held idle (10000)\n"
	"  --cipher NAME        TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384 or\n"
	"                       TLS_CHACHA20_POLY1305_SHA256 (the first)\n"
	"  --json FILE          writes every value there\n"
	"  --instructions       counts plain calls' instructions (needs valgrind)\n"
	"  --no-pin             leaves the choice of CPUs to the scheduler\n"
	"  --programs DIR       where the contenders' programs are (beside this one)\n"
	"  --library FILE       to preload (../src/libtlssock.so from there)\n"
	"  --ask FILE           to preload before it (libask-for-tls.so there)\n";

static unsigned int parse_count(const char *name, const char *text, unsigned int most)
{
	double value = parse_number(name, text);

	if (value < 1 || value > most || value != (double)(unsigned int)value)
		die("%s: 1 to %u, not '%s'", name, most, text);
	return (unsigned int)value;
}

static unsigned int parse_sizes(const char *name, const char *list, unsigned int *sizes)
{
	char *copy = copy_text(list), *rest = copy, *word;
	unsigned int count = 0;

	while ((word = strsep(&rest, ","))) {
		if (count == MAX_SIZES)
			die("%s: at most %d sizes", name, MAX_SIZES);
		sizes[count++] = parse_count(name, word, MAX_BYTES);
	}
	free(copy);
	return count;
}

static double parse_seconds(const char *text)
{
	double seconds = parse_number("--seconds", text);

	if (seconds <= 0 || seconds > MAX_SECONDS)
		die("--seconds: more than 0, at most %d, not '%s'", MAX_SECONDS, text);
	return seconds;
}

static void take(struct arguments *arguments, int option)
{
	switch (option) {
	case 'm':
		arguments->measures = optarg;
		break;
	case 'c':
		arguments->contenders = optarg;
		break;
	case 'r':
		arguments->rounds = parse_count("--rounds", optarg, MAX_ROUNDS);
		break;
	case 's':
		arguments->seconds = parse_seconds(optarg);
		break;
	case 'W':
		arguments->write_count = parse_sizes("--writes", optarg, arguments->writes);
		break;
	case 'R':
		arguments->read_count = parse_sizes("--reads", optarg, arguments->reads);
		break;
	case 'n':
		arguments->connections = parse_count("--connections", optarg, MAX_IDLE);
		break;
	case 'C':
		arguments->cipher = optarg;
		break;
	case 'j':
		arguments->json = optarg;
		break;
	case 'i':
		arguments->instructions = true;
		break;
	case 'P':
		arguments->pin = false;
		break;
	case 'd':
		arguments->programs = optarg;
		break;
	case 'l':
		arguments->library = optarg;
		break;
	case 'a':
		arguments->ask = optarg;
		break;
	case 'h':
		fputs(usage, stdout);
		exit(0);
	default:
		fputs(usage, stderr);
		exit(2);
	}
}

/* Beside the programs, unless it was named. path: PATH_MAX bytes, which stay. */
static void find_beside(const char **file, const char *programs, const char *name, char *path)
{
	if (*file)
		return;
	if (snprintf(path, PATH_MAX, "%s/%s", programs, name) >= PATH_MAX)
		die("path too long: %s", programs);
	*file = path;
}

/* Where the build puts things, seen from this program. */
static void find_places(struct arguments *arguments)
{
	static char self[PATH_MAX], library[PATH_MAX], ask[PATH_MAX];
	ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (size < 0)
		die_errno("/proc/self/exe");
	if (!arguments->programs)
		arguments->programs = dirname(self);
	find_beside(&arguments->library, arguments->programs, "../src/libtlssock.so", library);
	find_beside(&arguments->ask, arguments->programs, "libask-for-tls.so", ask);
}

void arguments_parse(struct arguments *arguments, int argc, char **argv)
{
	int option;

	*arguments = (struct arguments){
		.cipher = "TLS_AES_128_GCM_SHA256",
		.rounds = 5,
		.seconds = 0.25,
		.connections = 10000,
		.pin = true,
		.writes = {64, 1024, 1400, 16384, 65536, 1u << 20},
		.write_count = 6,
		.reads = {65536},
		.read_count = 1,
	};
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		take(arguments, option);
	if (optind < argc)
		die("not an option: '%s'", argv[optind]);
	find_places(arguments);
}

bool list_has(const char *list, const char *name)
{
	size_t length = strlen(name);

	if (!list)
		return true;
	for (const char *at = list; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0'))
			return true;
	}
	return false;
}

void list_check(const char *list, const char *const *names, unsigned int count)
{
	char *copy = list ? copy_text(list) : NULL, *rest = copy, *word;

	while ((word = strsep(&rest, ","))) {
		bool known = false;

		for (unsigned int i = 0; i < count; i++)
			known |= strcmp(names[i], word) == 0;
		if (!known)
			die("there is no '%s'", word);
	}
	free(copy);
}
