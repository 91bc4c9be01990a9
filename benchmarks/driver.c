/* SPDX-License-Identifier: MIT */
/*
 * Runs every measure of every contender, round by round, and reports. In a
 * round all of them run once, so that what the machine does meanwhile meets
 * all; each round begins with another contender.
 *
 * Exits with 1 if something could not be measured, never for a figure.
 */
#include "arguments.h"
#include "cases.h"
#include "common.h"
#include "identity.h"
#include "plain.h"
#include "process.h"
#include "report.h"
#include "results.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_CASES (MAX_SIZES * MAX_SIZES + 11)
/* Memory hardly varies, and 1,000 handshakes take their time. */
#define FEW_ROUNDS 2
#define CROWD	   1000
#define MULTITUDE  5000
#define SLOW	   1000
/*
 * Where a program happens to lie in memory moves a call by more than the
 * library does: many short runs, not a few long ones.
 */
#define PLAIN_RUNS 8

static const struct contender_program {
	const char *name;
	const char *program;
	const char *parameter; /* one more for the program, or NULL */
	const char *only;      /* the one measure that it differs in, or NULL */
	bool sockets;	       /* speaks by socket calls alone */
} contenders[] = {
	{"tcp", "bench-tcp", NULL, NULL, true},
	{"gnutls", "bench-gnutls", NULL, NULL, false},
	{"openssl", "bench-openssl", NULL, NULL, false},
	{"openssl-release", "bench-openssl", "release-buffers=1", "idle", false},
	{"tlssock", "bench-tlssock", NULL, NULL, true},
};

static const char *const measure_names[] = {"bulk",	"pingpong", "handshakes", "idle",
					    "requests", "crowd",    "plain"};

struct bench_case {
	const char *measure;
	char label[96];
	unsigned int write_bytes;
	unsigned int read_bytes;
	unsigned int connections;
	unsigned int slow;
	unsigned int rounds;
	bool resume;	  /* handshakes that resume a session */
	bool sockets;	  /* for contenders that speak by socket calls alone */
	bool count_calls; /* in a run of its own, after the others */
	bool failed[COUNT(contenders)];
};

static struct bench_case cases[MAX_CASES];
static size_t case_count;

static struct bench_case *add_case(const struct arguments *arguments, const char *measure,
				   const char *label)
{
	struct bench_case *bench_case = &cases[case_count];

	if (!list_has(arguments->measures, measure))
		return NULL;
	case_count++;
	bench_case->measure = measure;
	bench_case->rounds = arguments->rounds;
	bench_case->connections = arguments->connections;
	snprintf(bench_case->label, sizeof(bench_case->label), "%s", label);
	return bench_case;
}

static void add_bulk_case(const struct arguments *arguments, unsigned int write_bytes,
			  unsigned int read_bytes)
{
	struct bench_case *bench_case = add_case(arguments, "bulk", "");

	if (!bench_case)
		return;
	bench_case->write_bytes = write_bytes;
	bench_case->read_bytes = read_bytes;
	snprintf(bench_case->label, sizeof(bench_case->label), BULK_LABEL("%u", "%u"), write_bytes,
		 read_bytes);
}

/* The server answers with what it writes. */
static void add_requests_case(const struct arguments *arguments, unsigned int connections,
			      unsigned int answer_bytes)
{
	struct bench_case *bench_case = add_case(arguments, "requests", "");

	if (!bench_case)
		return;
	bench_case->write_bytes = answer_bytes;
	bench_case->connections = connections;
	bench_case->count_calls = true;
	snprintf(bench_case->label, sizeof(bench_case->label), REQUESTS_LABEL("%u", "%u"),
		 connections, answer_bytes);
	if (connections >= CROWD && bench_case->rounds > FEW_ROUNDS)
		bench_case->rounds = FEW_ROUNDS;
}

static void add_crowd_case(const struct arguments *arguments)
{
	struct bench_case *bench_case = add_case(arguments, "crowd", CROWD_LABEL);

	if (!bench_case)
		return;
	bench_case->connections = MULTITUDE;
	bench_case->slow = SLOW;
	bench_case->rounds = 1; /* it alternates by itself */
	bench_case->sockets = true;
	bench_case->count_calls = true;
}

static void make_cases(const struct arguments *arguments)
{
	static const unsigned int crowds[] = {1, 50, CROWD};
	struct bench_case *idle, *resumed;

	for (unsigned int w = 0; w < arguments->write_count; w++)
		for (unsigned int r = 0; r < arguments->read_count; r++)
			add_bulk_case(arguments, arguments->writes[w], arguments->reads[r]);
	add_case(arguments, "pingpong", PINGPONG_LABEL);
	add_case(arguments, "handshakes", HANDSHAKES_LABEL);
	resumed = add_case(arguments, "handshakes", RESUMED_LABEL);
	if (resumed)
		resumed->resume = true;
	idle = add_case(arguments, "idle", IDLE_LABEL);
	if (idle && idle->rounds > FEW_ROUNDS)
		idle->rounds = FEW_ROUNDS;
	for (unsigned int i = 0; i < COUNT(crowds); i++) {
		add_requests_case(arguments, crowds[i], 100);
		add_requests_case(arguments, crowds[i], 16384);
	}
	add_crowd_case(arguments);
}

/* "name value", from the client or the server. */
static void take_line(const char *contender, const char *label, unsigned int round, char *line)
{
	const struct metric *metric;
	char *value = strchr(line, ' ');

	if (!value)
		die("%s: not a result: '%s'", contender, line);
	*value++ = '\0';
	value[strcspn(value, "\n")] = '\0';
	metric = find_metric(line);
	if (metric)
		results_add(label, contender, metric, (int)round, parse_number(line, value));
	else
		results_add_fact(contender, line, value);
}

static bool run_worker(const struct arguments *arguments, const struct bench_case *bench_case,
		       const struct contender_program *contender, const char *identity,
		       unsigned int round, bool count_calls)
{
	char program[4096], text[10][4096], line[512];
	const char *const argv[] = {program,
				    bench_case->measure,
				    text[0],
				    text[1],
				    text[2],
				    text[3],
				    text[4],
				    text[5],
				    text[6],
				    text[7],
				    text[8],
				    text[9],
				    contender->parameter,
				    NULL};
	struct process process;

	snprintf(program, sizeof(program), "%s/%s", arguments->programs, contender->program);
	if (access(program, X_OK) < 0) {
		fprintf(stderr, "%s: not built: there is no %s\n", contender->name, program);
		return false;
	}
	snprintf(text[0], sizeof(text[0]), "identity=%s", identity);
	snprintf(text[1], sizeof(text[1]), "cipher=%s", arguments->cipher);
	snprintf(text[2], sizeof(text[2]), "write=%u", bench_case->write_bytes);
	snprintf(text[3], sizeof(text[3]), "read=%u", bench_case->read_bytes);
	snprintf(text[4], sizeof(text[4]), "connections=%u", bench_case->connections);
	snprintf(text[5], sizeof(text[5]), "seconds=%g", arguments->seconds);
	snprintf(text[6], sizeof(text[6]), "pin=%d", arguments->pin);
	snprintf(text[7], sizeof(text[7]), "slow=%u", bench_case->slow);
	snprintf(text[8], sizeof(text[8]), "count-calls=%d", count_calls);
	snprintf(text[9], sizeof(text[9]), "resume=%d", bench_case->resume);
	/* A line for each slow client that goes is not what is asked for. */
	setenv("TLSSOCK_LOG", bench_case->slow ? "off" : "error", 1);
	process_start(&process, argv, NULL);
	while (fgets(line, sizeof(line), process.output))
		take_line(contender->name, bench_case->label, round, line);
	return process_finish(&process);
}

/* One that failed is not tried again: it may take its full time to fail. */
static bool run_case(const struct arguments *arguments, struct bench_case *bench_case,
		     const char *identity, unsigned int round, bool count_calls)
{
	bool fine = true;

	for (size_t i = 0; i < COUNT(contenders); i++) {
		size_t which = (i + round) % COUNT(contenders);
		const struct contender_program *contender = &contenders[which];

		if (bench_case->failed[which] || !list_has(arguments->contenders, contender->name))
			continue;
		if (contender->only && strcmp(contender->only, bench_case->measure) != 0)
			continue;
		if (bench_case->sockets && !contender->sockets)
			continue;
		if (run_worker(arguments, bench_case, contender, identity, round, count_calls))
			continue;
		fprintf(stderr, "%s: FAILED: %s\n", contender->name, bench_case->label);
		bench_case->failed[which] = true;
		fine = false;
	}
	return fine;
}

static bool run_round(const struct arguments *arguments, const char *identity, unsigned int round)
{
	bool fine = true;

	fprintf(stderr, "round %u of %u\n", round + 1, arguments->rounds);
	for (size_t i = 0; i < case_count; i++)
		if (round < cases[i].rounds)
			fine &= run_case(arguments, &cases[i], identity, round, false);
	return fine;
}

/* Not beside what takes the time: tracing costs some. */
static bool run_calls(const struct arguments *arguments, const char *identity)
{
	bool fine = true;

	for (size_t i = 0; i < case_count; i++)
		if (cases[i].count_calls)
			fine &= run_case(arguments, &cases[i], identity, 0, true);
	return fine;
}

static bool run_plain(const struct arguments *arguments)
{
	char program[4096];
	bool fine = true;

	if (access(arguments->library, R_OK) < 0) {
		fprintf(stderr, "plain: FAILED: there is no library %s\n", arguments->library);
		return false;
	}
	snprintf(program, sizeof(program), "%s/plain-calls", arguments->programs);
	for (int run = 0; run < (int)arguments->rounds * PLAIN_RUNS && run < MAX_ROUNDS; run++)
		fine &= plain_measure(program, arguments->library, arguments->seconds / PLAIN_RUNS,
				      run);
	if (arguments->instructions && !plain_count_instructions(program, arguments->library)) {
		fprintf(stderr, "plain: FAILED: instructions could not be counted\n");
		fine = false;
	}
	return fine;
}

static void check_lists(const struct arguments *arguments)
{
	const char *names[COUNT(contenders)];

	for (size_t i = 0; i < COUNT(contenders); i++)
		names[i] = contenders[i].name;
	list_check(arguments->contenders, names, COUNT(contenders));
	list_check(arguments->measures, measure_names, COUNT(measure_names));
}

int main(int argc, char **argv)
{
	struct arguments arguments;
	struct run run;
	const char *identity;
	bool fine = true;

	arguments_parse(&arguments, argc, argv);
	check_lists(&arguments);
	make_cases(&arguments);
	signal(SIGPIPE, SIG_IGN);
	identity = identity_new();
	identity_choose_cipher(arguments.cipher);
	run = (struct run){arguments.cipher, (int)arguments.rounds, arguments.seconds};
	report_machine(&run);
	for (unsigned int round = 0; case_count > 0 && round < arguments.rounds; round++)
		fine &= run_round(&arguments, identity, round);
	fine &= run_calls(&arguments, identity);
	if (list_has(arguments.measures, "plain"))
		fine &= run_plain(&arguments);
	report_results();
	if (arguments.json)
		report_json(arguments.json, &run);
	return fine ? 0 : 1;
}
