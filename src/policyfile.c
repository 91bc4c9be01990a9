/* SPDX-License-Identifier: MIT */
#include "policyfile.h"

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than that are not told; and inih takes names of 49 bytes. */
enum { MAX_ERRORS = 100, MAX_NAME = 49, MAX_LINE = 198, REASON = 256 };

static const char *const match_names[POLICY_MATCHES] = {
	[POLICY_MATCH_PROGRAM] = "match-program",
	[POLICY_MATCH_HOST] = "match-host",
	[POLICY_MATCH_ADDRESS] = "match-address",
	[POLICY_MATCH_PORT] = "match-port",
};

/* What a kind of section may be matched by, and of which it needs one. */
#define PROGRAM (1U << POLICY_MATCH_PROGRAM)
#define HOST	(1U << POLICY_MATCH_HOST)
#define ADDRESS (1U << POLICY_MATCH_ADDRESS)
#define PORT	(1U << POLICY_MATCH_PORT)

static const struct {
	const char *name;
	unsigned int may, needs;
	const char *needed;
} kinds[] = {
	[POLICY_ALL] = {"all", 0, 0, NULL},
	[POLICY_PROGRAM] = {"program", PROGRAM, PROGRAM, "match-program"},
	[POLICY_DESTINATION] = {"destination", PROGRAM | HOST | ADDRESS | PORT,
				HOST | ADDRESS | PORT, "match-host, match-address or match-port"},
	[POLICY_LISTENER] = {"listener", PROGRAM | ADDRESS | PORT, ADDRESS | PORT,
			     "match-address or match-port"},
};

/* inih tells no line numbers and names only the first line that it cannot parse. */
struct parser {
	struct policy *p;
	const char *text, *end, *at;
	int line;
	struct policy_section *section; /* NULL: none yet, or one that is wrong */
	bool no_memory;
	unsigned char *bad; /* by line: inih cannot parse it, so it is not shown it again */
};

int policy_add_error(struct policy *p, int line, const char *text)
{
	struct policy_error *grown;
	char *copy;
	size_t i;

	if (p->error_count == MAX_ERRORS)
		return 0;
	grown = realloc(p->errors, (p->error_count + 1) * sizeof(*grown));
	if (grown)
		p->errors = grown;
	copy = strdup(text);
	if (!grown || !copy) {
		free(copy);
		return -ENOMEM;
	}
	for (i = p->error_count++; i > 0 && p->errors[i - 1].line > line; i--)
		p->errors[i] = p->errors[i - 1];
	p->errors[i] = (struct policy_error){line, copy};
	return 0;
}

__attribute__((format(printf, 3, 4))) static void error(struct parser *ps, int line,
							const char *format, ...)
{
	char text[2 * REASON];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (policy_add_error(ps->p, line, text) < 0)
		ps->no_memory = true;
}

static void section_end(struct parser *ps)
{
	struct policy_section *s = ps->section;
	unsigned int has = 0;

	if (!s)
		return;
	for (int m = 0; m < POLICY_MATCHES; m++)
		has |= s->matches[m] ? 1U << m : 0;
	if (kinds[s->kind].needs && !(kinds[s->kind].needs & has))
		error(ps, s->line, "[%s]: needs %s", s->title, kinds[s->kind].needed);
	if (s->values[POLICY_KEY].line && !s->values[POLICY_CERTIFICATE].line)
		error(ps, s->values[POLICY_KEY].line, "key: the section has no certificate");
}

static int kind_of(const char *title, size_t len)
{
	size_t word = strcspn(title, " \t");

	if (word > len)
		word = len;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		if (strlen(kinds[k].name) == word && memcmp(title, kinds[k].name, word) == 0)
			return (int)k;
	return -1;
}

static void section_begin(struct parser *ps, const char *title, size_t len)
{
	struct policy *p = ps->p;
	struct policy_section *grown;
	int kind = kind_of(title, len);

	section_end(ps);
	ps->section = NULL;
	if (len > MAX_NAME || p->count == POLICY_SECTIONS)
		return error(ps, ps->line, "%s",
			     len > MAX_NAME ? "a section's name has at most 49 bytes"
					    : "a policy has at most 256 sections");
	if (kind < 0)
		return error(ps, ps->line,
			     "[%.*s]: unknown section: there are all, program NAME, destination "
			     "NAME and listener NAME",
			     (int)len, title);
	for (size_t i = 0; i < p->count; i++)
		if (strlen(p->sections[i].title) == len &&
		    memcmp(p->sections[i].title, title, len) == 0)
			return error(ps, ps->line, "[%.*s]: the section stands in line %d already",
				     (int)len, title, p->sections[i].line);
	grown = realloc(p->sections, (p->count + 1) * sizeof(*grown));
	if (!grown) {
		ps->no_memory = true;
		return;
	}
	p->sections = grown;
	ps->section = &grown[p->count++];
	*ps->section = (struct policy_section){.kind = (enum policy_kind)kind, .line = ps->line};
	memcpy(ps->section->title, title, len);
}

static void header(struct parser *ps, const char *line)
{
	const char *end = strchr(line, ']');

	/* Without the bracket inih says that it cannot parse the line. */
	if (!end)
		return;
	section_begin(ps, line + 1, (size_t)(end - line - 1));
	if (end[1 + strspn(end + 1, " \t\r\n")])
		error(ps, ps->line, "something stands behind a section's name");
}

/* What inih would take for something else. */
static void look_at(struct parser *ps, const char *line)
{
	const char *first = line + strspn(line, " \t\r\n");

	if (*line == '[')
		header(ps, line);
	else if (*first == '[')
		error(ps, ps->line, "a section's name stands at the beginning of its line");
}

/* An ini_reader: the next line of the text, as fgets() gives it. */
static char *next_line(char *buf, int size, void *arg)
{
	struct parser *ps = arg;
	const char *newline;
	size_t len;

	if (ps->at == ps->end || ps->no_memory)
		return NULL;
	newline = memchr(ps->at, '\n', (size_t)(ps->end - ps->at));
	len = newline ? (size_t)(newline + 1 - ps->at) : (size_t)(ps->end - ps->at);
	ps->line++;
	snprintf(buf, (size_t)size, "%.*s", (int)len, ps->at);
	if (ps->bad[ps->line]) {
		snprintf(buf, (size_t)size, "\n");
	} else if (memchr(ps->at, '\0', len)) {
		error(ps, ps->line, "has a NUL byte");
		snprintf(buf, (size_t)size, "\n");
	} else if (len >= (size_t)size || len > MAX_LINE) {
		error(ps, ps->line,
		      "is longer than %d bytes: a list goes on in the next line, "
		      "behind blanks",
		      MAX_LINE);
		snprintf(buf, (size_t)size, "\n");
	} else {
		look_at(ps, buf);
	}
	ps->at += len;
	return buf;
}

/* A line that begins with blanks goes on with the list of the one before. */
static void go_on(struct parser *ps, char **list, const char *value)
{
	size_t len = strlen(*list);
	char *joined = NULL;

	while (len && ((*list)[len - 1] == ',' || (*list)[len - 1] == ' '))
		len--;
	if (asprintf(&joined, "%.*s, %s", (int)len, *list, value) < 0) {
		ps->no_memory = true;
		return;
	}
	free(*list);
	*list = joined;
}

static void indented(struct parser *ps, const char *name)
{
	error(ps, ps->line,
	      "%s: a line that begins with blanks goes on with a list: a key stands at the "
	      "beginning of its line",
	      name);
}

static void take_match(struct parser *ps, enum policy_match match, const char *value, bool more)
{
	struct policy_section *s = ps->section;
	char reason[REASON];

	if (!(kinds[s->kind].may & 1U << match))
		return error(ps, ps->line, "%s: not in a section for %s", match_names[match],
			     s->kind == POLICY_ALL ? "all" : kinds[s->kind].name);
	if (more && !s->matches[match])
		return indented(ps, match_names[match]);
	if (s->matches[match] && !more)
		return error(ps, ps->line, "%s: stands in this section already",
			     match_names[match]);
	/* A list that goes on may end with a comma. */
	if (policy_match_check(match, value, reason, sizeof(reason)) < 0)
		error(ps, ps->line, "%s: %s", match_names[match], reason);
	if (s->matches[match])
		return go_on(ps, &s->matches[match], value);
	s->matches[match] = strdup(value);
	ps->no_memory = ps->no_memory || !s->matches[match];
}

static void take_value(struct parser *ps, enum policy_key key, const char *value, bool more)
{
	struct policy_value *old = &ps->section->values[key], told = {0};
	const char *name = policy_keys[key].name;
	char reason[REASON], *joined = NULL;
	int r;

	if (more && (!policy_keys[key].list || !old->line))
		return indented(ps, name);
	if (old->line && !more)
		return error(ps, ps->line, "%s: stands in line %d already", name, old->line);
	if (more && old->text) {
		joined = strdup(old->text);
		if (joined)
			go_on(ps, &joined, value);
		ps->no_memory = ps->no_memory || !joined;
	}
	if (ps->no_memory) {
		free(joined);
		return;
	}
	r = policy_key_parse(key, joined ? joined : value, &told, reason, sizeof(reason));
	free(joined);
	if (r == -ENOMEM)
		ps->no_memory = true;
	else if (r < 0)
		error(ps, ps->line, "%s: %s", name, reason);
	if (r < 0)
		return;
	told.line = more && old->line ? old->line : ps->line;
	free(old->text);
	*old = told;
}

/* True if the line that the reader has just gone past begins with blanks. */
static bool goes_on(const struct parser *ps)
{
	const char *line = ps->at - 1;

	while (line > ps->text && line[-1] != '\n')
		line--;
	return *line == ' ' || *line == '\t';
}

/* An ini_handler. A line that goes on has the name of the one before. */
static int take(void *arg, const char *section, const char *name, const char *value)
{
	struct parser *ps = arg;
	bool more = goes_on(ps);
	char rest[MAX_LINE];
	size_t len = strlen(value);
	int key;

	(void)section;
	/* There inih leaves the comment. */
	for (size_t i = 1; more && i < len; i++)
		if (value[i] == ';' && (value[i - 1] == ' ' || value[i - 1] == '\t'))
			len = i - 1;
	snprintf(rest, sizeof(rest), "%.*s", (int)len, value);
	value = rest;
	if (!ps->section && ps->p->count == 0 && ps->p->error_count == 0)
		error(ps, ps->line, "%s: stands in no section", name);
	if (!ps->section)
		return 1;
	for (int m = 0; m < POLICY_MATCHES; m++)
		if (strcmp(match_names[m], name) == 0) {
			take_match(ps, (enum policy_match)m, value, more);
			return 1;
		}
	key = policy_key_find(name);
	if (key < 0)
		error(ps, ps->line, "%s: unknown key", name);
	else
		take_value(ps, (enum policy_key)key, value, more);
	return 1;
}

static void forget(struct policy *p)
{
	for (size_t i = 0; i < p->count; i++) {
		for (int m = 0; m < POLICY_MATCHES; m++)
			free(p->sections[i].matches[m]);
		for (int k = 0; k < POLICY_KEYS; k++)
			free(p->sections[i].values[k].text);
	}
	for (size_t i = 0; i < p->error_count; i++)
		free(p->errors[i].text);
	p->count = p->error_count = 0;
}

void policy_free(struct policy *p)
{
	if (!p)
		return;
	forget(p);
	free(p->sections);
	free(p->errors);
	free(p->path);
	free(p);
}

/* The line that inih cannot parse, 0: none. */
static int pass(struct parser *ps)
{
	int bad;

	forget(ps->p);
	ps->at = ps->text;
	ps->line = 0;
	ps->section = NULL;
	bad = ini_parse_stream(next_line, ps, take, ps);
	section_end(ps);
	for (int i = 1; i <= ps->line; i++)
		if (ps->bad[i])
			error(ps, i, "is neither a section nor KEY = VALUE");
	return bad;
}

int policy_parse(const char *path, const char *text, size_t len, struct policy **out)
{
	struct parser ps = {.text = text, .end = text + len};
	size_t lines = 2;
	int bad = -1, tries = 0;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	ps.bad = calloc(lines, 1);
	ps.p = calloc(1, sizeof(*ps.p));
	if (ps.p)
		ps.p->path = strdup(path);
	if (ps.bad && ps.p && ps.p->path) {
		while ((bad = pass(&ps)) > 0 && tries++ < MAX_ERRORS && !ps.no_memory)
			ps.bad[bad] = 1;
	}
	free(ps.bad);
	if (bad < 0 || ps.no_memory) {
		policy_free(ps.p);
		return -ENOMEM;
	}
	*out = ps.p;
	return 0;
}
