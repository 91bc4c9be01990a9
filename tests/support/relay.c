/* SPDX-License-Identifier: MIT */
#include "relay.h"
#include "net.h"
#include "test.h"
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Returns false at the end of that direction. */
static bool pass(struct relay *relay, int from, int to)
{
	char buf[16384];
	ssize_t got = recv(from, buf, sizeof(buf), 0);

	if (got <= 0) {
		shutdown(to, SHUT_WR);
		return false;
	}
	relay->bytes = realloc(relay->bytes, relay->length + (size_t)got);
	memcpy(relay->bytes + relay->length, buf, (size_t)got);
	relay->length += (size_t)got;
	return send(to, buf, (size_t)got, MSG_NOSIGNAL) == got;
}

static void pass_all(struct relay *relay, int a, int b)
{
	struct pollfd fds[2] = {{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}};

	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		if (poll(fds, 2, -1) < 0)
			return;
		if (fds[0].revents && !pass(relay, a, b))
			fds[0].fd = -1;
		if (fds[1].revents && !pass(relay, b, a))
			fds[1].fd = -1;
	}
}

static void *run(void *arg)
{
	struct relay *relay = arg;
	union net_address address;
	socklen_t length = net_loopback(&address, relay->family, relay->target);
	int in;

	while ((in = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		int out = socket(relay->family, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (out >= 0 && connect(out, &address.any, length) == 0)
			pass_all(relay, in, out);
		if (out >= 0)
			close(out);
		close(in);
	}
	return NULL;
}

void relay_start(struct relay *relay, int family, uint16_t target)
{
	*relay = (struct relay){.family = family, .target = target};
	relay->listener = net_listen(family, &relay->port);
	assert_int_equal(pthread_create(&relay->thread, NULL, run, relay), 0);
}

void relay_stop(struct relay *relay)
{
	shutdown(relay->listener, SHUT_RDWR); /* wakes accept */
	pthread_join(relay->thread, NULL);
	close(relay->listener);
}

bool relay_saw(const struct relay *relay, const char *text)
{
	return memmem(relay->bytes, relay->length, text, strlen(text)) != NULL;
}

void relay_free(struct relay *relay)
{
	free(relay->bytes);
	relay->bytes = NULL;
}
