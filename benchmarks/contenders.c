/* SPDX-License-Identifier: MIT */
#include "contenders.h"

#include "cases.h"
#include "common.h"
#include "identity.h"
#include "process.h"
#include "proxies.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct contender_program {
	const char *name;
	const char *program;   /* both ends, or the client alone */
	const char *server;    /* the server's, where it is another one */
	const char *parameter; /* one more for the program, or NULL */
	const char *only;      /* the one worker that it is for, or NULL */
	enum proxy_kind proxy;
	bool sockets; /* speaks by socket calls alone */
	bool preload; /* the library into a program that asks for TCP */
} contenders[] = {
	{.name = "tcp", .program = "bench-tcp", .sockets = true},
	{.name = "gnutls", .program = "bench-gnutls"},
	{.name = "openssl", .program = "bench-openssl"},
	{.name = "openssl-release",
	 .program = "bench-openssl",
	 .parameter = "release-buffers=1",
	 .only = "idle"},
	{.name = "tlssock", .program = "bench-tlssock", .sockets = true},
	{.name = "tlssock-preload", .program = "bench-tcp", .preload = true},
	{.name = "stunnel", .program = "bench-tcp", .proxy = PROXY_STUNNEL},
	{.name = "haproxy",
	 .program = "bench-openssl",
	 .server = "bench-tcp",
	 .proxy = PROXY_HAPROXY},
	{.name = "hitch", .program = "bench-openssl", .server = "bench-tcp", .proxy = PROXY_HITCH},
	{.name = FLOOR_AEAD, .program = "bench-floor", .only = "bulk"},
};
_Static_assert(COUNT(contenders) <= MAX_CONTENDERS, "room in struct bench_case");

enum { MAX_PARAMETERS = 24 };

/* The arguments of a worker, in the making. */
struct command {
	const char *argv[MAX_PARAMETERS + 1];
	char texts[MAX_PARAMETERS][4200];
	int count;
};

__attribute__((format(printf, 2, 3))) static void append(struct command *command,
							 const char *format, ...)
{
	va_list args;

	if (command->count == MAX_PARAMETERS)
		die("no room for another parameter");
	va_start(args, format);
	vsnprintf(command->texts[command->count], sizeof(command->texts[0]), format, args);
	va_end(args);
	command->argv[command->count] = command->texts[command->count];
	command->argv[++command->count] = NULL;
}

static void make_command(struct command *command, const struct arguments *arguments,
			 const struct bench_case *bench_case,
			 const struct contender_program *contender, const char *identity,
			 const struct proxies *proxies, bool count_calls)
{
	command->count = 0;
	append(command, "%s/%s", arguments->programs, contender->program);
	append(command, "%s", bench_case->worker);
	append(command, "identity=%s/%s", identity, bench_case->key);
	append(command, "cipher=%s", bench_case->cipher);
	append(command, "write=%u", bench_case->write_bytes);
	append(command, "read=%u", bench_case->read_bytes);
	append(command, "connections=%u", bench_case->connections);
	append(command, "slow=%u", bench_case->slow);
	append(command, "seconds=%g", arguments->seconds);
	append(command, "resume=%d", bench_case->resume);
	append(command, "pin=%d", arguments->pin);
	append(command, "count-calls=%d", count_calls);
	if (contender->parameter)
		append(command, "%s", contender->parameter);
	if (contender->server)
		append(command, "server=%s/%s", arguments->programs, contender->server);
	if (!proxies->count)
		return;
	append(command, "connect=%u", proxies->connect);
	append(command, "listen=%u", proxies->listen);
	if (*proxies->client)
		append(command, "client-proxies=%s", proxies->client);
	append(command, "server-proxies=%s", proxies->server);
}

/* For the library in a program that says nothing to it; others have not these settings. */
static void set_preload(const struct arguments *arguments, const struct bench_case *bench_case,
			const char *identity, char *preload, size_t size)
{
	static const struct {
		const char *name, *file;
	} files[] = {
		{"TLSSOCK_CERT", "cert.pem"}, {"TLSSOCK_KEY", "key.pem"}, {"TLSSOCK_CA", "ca.pem"}};
	char path[4200];

	for (size_t i = 0; i < COUNT(files); i++) {
		snprintf(path, sizeof(path), "%s/%s/%s", identity, bench_case->key, files[i].file);
		setenv(files[i].name, path, 1);
	}
	setenv("ASK_PROTOCOL", "205", 1);
	if (!bench_case->resume)
		setenv("ASK_NO_SESSIONS", "1", 1);
	snprintf(preload, size, "%s:%s", arguments->ask, arguments->library);
}

static void unset_preload(void)
{
	static const char *const names[] = {"TLSSOCK_CERT", "TLSSOCK_KEY", "TLSSOCK_CA",
					    "ASK_PROTOCOL", "ASK_NO_SESSIONS"};

	for (size_t i = 0; i < COUNT(names); i++)
		unsetenv(names[i]);
}

/* "name value", from the client or the server. False: it is not what is to be measured. */
static bool take_line(const struct contender_program *contender, const char *label,
		      unsigned int round, char *line)
{
	const struct metric *metric;
	char *value = strchr(line, ' ');

	if (!value)
		die("%s: not a result: '%s'", contender->name, line);
	*value++ = '\0';
	value[strcspn(value, "\n")] = '\0';
	metric = find_metric(line);
	if (metric && !isfinite(strtod(value, NULL)))
		return false;
	if (metric)
		results_add(label, contender->name, metric, (int)round, parse_number(line, value));
	else if (contender->preload && strcmp(line, "negotiated") == 0 &&
		 strcmp(value, "none") == 0)
		return false;
	/* Of a proxy's client it would not be the proxy's. */
	else if (contender->proxy == PROXY_NONE)
		results_add_fact(contender->name, line, value);
	return true;
}

static bool run_command(const struct command *command, const struct contender_program *contender,
			const char *label, unsigned int round, const char *preload)
{
	struct process process;
	bool fine = true;
	char line[512];

	process_start(&process, command->argv, preload);
	while (fgets(line, sizeof(line), process.output))
		fine &= take_line(contender, label, round, line);
	fine &= process_finish(&process);
	return fine;
}

static bool run_worker(const struct arguments *arguments, const struct bench_case *bench_case,
		       const struct contender_program *contender, const char *identity,
		       unsigned int round, bool count_calls)
{
	static struct command command;
	char key[4096], preload[8300], version[128];
	struct proxy_task task = {key, bench_case->cipher, bench_case->resume, arguments->pin, 0};
	struct proxies proxies;
	bool fine;

	snprintf(key, sizeof(key), "%s/%s", identity, bench_case->key);
	if (!proxies_start(&proxies, contender->proxy, &task))
		return false;
	if (contender->proxy != PROXY_NONE) {
		proxies_version(contender->proxy, version, sizeof(version));
		results_add_fact(contender->name, "version", version);
	}
	make_command(&command, arguments, bench_case, contender, identity, &proxies, count_calls);
	/* A line for each slow client that goes, and for strace's exec, is not asked for. */
	setenv("TLSSOCK_LOG", bench_case->slow || count_calls ? "off" : "error", 1);
	identity_choose_cipher(bench_case->cipher);
	if (contender->preload)
		set_preload(arguments, bench_case, identity, preload, sizeof(preload));
	fine = run_command(&command, contender, bench_case->label, round,
			   contender->preload ? preload : NULL);
	unset_preload();
	proxies_stop(&proxies);
	return fine;
}

static bool takes_part(const struct arguments *arguments, const struct bench_case *bench_case,
		       const struct contender_program *contender, bool count_calls)
{
	bool proxied = contender->proxy != PROXY_NONE;

	if (!list_has(arguments->contenders, contender->name))
		return false;
	if (contender->only && strcmp(contender->only, bench_case->worker) != 0)
		return false;
	if (bench_case->sockets && !contender->sockets)
		return false;
	return !proxied || (!bench_case->no_proxies && !count_calls);
}

/* Said once, and no failure: it is a matter of what is installed. */
static bool is_there(const struct contender_program *contender)
{
	static bool said[COUNT(contenders)];
	bool *once = &said[contender - contenders];

	if (proxies_have(contender->proxy))
		return true;
	if (!*once)
		fprintf(stderr, "%s: is not installed\n", contender->name);
	*once = true;
	return false;
}

/* What no library can go below: TCP's cost of the round, and the cipher's. */
static void add_floor(const char *label, unsigned int round)
{
	static const char *const costs[] = {"sender_cpu", "receiver_cpu"};
	double most = 0;

	for (size_t i = 0; i < COUNT(costs); i++) {
		const struct metric *metric = find_metric(costs[i]);
		const struct series *tcp = results_find(label, "tcp", metric);
		const struct series *aead = results_find(label, FLOOR_AEAD, metric);
		double sum = tcp && aead ? tcp->values[round] + aead->values[round] : NAN;

		if (isnan(sum))
			return;
		results_add(label, FLOOR, metric, (int)round, sum);
		most = fmax(most, sum);
	}
	/* Each side has a CPU; the slower one says how fast it goes. */
	results_add(label, FLOOR, find_metric("throughput"), (int)round, 1000 / most);
}

bool contenders_run(const struct arguments *arguments, struct bench_case *bench_case,
		    const char *identity, unsigned int round, bool count_calls)
{
	bool fine = true;

	for (size_t i = 0; i < COUNT(contenders); i++) {
		size_t which = (i + round) % COUNT(contenders);
		const struct contender_program *contender = &contenders[which];

		if (bench_case->failed[which] ||
		    !takes_part(arguments, bench_case, contender, count_calls) ||
		    !is_there(contender))
			continue;
		if (run_worker(arguments, bench_case, contender, identity, round, count_calls))
			continue;
		/* Not tried again: it may take its full time to fail. */
		fprintf(stderr, "%s: FAILED: %s\n", contender->name, bench_case->label);
		bench_case->failed[which] = true;
		fine = false;
	}
	if (strcmp(bench_case->worker, "bulk") == 0)
		add_floor(bench_case->label, round);
	return fine;
}

void contenders_check(const struct arguments *arguments)
{
	const char *names[COUNT(contenders)];

	for (size_t i = 0; i < COUNT(contenders); i++)
		names[i] = contenders[i].name;
	list_check(arguments->contenders, names, COUNT(contenders));
}
