/* SPDX-License-Identifier: MIT */
/*
 * The administrator's policy, which the program's own settings are measured by. It is read
 * with the process's first TLS socket and holds until its end. What is wrong with the file
 * is an error of every socket that would connect or listen.
 */
#ifndef POLICY_H
#define POLICY_H

#include "policyapply.h"

/* At start: TLSSOCK_CONFIG, whose place it is to name another file. 0 or -ENOMEM. */
int policy_environment(const char *(*get)(const char *name));

/* The file that holds: TLSSOCK_CONFIG's or the system's; and whether it is the latter. */
const char *policy_path(bool *of_system);

/* Reads it, once. errno is preserved. */
void policy_load(void);

/* True if there is one: what a socket was told may not be all. */
bool policy_any(void);

/* True if there is one that asks where a server listens. */
bool policy_asks_listeners(void);

/* Finds the sections for a place. 0; -EPROTO for a broken policy, with the reason. */
int policy_sections(const struct policy_place *place, struct policy_set *set, char *reason,
		    size_t size);

/*
 * What those sections make of a socket's settings: policy_settle(), whose result is kept
 * with the settings, so that sockets which share them share it.
 */
int policy_apply(const struct policy_set *set, bool server, struct settings *told,
		 struct settings **out, char *reason, size_t size);

/*
 * For setsockopt: 0 if there is a place and a role (server: 1, 0, or -1: either) in which
 * these settings could be used, as far as the policy tells without it.
 */
int policy_check(struct settings *told, int server, char *reason, size_t size);

/* For fork: nobody is in the middle of it. */
void policy_lock(void);
void policy_unlock(void);

#endif /* POLICY_H */
