/* SPDX-License-Identifier: MIT */
/*
 * Identity and proxies for a script that drives other people's programs. Says first where
 * the identity is. Then each line "KIND CIPHER PORT" starts proxies in front of that port:
 * the answer is where to connect and the processes, by commas, or "none"; "stop" ends them,
 * "version KIND" tells what it is. It ends with its input, and takes all with it.
 */
#include "common.h"
#include "identity.h"
#include "proxies.h"

#include <stdio.h>
#include <string.h>

static struct proxies proxies;

static void start(const char *kind, const char *cipher, unsigned int port, const char *directory)
{
	struct proxy_task task = {
		.identity = directory, .cipher = cipher, .resume = true, .behind = (in_port_t)port};
	enum proxy_kind found = proxies_find(kind);

	proxies_stop(&proxies);
	if (found == PROXY_NONE || !proxies_have(found) || !proxies_start(&proxies, found, &task)) {
		printf("none\n");
		return;
	}
	printf("%u %s%s%s\n", proxies.connect, proxies.client, *proxies.client ? "," : "",
	       proxies.server);
}

static void tell_version(const char *kind)
{
	enum proxy_kind found = proxies_find(kind);
	char text[256] = "none";

	if (found != PROXY_NONE && proxies_have(found))
		proxies_version(found, text, sizeof(text));
	printf("%s\n", text);
}

int main(void)
{
	char line[256], kind[32], cipher[64], directory[4096];
	unsigned int port;

	snprintf(directory, sizeof(directory), "%s/%s", identity_new(), IDENTITY_ECDSA);
	printf("%s\n", directory);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (strcmp(line, "stop\n") == 0) {
			proxies_stop(&proxies);
			printf("stopped\n");
		} else if (sscanf(line, "version %31s", kind) == 1) {
			tell_version(kind);
		} else if (sscanf(line, "%31s %63s %u", kind, cipher, &port) == 3) {
			start(kind, cipher, port, directory);
		} else {
			die("not understood: %s", line);
		}
		fflush(stdout);
	}
	proxies_stop(&proxies);
	return 0;
}
