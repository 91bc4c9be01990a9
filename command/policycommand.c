/* SPDX-License-Identifier: MIT */
/* tlssock policy: which value of the policy holds where, and which line says so. */
#include "command.h"

#include "policy.h"
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct question {
	bool check;
	const char *program;
	struct policy_place place;
	bool placed;
	char host[256];
	struct sockaddr_storage address;
};

static int usage(FILE *out)
{
	fprintf(out,
		"Usage: tlssock policy [--program PATH] [--connect HOST:PORT | --listen "
		"ADDRESS:PORT]\n"
		"       tlssock policy --check\n"
		"Shows what the policy says, for a program and for one end of a connection, and "
		"which\nline says it; or with --check whether there is something wrong with "
		"it.\n");
	return out == stdout ? 0 : COMMAND_USAGE;
}

static const char *environment(const char *name)
{
	return secure_getenv(name);
}

/* The policy, NULL: there is none. */
static int read_file(struct policy **p)
{
	bool of_system;
	const char *path;

	if (policy_environment(environment) < 0)
		return -ENOMEM;
	path = policy_path(&of_system);
	return policy_read(path, of_system, p);
}

static int tell_errors(const struct policy *p)
{
	for (size_t i = 0; i < p->error_count; i++)
		if (p->errors[i].line)
			fprintf(stderr, "%s:%d: %s\n", p->path, p->errors[i].line,
				p->errors[i].text);
		else
			fprintf(stderr, "%s: %s\n", p->path, p->errors[i].text);
	return p->error_count ? COMMAND_FAILED : 0;
}

/* The path that the kernel has for a program: no links in it. It is to be freed; NULL: as it is. */
static char *kernels_path(const char *program)
{
	char *path = realpath(program, NULL);

	if (path && strcmp(path, program) != 0)
		return path;
	free(path);
	return NULL;
}

/* A link to a program is no program: such a section would be for nobody. */
static int check_programs(struct policy *p, const struct policy_section *s)
{
	const char *rest = s->matches[POLICY_MATCH_PROGRAM], *item;
	int r = 0;

	while (rest && *rest && r == 0) {
		size_t len = policy_list_next(&rest, &item);
		char link[512], text[2048], *path;

		if (len >= sizeof(link) || memchr(item, '*', len) || memchr(item, '?', len))
			continue;
		snprintf(link, sizeof(link), "%.*s", (int)len, item);
		path = kernels_path(link);
		if (!path)
			continue;
		snprintf(text, sizeof(text),
			 "[%s]: match-program: %s is a link: no program has that "
			 "path, but %s",
			 s->title, link, path);
		r = policy_add_error(p, s->line, text);
		free(path);
	}
	return r;
}

/* A file that a value names and that cannot be read fails the sockets that it is for. */
static int check_file(struct policy *p, enum policy_key key, const struct policy_value *value)
{
	char text[512];

	if (!policy_keys[key].path || !value->line || value->text[0] != '/' ||
	    access(value->text, R_OK) == 0)
		return 0;
	snprintf(text, sizeof(text), "%s: %s: %s", policy_keys[key].name, value->text,
		 strerror(errno));
	return policy_add_error(p, value->line, text);
}

static int check(struct policy *p)
{
	int r = 0;

	for (size_t i = 0; i < p->count && r == 0; i++) {
		r = check_programs(p, &p->sections[i]);
		for (int k = 0; k < POLICY_KEYS && r == 0; k++)
			r = check_file(p, (enum policy_key)k, &p->sections[i].values[k]);
	}
	if (r < 0)
		return COMMAND_FAILED;
	if (p->error_count == 0)
		printf("%s: nothing wrong\n", p->path);
	return tell_errors(p);
}

static bool is_port(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= 5 && strspn(text, "0123456789") == len && atoi(text) <= 65535;
}

/* HOST:PORT, [ADDRESS]:PORT, and for a server :PORT. A name's address is looked up. */
static int take_place(struct question *q, const char *text, bool server)
{
	const char *colon = strrchr(text, ':');
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
	size_t len = colon ? (size_t)(colon - text) : 0;

	if (!colon || len >= sizeof(q->host) || (!len && !server) || !is_port(colon + 1))
		return -EINVAL;
	if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	memcpy(q->host, text, len);
	q->host[len] = '\0';
	hints.ai_flags = AI_NUMERICSERV | (server ? AI_PASSIVE | AI_NUMERICHOST : 0);
	q->placed = true;
	q->place.server = server;
	q->place.name = server ? NULL : q->host;
	if (getaddrinfo(len ? q->host : NULL, colon + 1, &hints, &found) == 0) {
		memcpy(&q->address, found->ai_addr, found->ai_addrlen);
		freeaddrinfo(found);
	} else {
		/* Sections that ask for no address can be told all the same. */
		((struct sockaddr_in *)&q->address)->sin_port = htons((uint16_t)atoi(colon + 1));
	}
	q->place.address = (struct sockaddr *)&q->address;
	return 0;
}

static int parse_arguments(struct question *q, int argc, char *argv[])
{
	static const struct option options[] = {
		{"check", no_argument, NULL, 'k'},
		{"program", required_argument, NULL, 'p'},
		{"connect", required_argument, NULL, 'c'},
		{"listen", required_argument, NULL, 'l'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h')
			exit(usage(stdout));
		if (option == 'k')
			q->check = true;
		else if (option == 'p' && *optarg == '/')
			q->program = optarg;
		else if (option == '?' || option == 'p' || q->placed ||
			 take_place(q, optarg, option == 'l') < 0)
			return -EINVAL;
	}
	return optind == argc ? 0 : -EINVAL;
}

static void tell_place(const struct question *q)
{
	char address[INET6_ADDRSTRLEN] = "", service[8] = "";

	if (!q->placed)
		return;
	if (q->address.ss_family)
		getnameinfo((const struct sockaddr *)&q->address, sizeof(q->address), address,
			    sizeof(address), service, sizeof(service),
			    NI_NUMERICHOST | NI_NUMERICSERV);
	if (q->place.server)
		printf("listener: %s port %s\n", address, service);
	else if (strcmp(address, q->host) == 0)
		printf("peer: %s port %s\n", address, service);
	else
		printf("peer: %s (%s) port %u\n", q->host, *address ? address : "no address known",
		       ntohs(((const struct sockaddr_in *)&q->address)->sin_port));
}

static void tell_values(const struct policy_values *v, const struct question *q)
{
	for (int k = 0; k < POLICY_KEYS; k++) {
		const struct policy_key_row *row = &policy_keys[k];
		char text[256] = "";

		if (q->placed && (q->place.server ? row->clients_only : row->servers_only))
			continue;
		if (!v->of[k]) {
			printf("%-21s %-24s default\n", row->name, row->otherwise);
			continue;
		}
		policy_key_format((enum policy_key)k, v->of[k], text, sizeof(text));
		printf("%-21s %-24s line %d, [%s]\n", row->name, text, v->of[k]->line,
		       v->from[k]->title);
	}
}

/* Of sections that are for other places, when none was asked for. */
static void tell_others(const struct policy *p, const struct question *q)
{
	for (size_t i = 0; i < p->count && !q->placed; i++)
		if (p->sections[i].kind == POLICY_DESTINATION ||
		    p->sections[i].kind == POLICY_LISTENER)
			printf("[%s], line %d, may say otherwise: ask with %s\n",
			       p->sections[i].title, p->sections[i].line,
			       p->sections[i].kind == POLICY_LISTENER ? "--listen" : "--connect");
}

static int show(const struct policy *p, const struct question *q)
{
	char *path = q->program ? kernels_path(q->program) : NULL;
	const char *program = path ? path : q->program ? q->program : "";
	struct policy_values values;
	struct policy_set set;

	printf("policy: %s\n", p->path);
	if (path)
		printf("program: %s (%s)\n", path, q->program);
	else
		printf("program: %s\n", q->program ? q->program : "any that has no section");
	tell_place(q);
	policy_find(p, program, q->placed ? &q->place : NULL, &set);
	free(path);
	policy_take(p, &set, &values);
	tell_values(&values, q);
	tell_others(p, q);
	return 0;
}

int command_policy(int argc, char *argv[])
{
	struct question q = {0};
	struct policy *p = NULL;
	bool of_system;
	int r;

	if (parse_arguments(&q, argc, argv) < 0)
		return usage(stderr);
	if (read_file(&p) < 0) {
		fprintf(stderr, "tlssock policy: not enough memory\n");
		return COMMAND_FAILED;
	}
	if (!p) {
		printf("%s is not there: programs decide for themselves\n",
		       policy_path(&of_system));
		return 0;
	}
	if (q.check)
		r = check(p);
	else if (p->error_count)
		r = tell_errors(p);
	else
		r = show(p, &q);
	policy_free(p);
	return r;
}
