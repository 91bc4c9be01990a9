/* SPDX-License-Identifier: MIT */
/*
 * Runs every measure of every contender, round by round, and reports. In a
 * round all of them run once, so that what the machine does meanwhile meets
 * all; each round begins with another contender.
 *
 * Exits with 1 if something could not be measured, never for a figure.
 */
#include "arguments.h"
#include "common.h"
#include "contenders.h"
#include "identity.h"
#include "plain.h"
#include "plan.h"
#include "report.h"
#include "results.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/*
 * Where a program happens to lie in memory moves a call by more than the
 * library does: many short runs, not a few long ones.
 */
#define PLAIN_RUNS 8

static bool run_round(const struct arguments *arguments, const char *identity, unsigned int round)
{
	struct bench_case *bench_case;
	bool fine = true;

	fprintf(stderr, "round %u of %u\n", round + 1, arguments->rounds);
	for (size_t i = 0; (bench_case = plan_at(i)); i++)
		if (round < bench_case->rounds)
			fine &= contenders_run(arguments, bench_case, identity, round, false);
	return fine;
}

/* Not beside what takes the time: tracing costs some. */
static bool run_calls(const struct arguments *arguments, const char *identity)
{
	struct bench_case *bench_case;
	bool fine = true;

	for (size_t i = 0; (bench_case = plan_at(i)); i++)
		if (bench_case->count_calls)
			fine &= contenders_run(arguments, bench_case, identity, 0, true);
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

int main(int argc, char **argv)
{
	struct arguments arguments;
	struct run run;
	const char *identity;
	bool fine = true;

	arguments_parse(&arguments, argc, argv);
	contenders_check(&arguments);
	plan_make(&arguments);
	signal(SIGPIPE, SIG_IGN);
	identity = identity_new();
	run = (struct run){arguments.cipher, (int)arguments.rounds, arguments.seconds, 0};
	report_machine(&run);
	for (unsigned int round = 0; plan_at(0) && round < arguments.rounds; round++)
		fine &= run_round(&arguments, identity, round);
	fine &= run_calls(&arguments, identity);
	if (list_has(arguments.measures, "plain"))
		fine &= run_plain(&arguments);
	report_results();
	if (arguments.json)
		report_json(arguments.json, &run);
	return fine ? 0 : 1;
}
