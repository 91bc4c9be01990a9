/* SPDX-License-Identifier: MIT */
/*
 * One measure of one contender: this process is the client, a child of it the
 * server. Prints "name value" lines for the driver to collect.
 */
#include "common.h"
#include "measure.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Added to the time of a measure before it is taken for hung. */
#define GRACE_SECONDS 300

static const struct measure *const measures[] = {&bulk, &pingpong, &handshakes,
						 &idle, &requests, &crowded};

struct parameter {
	const char *name;
	enum { TEXT, UNSIGNED, DOUBLE, FLAG } kind;
	size_t offset;
};

/* Given as name=value on the command line. */
static const struct parameter parameters[] = {
	{"identity", TEXT, offsetof(struct setting, identity)},
	{"cipher", TEXT, offsetof(struct setting, cipher)},
	{"server", TEXT, offsetof(struct setting, server_program)},
	{"client-proxies", TEXT, offsetof(struct setting, client_proxies)},
	{"server-proxies", TEXT, offsetof(struct setting, server_proxies)},
	{"connect", UNSIGNED, offsetof(struct setting, connect_port)},
	{"listen", UNSIGNED, offsetof(struct setting, listen_port)},
	{"report-to", UNSIGNED, offsetof(struct setting, report_to)},
	{"write", UNSIGNED, offsetof(struct setting, write_bytes)},
	{"read", UNSIGNED, offsetof(struct setting, read_bytes)},
	{"connections", UNSIGNED, offsetof(struct setting, connections)},
	{"slow", UNSIGNED, offsetof(struct setting, slow)},
	{"seconds", DOUBLE, offsetof(struct setting, seconds)},
	{"resume", FLAG, offsetof(struct setting, resume)},
	{"release-buffers", FLAG, offsetof(struct setting, release_buffers)},
	{"pin", FLAG, offsetof(struct setting, pin)},
	{"count-calls", FLAG, offsetof(struct setting, count_calls)},
};

void emit_text(const char *name, const char *text)
{
	char line[256];
	int size = snprintf(line, sizeof(line), "%s %s\n", name, text);

	/* In one write, since client and server share the pipe. */
	if (write(STDOUT_FILENO, line, (size_t)size) != size)
		die_errno("write");
}

void emit(const char *name, double value)
{
	char text[64];

	snprintf(text, sizeof(text), "%.9g", value);
	emit_text(name, text);
}

void identity_path(const struct setting *setting, const char *file, char *path, size_t size)
{
	if (snprintf(path, size, "%s/%s", setting->identity, file) >= (int)size)
		die("path too long: %s", setting->identity);
}

static void store(struct setting *setting, const struct parameter *parameter, const char *value)
{
	char *field = (char *)setting + parameter->offset;

	switch (parameter->kind) {
	case TEXT:
		*(const char **)(void *)field = value;
		break;
	case UNSIGNED:
		*(unsigned int *)(void *)field = (unsigned int)parse_number(parameter->name, value);
		break;
	case DOUBLE:
		*(double *)(void *)field = parse_number(parameter->name, value);
		break;
	case FLAG:
		*(bool *)(void *)field = parse_number(parameter->name, value) != 0;
		break;
	}
}

static void parse(struct setting *setting, const char *argument)
{
	for (size_t i = 0; i < COUNT(parameters); i++) {
		size_t length = strlen(parameters[i].name);

		if (strncmp(argument, parameters[i].name, length) == 0 && argument[length] == '=') {
			store(setting, &parameters[i], argument + length + 1);
			return;
		}
	}
	die("not a parameter: '%s'", argument);
}

static const struct measure *find_measure(const char *name)
{
	for (size_t i = 0; i < COUNT(measures); i++)
		if (strcmp(measures[i]->name, name) == 0)
			return measures[i];
	die("not a measure: '%s'", name);
}

static void begin(const struct setting *setting, enum role role)
{
	const char *proxies =
		role == ROLE_CLIENT ? setting->client_proxies : setting->server_proxies;

	alarm(10 * (unsigned int)setting->seconds + GRACE_SECONDS);
	signal(SIGPIPE, SIG_IGN);
	/*
	 * A pair that the scheduler sometimes puts on one CPU and sometimes on
	 * two gives two different sets of figures.
	 */
	if (setting->pin)
		pin_to_cpu(role == ROLE_CLIENT ? 0 : 1);
	if (proxies)
		cpu_add_processes(proxies);
	contender.setup(setting, role);
}

static void serve(const struct measure *measure, const struct setting *setting, int port_pipe)
{
	in_port_t port = (in_port_t)setting->listen_port;
	int listener;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	begin(setting, ROLE_SERVER);
	listener = link_listen(&port);
	if (write(port_pipe, &port, sizeof(port)) != sizeof(port))
		die_errno("write");
	close(port_pipe);
	measure->server(setting, listener);
	close(listener);
}

/* The server is another program, which is told the same and where to say its port. */
static _Noreturn void become_server(const struct setting *setting, int argc, char **argv,
				    int port_pipe)
{
	char report_to[32], **arguments = calloc((size_t)argc + 2, sizeof(*arguments));

	if (!arguments)
		die_errno("calloc");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	memcpy(arguments, argv, (size_t)argc * sizeof(*argv));
	snprintf(report_to, sizeof(report_to), "report-to=%d", port_pipe);
	arguments[argc] = report_to;
	execv(setting->server_program, arguments);
	die_errno(setting->server_program);
}

static void run_client(const struct measure *measure, const struct setting *setting, int port_pipe)
{
	char version[128];
	in_port_t port;

	begin(setting, ROLE_CLIENT);
	if (read(port_pipe, &port, sizeof(port)) != sizeof(port))
		die("the server did not start");
	close(port_pipe);
	if (setting->connect_port)
		port = (in_port_t)setting->connect_port;
	contender.version(version, sizeof(version));
	emit_text("version", version);
	measure->client(setting, port);
}

static void run_both(const struct measure *measure, struct setting *setting, int argc, char **argv)
{
	int port_pipe[2], status;

	if (pipe(port_pipe) < 0)
		die_errno("pipe");
	setting->server = fork();
	if (setting->server < 0)
		die_errno("fork");
	if (setting->server == 0) {
		close(port_pipe[0]);
		if (setting->server_program)
			become_server(setting, argc, argv, port_pipe[1]);
		serve(measure, setting, port_pipe[1]);
		return;
	}
	close(port_pipe[1]);
	run_client(measure, setting, port_pipe[0]);
	if (waitpid(setting->server, &status, 0) < 0)
		die_errno("waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		die("the server failed");
}

int main(int argc, char **argv)
{
	struct setting setting = {0};
	const struct measure *measure;

	if (argc < 2)
		die("a measure and its parameters, as the driver gives them");
	measure = find_measure(argv[1]);
	for (int i = 2; i < argc; i++)
		parse(&setting, argv[i]);
	if (setting.report_to)
		serve(measure, &setting, (int)setting.report_to);
	else
		run_both(measure, &setting, argc, argv);
	return 0;
}
