/* SPDX-License-Identifier: MIT */
/*
 * Whatever a policy's file says: it is parsed, each value is written as it would be in a
 * file and parsed again, and settings are settled by it.
 */
#include "policyapply.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* What is written of a value means the same. */
static void read_back(enum policy_key key, const struct policy_value *value)
{
	struct policy_value again = {0};
	char text[1 << 16], reason[256];

	policy_key_format(key, value, text, sizeof(text));
	if (value->text && strlen(value->text) >= sizeof(text))
		return;
	require(policy_key_parse(key, text, &again, reason, sizeof(reason)) == 0);
	require(again.number == value->number);
	free(again.text);
}

/* Never weaker, whatever the policy is: what was refused is not given. */
static void settle(const struct policy *p, bool server)
{
	const struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(443)};
	const struct policy_place place = {server, "www.example.org", (const struct sockaddr *)&in};
	struct settings *told = settings_new(IPPROTO_TLS), *out = NULL;
	struct policy_values values;
	struct policy_set set;
	char reason[512];

	require(told != NULL);
	told->numbers[SETTING_VERSION_MIN] = TLS_1_2;
	settings_tell(told, SETTING_CIPHERS_ENABLED, "A:B", 3);
	policy_find(p, "/usr/bin/program", &place, &set);
	policy_take(p, &set, &values);
	if (policy_settle(p, &values, server, told, &out, reason, sizeof(reason)) == 0) {
		const struct policy_value *floor = values.of[POLICY_MINIMUM_VERSION];

		if (floor && !(values.may >> POLICY_MINIMUM_VERSION & 1))
			require(out->numbers[SETTING_VERSION_MIN] >= floor->number);
	} else {
		require(out == NULL && strlen(reason) > 0);
	}
	settings_put(out);
	settings_put(told);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy *p = NULL;

	require(policy_parse("/etc/policy", (const char *)data, size, &p) == 0);
	for (size_t i = 0; i + 1 < p->error_count; i++)
		require(p->errors[i].line <= p->errors[i + 1].line);
	for (size_t i = 0; p->error_count == 0 && i < p->count; i++)
		for (int k = 0; k < POLICY_KEYS; k++)
			if (p->sections[i].values[k].line)
				read_back((enum policy_key)k, &p->sections[i].values[k]);
	if (p->error_count == 0) {
		settle(p, false);
		settle(p, true);
	}
	policy_free(p);
	return 0;
}
