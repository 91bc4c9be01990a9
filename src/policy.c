/* SPDX-License-Identifier: MIT */
#include "policy.h"

#include "guard.h"
#include "libc.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Under the lock until loaded is set; not changed afterwards. */
static struct guard lock = GUARD_INIT;
static atomic_bool loaded;
static struct policy *policy; /* NULL: none */
static bool no_memory;	      /* and so it is not known */
static char program[PATH_MAX];
static char *config; /* TLSSOCK_CONFIG */

void policy_lock(void)
{
	guard_lock(&lock);
}

void policy_unlock(void)
{
	guard_unlock(&lock);
}

int policy_environment(const char *(*get)(const char *name))
{
	const char *path = get("TLSSOCK_CONFIG");

	free(config);
	config = path && *path ? strdup(path) : NULL;
	return path && *path && !config ? -ENOMEM : 0;
}

const char *policy_path(bool *of_system)
{
	*of_system = !config;
	return config ? config : TLSSOCK_POLICY_FILE;
}

/* This program's path. A file that was replaced while it runs is still that program. */
static bool find_program(void)
{
	static const char gone[] = " (deleted)";
	ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
	size_t n = len > 0 ? (size_t)len : 0;

	program[n] = '\0';
	if (n > sizeof(gone) && strcmp(program + n - strlen(gone), gone) == 0)
		program[n - strlen(gone)] = '\0';
	return n > 0;
}

static bool asks_program(const struct policy *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->sections[i].matches[POLICY_MATCH_PROGRAM])
			return true;
	return false;
}

static void load(void)
{
	bool of_system;
	const char *path = policy_path(&of_system);
	int r = policy_read(path, of_system, &policy);

	if (r == 0 && policy && asks_program(policy) && !find_program())
		r = policy_add_error(policy, 0,
				     "asks which program this is, and /proc/self/exe does not say");
	no_memory = r < 0;
}

void policy_load(void)
{
	int saved = errno;

	if (loaded)
		return;
	policy_lock();
	if (!loaded)
		load();
	loaded = true;
	policy_unlock();
	errno = saved;
}

bool policy_any(void)
{
	policy_load();
	return policy || no_memory;
}

bool policy_asks_listeners(void)
{
	policy_load();
	for (size_t i = 0; policy && i < policy->count; i++)
		if (policy->sections[i].kind == POLICY_LISTENER)
			return true;
	return false;
}

/* 0, or what is wrong with the file. */
static int check_file(char *reason, size_t size)
{
	char more[80] = "";
	const struct policy_error *e;

	if (no_memory) {
		snprintf(reason, size, "not enough memory for the policy");
		return -ENOMEM;
	}
	if (!policy || policy->error_count == 0)
		return 0;
	e = &policy->errors[0];
	if (policy->error_count > 1)
		snprintf(more, sizeof(more), "; tlssock policy --check tells %zu more",
			 policy->error_count - 1);
	if (e->line)
		snprintf(reason, size, "the policy %s, line %d: %s%s", policy->path, e->line,
			 e->text, more);
	else
		snprintf(reason, size, "the policy %s %s%s", policy->path, e->text, more);
	return -EPROTO;
}

int policy_sections(const struct policy_place *place, struct policy_set *set, char *reason,
		    size_t size)
{
	int r;

	policy_load();
	*set = (struct policy_set){{0}};
	r = check_file(reason, size);
	if (r == 0 && policy)
		policy_find(policy, program, place, set);
	return r;
}

static struct settings *kept(struct settings *told, const struct policy_set *set, bool server)
{
	struct settings *found = NULL;

	policy_lock();
	if (told->derived && told->derived->of_server == server &&
	    memcmp(&told->derived->sections, set, sizeof(*set)) == 0)
		found = settings_ref(told->derived);
	policy_unlock();
	return found;
}

static void keep(struct settings *told, struct settings *derived, const struct policy_set *set,
		 bool server)
{
	struct settings *old;

	derived->sections = *set;
	derived->of_server = server;
	settings_ref(derived);
	policy_lock();
	old = told->derived;
	told->derived = derived;
	policy_unlock();
	settings_put(old);
}

int policy_apply(const struct policy_set *set, bool server, struct settings *told,
		 struct settings **out, char *reason, size_t size)
{
	struct policy_values values;
	int r;

	if (!policy) {
		*out = settings_ref(told);
		return 0;
	}
	*out = kept(told, set, server);
	if (*out)
		return 0;
	policy_take(policy, set, &values);
	r = policy_settle(policy, &values, server, told, out, reason, size);
	if (r == 0 && *out != told)
		keep(told, *out, set, server);
	return r;
}

int policy_check(struct settings *told, int server, char *reason, size_t size)
{
	struct settings *settled = NULL;
	struct policy_values values;
	struct policy_set set;
	int r = 0;

	/* A broken one is told when it matters. */
	if (policy_sections(NULL, &set, reason, size) < 0 || !policy)
		return 0;
	policy_take(policy, &set, &values);
	policy_leave_certain(policy, program, &values);
	for (int role = 0; role <= 1; role++) {
		if (server == !role)
			continue;
		r = policy_settle(policy, &values, role, told, &settled, reason, size);
		if (r == 0) {
			settings_put(settled);
			return 0;
		}
	}
	return r;
}
