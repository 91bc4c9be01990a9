/* SPDX-License-Identifier: MIT */
#include "common.h"
#include "crowd.h"
#include "measure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HELLO = 512 };

void crowd_unblock(int fd)
{
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		die_errno("fcntl O_NONBLOCK");
}

int crowd_connect(int fd, in_port_t port)
{
	struct sockaddr_in address = link_loopback(port);

	crowd_unblock(fd);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 && errno != EINPROGRESS)
		die_errno("connect");
	return fd;
}

/* A record that says it will hold a ClientHello. What follows is not looked at before its end. */
static uint8_t hello_byte(unsigned int at)
{
	static const uint8_t head[] = {
		22, 3, 1, HELLO >> 8, HELLO & 0xff, 1, 0, (HELLO - 4) >> 8, (HELLO - 4) & 0xff,
		3,  3};

	return at < COUNT(head) ? head[at] : 0;
}

/* Each in its turn, evenly over the second; a connection that is gone stays so. */
static void give(struct slow *slow)
{
	uint8_t byte = hello_byte((unsigned int)(slow->given / slow->count));

	send(slow->fds[slow->given % slow->count], &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	slow->given++;
}

/* The first byte at once: a server may not be told of who says nothing. */
void slow_start(struct slow *slow, unsigned int count, in_port_t port)
{
	struct sockaddr_in address = link_loopback(port);

	*slow = (struct slow){.fds = calloc(count, sizeof(*slow->fds)), .count = count};
	if (!slow->fds)
		die_errno("calloc");
	for (unsigned int i = 0; i < count; i++) {
		slow->fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (slow->fds[i] < 0 ||
		    connect(slow->fds[i], (struct sockaddr *)&address, sizeof(address)) < 0)
			die_errno("slow client");
		give(slow);
	}
	slow->begin = now_seconds();
}

void slow_step(struct slow *slow)
{
	double due = slow->count * (1 + now_seconds() - slow->begin);

	while (slow->count && (double)slow->given < due)
		give(slow);
}

void slow_stop(struct slow *slow)
{
	for (unsigned int i = 0; i < slow->count; i++)
		close(slow->fds[i]);
	free(slow->fds);
	*slow = (struct slow){0};
}
