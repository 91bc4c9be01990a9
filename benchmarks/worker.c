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
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Added to the time of a measure before it is taken for hung. */
#define GRACE_SECONDS 60

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

double cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
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
	alarm(10 * (unsigned int)setting->seconds + GRACE_SECONDS);
	signal(SIGPIPE, SIG_IGN);
	/*
	 * A pair that the scheduler sometimes puts on one CPU and sometimes on
	 * two gives two different sets of figures.
	 */
	if (setting->pin)
		pin_to_cpu(role == ROLE_CLIENT ? 0 : 1);
	contender.setup(setting, role);
}

static void serve(const struct measure *measure, const struct setting *setting, int port_pipe)
{
	in_port_t port;
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

static void run_client(const struct measure *measure, const struct setting *setting, int port_pipe)
{
	char version[128];
	in_port_t port;

	begin(setting, ROLE_CLIENT);
	if (read(port_pipe, &port, sizeof(port)) != sizeof(port))
		die("the server did not start");
	close(port_pipe);
	contender.version(version, sizeof(version));
	emit_text("version", version);
	measure->client(setting, port);
}

int main(int argc, char **argv)
{
	struct setting setting = {0};
	const struct measure *measure;
	int port_pipe[2], status;
	pid_t server;

	if (argc < 2)
		die("a measure and its parameters, as the driver gives them");
	measure = find_measure(argv[1]);
	for (int i = 2; i < argc; i++)
		parse(&setting, argv[i]);
	if (pipe(port_pipe) < 0)
		die_errno("pipe");
	server = fork();
	if (server < 0)
		die_errno("fork");
	if (server == 0) {
		close(port_pipe[0]);
		serve(measure, &setting, port_pipe[1]);
		return 0;
	}
	setting.server = server;
	close(port_pipe[1]);
	run_client(measure, &setting, port_pipe[0]);
	if (waitpid(server, &status, 0) < 0)
		die_errno("waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		die("the server failed");
	return 0;
}
