/* SPDX-License-Identifier: MIT */
#include "plain.h"

#include "cases.h"
#include "common.h"
#include "process.h"
#include "results.h"
#include "statistics.h"

#include <stdlib.h>
#include <string.h>

#define MAX_TURNS 10000

/* The last is the first again: what no difference looks like. */
enum { WITHOUT, WITH, BESIDE_TLS, AGAIN, VARIANTS };

static const struct variant {
	bool library;
	bool tls_socket;
} variants[VARIANTS] = {
	[WITHOUT] = {false, false},
	[WITH] = {true, false},
	[BESIDE_TLS] = {true, true},
	[AGAIN] = {false, false},
};

static const struct row {
	const char *name;
	int of;
	int minus; /* VARIANTS: nothing */
} rows[] = {
	{PLAIN_WITHOUT, WITHOUT, VARIANTS},	      {PLAIN_WITH, WITH, VARIANTS},
	{PLAIN_BESIDE_TLS, BESIDE_TLS, VARIANTS},     {PLAIN_MORE, WITH, WITHOUT},
	{PLAIN_MORE_BESIDE_TLS, BESIDE_TLS, WITHOUT}, {PLAIN_NOISE, AGAIN, WITHOUT},
};

static const struct call {
	char letter;
	const char *label;
} calls[] = {
	{'r', PLAIN_LABEL("read")},
	{'w', PLAIN_LABEL("write")},
	{'R', PLAIN_LABEL("recv")},
	{'W', PLAIN_LABEL("send")},
	{'v', PLAIN_LABEL("readv")},
	{'V', PLAIN_LABEL("writev")},
	{'F', PLAIN_LABEL("recvfrom")},
	{'T', PLAIN_LABEL("sendto")},
	{'c', PLAIN_LABEL("dup, close")},
	{'f', PLAIN_LABEL("fcntl")},
	{'p', PLAIN_LABEL("poll")},
	{'P', PLAIN_LABEL("poll of 100")},
	{'s', PLAIN_LABEL("select")},
	{'e', PLAIN_LABEL("epoll_wait")},
	{'E', PLAIN_LABEL("epoll_wait that may sleep")},
	{'m', PLAIN_LABEL("recvmsg")},
	{'M', PLAIN_LABEL("sendmsg")},
};

/* A preload that the loader could not do is only a warning to it. */
static void check_loaded(struct process *process, bool wanted)
{
	char line[64];

	if (!fgets(line, sizeof(line), process->output) ||
	    (strcmp(line, "loaded\n") == 0) != wanted)
		die("%s: the library is %sloaded", process->name, wanted ? "not " : "");
}

static double ask(struct process *process, char letter)
{
	char line[64];

	fputc(letter, process->input);
	fflush(process->input);
	if (!fgets(line, sizeof(line), process->output))
		die("%s: no answer", process->name);
	return strtod(line, NULL);
}

/* One value for the round: the median of the turns' differences. */
static void add_row(const struct row *row, const char *label, int round,
		    double turns[][VARIANTS + 1], size_t count)
{
	static double values[MAX_TURNS];

	for (size_t i = 0; i < count; i++)
		values[i] = turns[i][row->of] - turns[i][row->minus];
	results_add(label, row->name, find_metric("call"), round, summarize(values, count).median);
}

/*
 * The programs take turns batch by batch, and which is first changes, so that
 * what else the machine does meets all alike.
 */
static void compare(struct process *processes, const struct call *call, double seconds, int round)
{
	/* The column after the programs' stays 0, for rows that subtract nothing. */
	static double turns[MAX_TURNS][VARIANTS + 1];
	double end = now_seconds() + seconds;
	size_t count = 0;

	for (int i = 0; i < VARIANTS; i++)
		ask(&processes[i], call->letter);
	while (count < MAX_TURNS && (count == 0 || now_seconds() < end)) {
		for (size_t i = 0; i < VARIANTS; i++) {
			size_t which = (i + count) % VARIANTS;

			turns[count][which] = ask(&processes[which], call->letter);
		}
		count++;
	}
	for (size_t i = 0; i < COUNT(rows); i++)
		add_row(&rows[i], call->label, round, turns, count);
}

static void start(struct process *process, const struct variant *variant, const char *program,
		  const char *library)
{
	const char *const argv[] = {program, variant->tls_socket ? "-t" : NULL, NULL};

	process_start(process, argv, variant->library ? library : NULL);
	check_loaded(process, variant->library);
}

bool plain_measure(const char *program, const char *library, double seconds, int round)
{
	struct process processes[VARIANTS];
	bool fine = true;

	for (int i = 0; i < VARIANTS; i++)
		start(&processes[i], &variants[i], program, library);
	for (size_t i = 0; i < COUNT(calls); i++)
		compare(processes, &calls[i], seconds, round);
	for (int i = 0; i < VARIANTS; i++)
		fine &= process_finish(&processes[i]);
	return fine;
}

/* argv: valgrind's, the program and its arguments. 0: it failed. */
static double count(const char *const *argv, const char *library)
{
	const char *loaded = library ? "loaded\n" : "not loaded\n";
	struct process process;
	double instructions = 0;
	bool as_wanted = false;
	char line[512];

	process_start(&process, argv, library);
	while (fgets(line, sizeof(line), process.output)) {
		const char *found = strstr(line, "Collected : ");

		as_wanted |= strcmp(line, loaded) == 0;
		if (found)
			instructions = strtod(found + strlen("Collected : "), NULL);
	}
	return process_finish(&process) && as_wanted ? instructions : 0;
}

/* The difference of two runs leaves out what starting and ending take. */
static double instructions_per_call(const struct variant *variant, const char *program,
				    const char *library, char letter)
{
	static const char *const times[] = {"1000", "11000"};
	const char which[] = {letter, '\0'};
	double counts[COUNT(times)];

	for (size_t i = 0; i < COUNT(times); i++) {
		const char *argv[9] = {"valgrind", "--tool=callgrind",
				       "--callgrind-out-file=/dev/null", "--log-fd=1", program};
		size_t n = 5;

		if (variant->tls_socket)
			argv[n++] = "-t";
		argv[n++] = which;
		argv[n++] = times[i];
		counts[i] = count(argv, variant->library ? library : NULL);
	}
	return counts[0] > 0 && counts[1] > 0 ? (counts[1] - counts[0]) / 10000 : 0;
}

bool plain_count_instructions(const char *program, const char *library)
{
	for (size_t i = 0; i < COUNT(calls); i++) {
		/* The last stays 0, for rows that subtract nothing. */
		double counts[VARIANTS + 1] = {0};

		for (int v = 0; v < VARIANTS; v++) {
			counts[v] = instructions_per_call(&variants[v], program, library,
							  calls[i].letter);
			if (counts[v] == 0)
				return false;
		}
		for (size_t r = 0; r < COUNT(rows); r++)
			results_add(calls[i].label, rows[r].name, find_metric("call_instructions"),
				    0, counts[rows[r].of] - counts[rows[r].minus]);
	}
	return true;
}
