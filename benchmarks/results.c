/* SPDX-License-Identifier: MIT */
#include "results.h"

#include "common.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SERIES 4096
#define MAX_FACTS  64

/* In the order of the report's columns. */
const struct metric metrics[] = {
	{"throughput", "throughput", "MB/s", 0, false, false},
	{"sender_cpu", "sender's CPU", "s/GB", 3, true, false},
	{"receiver_cpu", "receiver's CPU", "s/GB", 3, true, false},
	{"p50", "p50", "µs", 1, true, false},
	{"p99", "p99", "µs", 1, true, false},
	{"rate", "handshakes", "1/s", 0, false, false},
	{"first_byte", "first byte", "µs", 0, true, false},
	{"slow_p99", "p99, slow", "µs", 1, true, false},
	{"slowdown", "ratio of p99", "", 2, true, false},
	{"requests", "requests", "1/s", 0, false, false},
	{"client_cpu", "client's CPU", "µs", 0, true, false},
	{"server_cpu", "server's CPU", "µs", 0, true, false},
	{"server_calls", "system calls", "", 2, true, false},
	{"idle_calls", "idle calls", "1/s", 1, true, false},
	{"idle_cpu", "idle CPU", "ms/s", 2, true, false},
	{"client_heap", "client's heap", "KB", 2, true, false},
	{"server_heap", "server's heap", "KB", 2, true, false},
	{"client_resident", "client's RSS", "KB", 2, true, false},
	{"server_resident", "server's RSS", "KB", 2, true, false},
	{"call", "a call", "ns", 2, true, true},
	{"call_instructions", "a call", "instructions", 2, true, true},
};
const size_t metric_count = COUNT(metrics);

static struct series *all_series;
static size_t series_count;
static struct fact facts[MAX_FACTS];
static size_t fact_count;

const struct metric *find_metric(const char *name)
{
	for (size_t i = 0; i < COUNT(metrics); i++)
		if (strcmp(metrics[i].name, name) == 0)
			return &metrics[i];
	return NULL;
}

static struct series *find(const char *label, const char *contender, const struct metric *metric)
{
	for (size_t i = 0; i < series_count; i++) {
		struct series *series = &all_series[i];

		if (series->metric == metric && strcmp(series->label, label) == 0 &&
		    strcmp(series->contender, contender) == 0)
			return series;
	}
	return NULL;
}

static struct series *add_series(const char *label, const char *contender,
				 const struct metric *metric)
{
	struct series *series;

	if (!all_series)
		all_series = calloc(MAX_SERIES, sizeof(*all_series));
	if (!all_series || series_count == MAX_SERIES)
		die("no room for another series");
	series = &all_series[series_count++];
	series->label = copy_text(label);
	series->contender = copy_text(contender);
	series->metric = metric;
	for (int i = 0; i < MAX_ROUNDS; i++)
		series->values[i] = NAN;
	return series;
}

void results_add(const char *label, const char *contender, const struct metric *metric, int round,
		 double value)
{
	struct series *series = find(label, contender, metric);

	if (!series)
		series = add_series(label, contender, metric);
	series->values[round] = value;
}

void results_add_fact(const char *contender, const char *name, const char *text)
{
	struct fact *fact = &facts[fact_count];

	/* Every worker of a contender says the same; the first is enough. */
	if (results_fact(contender, name))
		return;
	if (fact_count == MAX_FACTS)
		die("no room for another fact");
	fact->contender = copy_text(contender);
	fact->name = copy_text(name);
	fact->text = copy_text(text);
	fact_count++;
}

const struct series *results_at(size_t index)
{
	return index < series_count ? &all_series[index] : NULL;
}

const struct fact *facts_at(size_t index)
{
	return index < fact_count ? &facts[index] : NULL;
}

const struct series *results_find(const char *label, const char *contender,
				  const struct metric *metric)
{
	return find(label, contender, metric);
}

const char *results_fact(const char *contender, const char *name)
{
	for (size_t i = 0; i < fact_count; i++)
		if (strcmp(facts[i].contender, contender) == 0 && strcmp(facts[i].name, name) == 0)
			return facts[i].text;
	return NULL;
}

struct summary series_summary(const struct series *series)
{
	double values[MAX_ROUNDS];
	size_t count = 0;

	for (int i = 0; i < MAX_ROUNDS; i++)
		if (!isnan(series->values[i]))
			values[count++] = series->values[i];
	return summarize(values, count);
}

/* The median over the rounds that both have of what is made of the two values. */
static double compare(const struct series *one, const struct series *other,
		      double (*make)(const struct metric *metric, double a, double b))
{
	double made[MAX_ROUNDS];
	size_t count = 0;

	for (int i = 0; i < MAX_ROUNDS; i++) {
		double a = one->values[i], b = other->values[i];

		if (!isnan(a) && !isnan(b))
			made[count++] = make(one->metric, a, b);
	}
	return count > 0 ? summarize(made, count).median : NAN;
}

static double advantage(const struct metric *metric, double a, double b)
{
	return metric->cost ? b / a : a / b;
}

static double difference(const struct metric *metric, double a, double b)
{
	(void)metric;
	return a - b;
}

double series_advantage(const struct series *one, const struct series *other)
{
	return compare(one, other, advantage);
}

double series_difference(const struct series *one, const struct series *other)
{
	return compare(one, other, difference);
}
