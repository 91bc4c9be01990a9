/* SPDX-License-Identifier: MIT */
#include "report.h"

#include "cases.h"
#include "common.h"
#include "goals.h"
#include "machine.h"
#include "results.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define NAME_WIDTH 26
#define CELL_WIDTH 22

/* Whose figures are set against whose. */
#define OURS "tlssock"
static const char *const references[] = {"gnutls", "openssl", "stunnel", "haproxy", "hitch", FLOOR};

void report_machine(struct run *run)
{
	struct machine machine;

	machine_describe(&machine);
	run->load = machine.load;
	printf("%s, %ld CPUs, Linux %s, TCP with %s, load %.1f\n", machine.processor,
	       machine.processors, machine.system.release, machine.congestion, machine.load);
	printf("%s asked of every contender, rounds: %d, seconds for a measure: %g\n\n",
	       run->cipher, run->rounds, run->seconds);
	fflush(stdout);
}

/* A string of the terminal's cells: 'µ' and '±' are two bytes and one cell. */
static void print_cell(const char *text)
{
	int width = 0;

	for (const char *c = text; *c; c++)
		width += (*c & 0xc0) != 0x80;
	printf("%*s%s", width < CELL_WIDTH ? CELL_WIDTH - width : 0, "", text);
}

static void print_titles(const char *label)
{
	printf("%s\n%-*s", label, NAME_WIDTH, "");
	for (size_t m = 0; m < metric_count; m++) {
		char text[64];
		bool present = false;

		for (size_t i = 0; results_at(i); i++)
			present |= results_at(i)->metric == &metrics[m] &&
				   strcmp(results_at(i)->label, label) == 0;
		if (!present)
			continue;
		snprintf(text, sizeof(text), "%s%s%s", metrics[m].title,
			 *metrics[m].unit ? ", " : "", metrics[m].unit);
		print_cell(text);
	}
	printf("\n");
}

static void print_figure(const struct series *series)
{
	struct summary summary = series_summary(series);
	char text[64];

	if (series->metric->offset)
		snprintf(text, sizeof(text), "%.*f ±%6.*f", series->metric->decimals,
			 summary.median, series->metric->decimals, summary.spread);
	else
		snprintf(text, sizeof(text), "%.*f ±%3.0f%%", series->metric->decimals,
			 summary.median,
			 summary.median > 0 ? summary.spread / summary.median * 100 : 0);
	print_cell(text);
}

static void print_contender(const char *label, const char *contender)
{
	printf("  %-*s", NAME_WIDTH - 2, contender);
	for (size_t m = 0; m < metric_count; m++) {
		const struct series *series = results_find(label, contender, &metrics[m]);

		if (series)
			print_figure(series);
	}
	printf("\n");
}

/* A cost may be nothing at all, and nothing is no ratio. */
static void print_advantage(const struct series *ours, const struct series *other)
{
	double advantage = series_advantage(ours, other);
	char text[64] = "-";

	if (isfinite(advantage))
		snprintf(text, sizeof(text), "%.2f     ", advantage);
	print_cell(text);
}

static void print_advantages(const char *label, const char *reference)
{
	bool begun = false;

	for (size_t m = 0; m < metric_count; m++) {
		const struct series *ours = results_find(label, OURS, &metrics[m]);
		const struct series *other = results_find(label, reference, &metrics[m]);

		if (!ours || !other)
			continue;
		if (!begun)
			printf("  vs %-*s", NAME_WIDTH - 5, reference);
		begun = true;
		print_advantage(ours, other);
	}
	if (begun)
		printf("\n");
}

static void print_goals(const char *label)
{
	for (size_t i = 0; i < goal_count; i++) {
		struct verdict verdict;

		if (strcmp(goals[i].label, label) == 0 && goal_judge(&goals[i], &verdict))
			printf("  goal: %s: %.2f, %s\n", goals[i].text, verdict.value,
			       verdict.met ? "met" : "MISSED");
	}
}

/* Whether an earlier series has the same label, and the same contender too. */
static bool seen(size_t index, bool same_contender)
{
	const struct series *series = results_at(index);

	for (size_t i = 0; i < index; i++) {
		const struct series *earlier = results_at(i);

		if (strcmp(earlier->label, series->label) == 0 &&
		    (!same_contender || strcmp(earlier->contender, series->contender) == 0))
			return true;
	}
	return false;
}

static void print_case(size_t first)
{
	const char *label = results_at(first)->label;

	print_titles(label);
	for (size_t i = first; results_at(i); i++)
		if (strcmp(results_at(i)->label, label) == 0 && !seen(i, true))
			print_contender(label, results_at(i)->contender);
	for (size_t i = 0; i < COUNT(references); i++)
		print_advantages(label, references[i]);
	print_goals(label);
	printf("\n");
}

static void print_facts(void)
{
	const char *first = NULL;
	bool differ = false;

	for (size_t i = 0; facts_at(i); i++) {
		const struct fact *fact = facts_at(i);
		const char *negotiated;

		if (strcmp(fact->name, "version") != 0)
			continue;
		negotiated = results_fact(fact->contender, "negotiated");
		printf("%-*s%s, %s\n", NAME_WIDTH, fact->contender, fact->text,
		       negotiated ? negotiated : "nothing negotiated");
		if (!negotiated || strcmp(negotiated, "none") == 0)
			continue;
		first = first ? first : negotiated;
		differ |= strcmp(first, negotiated) != 0;
	}
	if (differ)
		printf("The contenders used different algorithms: their figures do not compare.\n");
	printf("\n");
}

void report_results(void)
{
	print_facts();
	printf("Medians of the rounds; ± half of what lies between their quartiles.\n"
	       "'vs': how many times as good " OURS " is, the median of the rounds' ratios.\n\n");
	for (size_t i = 0; results_at(i); i++)
		if (!seen(i, false))
			print_case(i);
}
