/* SPDX-License-Identifier: MIT */
#include "plan.h"

#include "cases.h"
#include "common.h"
#include "identity.h"

#include <stdio.h>
#include <string.h>

enum { MAX_CASES = 2 * MAX_SIZES * MAX_SIZES + 32 };
/* Memory hardly varies, and so many handshakes take their time. */
enum { FEW_ROUNDS = 2, CROWD = 1000, MULTITUDE = 5000, SLOW = 1000, MANY = 50 };
/* Of the ciphers' comparison. */
enum { RECORD = 16384, ROOM = 65536 };

static const char *const measure_names[] = {"bulk", "bulk50",	"ciphers", "pingpong", "handshakes",
					    "idle", "requests", "crowd",   "plain"};

static struct bench_case cases[MAX_CASES];
static size_t case_count;

/* NULL: the measure is not asked for. */
static struct bench_case *add(const struct arguments *arguments, const char *measure,
			      const char *worker)
{
	struct bench_case *bench_case = &cases[case_count];

	if (!list_has(arguments->measures, measure))
		return NULL;
	if (++case_count == MAX_CASES)
		die("no room for another case");
	bench_case->measure = measure;
	bench_case->worker = worker;
	bench_case->cipher = arguments->cipher;
	bench_case->key = IDENTITY_ECDSA;
	bench_case->rounds = arguments->rounds;
	bench_case->connections = 1;
	return bench_case;
}

static void limit_rounds(struct bench_case *bench_case, unsigned int most)
{
	if (bench_case->rounds > most)
		bench_case->rounds = most;
}

static void add_bulk(const struct arguments *arguments, unsigned int write_bytes,
		     unsigned int read_bytes, bool many)
{
	struct bench_case *bench_case = add(arguments, many ? "bulk50" : "bulk", "bulk");

	if (!bench_case)
		return;
	bench_case->write_bytes = write_bytes;
	bench_case->read_bytes = read_bytes;
	bench_case->connections = many ? MANY : 1;
	if (many)
		snprintf(bench_case->label, sizeof(bench_case->label), BULK_MANY_LABEL("%u", "%u"),
			 write_bytes, read_bytes);
	else
		snprintf(bench_case->label, sizeof(bench_case->label), BULK_LABEL("%u", "%u"),
			 write_bytes, read_bytes);
}

static void add_cipher(const struct arguments *arguments, const char *cipher)
{
	struct bench_case *bench_case = add(arguments, "ciphers", "bulk");

	if (!bench_case)
		return;
	bench_case->cipher = cipher;
	bench_case->write_bytes = RECORD;
	bench_case->read_bytes = ROOM;
	snprintf(bench_case->label, sizeof(bench_case->label), BULK_CIPHER_LABEL("%s"), cipher);
}

static void add_handshakes(const struct arguments *arguments, const char *key, const char *label,
			   bool resume)
{
	struct bench_case *bench_case = add(arguments, "handshakes", "handshakes");

	if (!bench_case)
		return;
	bench_case->key = key;
	bench_case->resume = resume;
	snprintf(bench_case->label, sizeof(bench_case->label), "%s", label);
}

/* The server answers with what it writes. */
static void add_requests(const struct arguments *arguments, unsigned int connections,
			 unsigned int answer_bytes)
{
	struct bench_case *bench_case = add(arguments, "requests", "requests");

	if (!bench_case)
		return;
	bench_case->write_bytes = answer_bytes;
	bench_case->connections = connections;
	bench_case->count_calls = true;
	snprintf(bench_case->label, sizeof(bench_case->label), REQUESTS_LABEL("%u", "%u"),
		 connections, answer_bytes);
	if (connections >= CROWD)
		limit_rounds(bench_case, FEW_ROUNDS);
}

/* Connections through a proxy take two descriptors each of it, and there may be too few. */
static void add_idle(const struct arguments *arguments)
{
	struct bench_case *bench_case = add(arguments, "idle", "idle");

	if (!bench_case)
		return;
	bench_case->connections = arguments->connections;
	bench_case->no_proxies = true;
	limit_rounds(bench_case, FEW_ROUNDS);
	snprintf(bench_case->label, sizeof(bench_case->label), IDLE_LABEL);
}

static void add_crowd(const struct arguments *arguments)
{
	struct bench_case *bench_case = add(arguments, "crowd", "crowd");

	if (!bench_case)
		return;
	bench_case->connections = MULTITUDE;
	bench_case->slow = SLOW;
	bench_case->rounds = 1; /* it alternates by itself */
	bench_case->sockets = true;
	bench_case->count_calls = true;
	snprintf(bench_case->label, sizeof(bench_case->label), CROWD_LABEL);
}

void plan_make(const struct arguments *arguments)
{
	static const char *const ciphers[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
					      "TLS_CHACHA20_POLY1305_SHA256"};
	static const unsigned int crowds[] = {1, MANY, CROWD};
	struct bench_case *pingpong;

	list_check(arguments->measures, measure_names, COUNT(measure_names));
	for (int many = 0; many < 2; many++)
		for (unsigned int w = 0; w < arguments->write_count; w++)
			for (unsigned int r = 0; r < arguments->read_count; r++)
				add_bulk(arguments, arguments->writes[w], arguments->reads[r],
					 many);
	for (size_t i = 0; i < COUNT(ciphers); i++)
		add_cipher(arguments, ciphers[i]);
	pingpong = add(arguments, "pingpong", "pingpong");
	if (pingpong)
		snprintf(pingpong->label, sizeof(pingpong->label), PINGPONG_LABEL);
	add_handshakes(arguments, IDENTITY_ECDSA, HANDSHAKES_LABEL("ECDSA"), false);
	add_handshakes(arguments, IDENTITY_ECDSA, RESUMED_LABEL("ECDSA"), true);
	add_handshakes(arguments, IDENTITY_RSA, HANDSHAKES_LABEL("RSA"), false);
	add_handshakes(arguments, IDENTITY_RSA, RESUMED_LABEL("RSA"), true);
	add_idle(arguments);
	for (size_t i = 0; i < COUNT(crowds); i++) {
		add_requests(arguments, crowds[i], 100);
		add_requests(arguments, crowds[i], 16384);
	}
	add_crowd(arguments);
}

struct bench_case *plan_at(size_t index)
{
	return index < case_count ? &cases[index] : NULL;
}
