/* SPDX-License-Identifier: MIT */
#include "common.h"
#include "goals.h"
#include "machine.h"
#include "report.h"
#include "results.h"

#include <math.h>
#include <stdio.h>

static void put_text(FILE *out, const char *text)
{
	fputc('"', out);
	for (const char *c = text; *c; c++) {
		if (*c == '"' || *c == '\\')
			fprintf(out, "\\%c", *c);
		else if ((unsigned char)*c < ' ')
			fprintf(out, "\\u%04x", (unsigned int)*c);
		else
			fputc(*c, out);
	}
	fputc('"', out);
}

static void put_member(FILE *out, const char *name, const char *text)
{
	fprintf(out, "\"%s\": ", name);
	put_text(out, text);
	fputs(", ", out);
}

static void put_values(FILE *out, const struct series *series)
{
	const char *separator = "";

	fputs("\"values\": [", out);
	for (int i = 0; i < MAX_ROUNDS; i++) {
		if (isnan(series->values[i]))
			continue;
		fprintf(out, "%s%.9g", separator, series->values[i]);
		separator = ", ";
	}
	fputc(']', out);
}

static void put_results(FILE *out)
{
	fputs("\"results\": [", out);
	for (size_t i = 0; results_at(i); i++) {
		const struct series *series = results_at(i);
		struct summary summary = series_summary(series);

		fprintf(out, "%s\n  {", i ? "," : "");
		put_member(out, "case", series->label);
		put_member(out, "contender", series->contender);
		put_member(out, "metric", series->metric->name);
		put_member(out, "unit", series->metric->unit);
		fprintf(out, "\"median\": %.9g, \"low\": %.9g, \"high\": %.9g, ", summary.median,
			summary.low, summary.high);
		put_values(out, series);
		fputc('}', out);
	}
	fputs("\n],\n", out);
}

static void put_facts(FILE *out)
{
	fputs("\"contenders\": [", out);
	for (size_t i = 0; facts_at(i); i++) {
		const struct fact *fact = facts_at(i);

		fprintf(out, "%s\n  {", i ? "," : "");
		put_member(out, "contender", fact->contender);
		put_member(out, "fact", fact->name);
		fputs("\"text\": ", out);
		put_text(out, fact->text);
		fputc('}', out);
	}
	fputs("\n],\n", out);
}

static void put_goals(FILE *out)
{
	const char *separator = "";

	fputs("\"goals\": [", out);
	for (size_t i = 0; i < goal_count; i++) {
		struct verdict verdict;

		if (!goal_judge(&goals[i], &verdict))
			continue;
		fprintf(out, "%s\n  {", separator);
		put_member(out, "case", goals[i].label);
		put_member(out, "goal", goals[i].text);
		fprintf(out, "\"bound\": %.9g, \"value\": %.9g, \"met\": %s}", goals[i].bound,
			verdict.value, verdict.met ? "true" : "false");
		separator = ",";
	}
	fputs("\n]\n", out);
}

void report_json(const char *path, const struct run *run)
{
	FILE *out = fopen(path, "we");
	struct machine machine;

	if (!out)
		die_errno(path);
	machine_describe(&machine);
	fputs("{\n", out);
	put_member(out, "processor", machine.processor);
	put_member(out, "kernel", machine.system.release);
	put_member(out, "congestion", machine.congestion);
	put_member(out, "cipher", run->cipher);
	fprintf(out, "\n\"processors\": %ld, \"rounds\": %d, \"seconds\": %g,\n",
		machine.processors, run->rounds, run->seconds);
	fprintf(out, "\"load_before\": %.1f, \"load_after\": %.1f,\n", run->load, machine.load);
	put_facts(out);
	put_results(out);
	put_goals(out);
	fputs("}\n", out);
	if (fclose(out) != 0)
		die_errno(path);
}
