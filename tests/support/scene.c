/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include "starttls.h"
#include "test.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

enum { STORM_US = 150, FIXED = 190 };

struct scene scene;
char scene_block[SCENE_BUFFER], scene_got[SCENE_BUFFER];

void scene_catch(int number, void (*handler)(int number), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	assert_ok(sigaction(number, &action, NULL));
}

void scene_storm(void)
{
	const struct itimerval every = {{0, STORM_US}, {0, STORM_US}};

	assert_ok(setitimer(ITIMER_REAL, &every, NULL));
}

void scene_calm(void)
{
	assert_ok(setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL));
	signal(SIGALRM, SIG_DFL);
}

static void open_rest(void)
{
	assert_ok(pipe(scene.pipe));
	scene.epfd = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));
	net_epoll(scene.epfd, EPOLL_CTL_ADD, scene.link.client, EPOLLIN, 0);
	memset(scene_block, 'b', sizeof(scene_block));
}

void scene_open(int protocol)
{
	link_open(&scene.link, protocol, AF_INET);
	link_open(&scene.other, protocol, AF_INET);
	open_rest();
}

void scene_open_upgraded(void)
{
	starttls_open_tls(&scene.link);
	starttls_open_tls(&scene.other);
	open_rest();
}

void scene_close(void)
{
	close(FIXED);
	close(scene.epfd);
	close(scene.pipe[0]);
	close(scene.pipe[1]);
	link_close(&scene.other);
	link_close(&scene.link);
}

/* What the storm comes upon. None allocates, or leaves something behind if it is left. */
static void send_little(void)
{
	(void)!send(scene.link.client, scene_block, 100, MSG_DONTWAIT);
}

static void send_vector(void)
{
	const struct iovec iov[2] = {{scene_block, 10}, {scene_block, 3000}};

	/* A full buffer would wait here, until a signal comes. */
	(void)!writev(scene.link.client, iov, 2);
}

static void receive_some(void)
{
	while (recv(scene.link.server, scene_got, sizeof(scene_got), MSG_DONTWAIT) > 0)
		continue;
}

static void receive_little(void)
{
	for (int i = 0; i < 20; i++)
		(void)!recv(scene.link.server, scene_got, 1 + (size_t)i * 7,
			    MSG_DONTWAIT | MSG_PEEK * (i & 1));
}

static void wait_in_poll(void)
{
	struct pollfd p[2] = {{.fd = scene.link.client, .events = POLLIN},
			      {.fd = scene.other.client, .events = POLLIN}};

	poll(p, 2, 1);
}

static void wait_in_select(void)
{
	struct timeval timeout = {0, 1000};
	fd_set set;

	FD_ZERO(&set);
	FD_SET(scene.link.client, &set);
	select(scene.link.client + 1, &set, NULL, NULL, &timeout);
}

static void wait_in_epoll(void)
{
	struct epoll_event event;

	epoll_wait(scene.epfd, &event, 1, 1);
}

static void change_set(void)
{
	struct epoll_event event = {.events = EPOLLIN};

	epoll_ctl(scene.epfd, EPOLL_CTL_MOD, scene.link.client, &event);
}

static void ask(void)
{
	int n;
	socklen_t length = sizeof(n);

	getsockopt(scene.link.client, SOL_SOCKET, SO_ERROR, &n, &length);
	getsockopt(scene.link.client, SOL_SOCKET, SO_RCVLOWAT, &n, &length);
}

static void duplicate(void)
{
	dup2(scene.link.client, FIXED);
	close(FIXED);
}

void (*const scene_calls[SCENE_CALLS])(void) = {
	send_little,   send_vector, receive_some, receive_little, wait_in_poll, wait_in_select,
	wait_in_epoll, change_set,  ask,	  duplicate,
};

/* Whoever held a lock of malloc's or ours for good, or spoilt the heap, shows here. */
void scene_use_heap(void)
{
	void *pieces[64];

	for (size_t i = 0; i < COUNT(pieces); i++)
		pieces[i] = malloc(16 << i % 14);
	for (size_t i = 0; i < COUNT(pieces); i++)
		free(pieces[i]);
}

/* All that is under way is opened without an error, and then the connection is as new. */
void scene_still_usable(void)
{
	ssize_t n;

	while ((n = recv(scene.link.server, scene_got, sizeof(scene_got), MSG_DONTWAIT)) > 0)
		assert_int_equal(memchr(scene_got, 'e', (size_t)n) ? 1 : 0, 0);
	assert_int_equal(n < 0 ? errno : -1, EAGAIN);
	assert_int_equal(send(scene.link.client, "end", 3, 0), 3);
	do
		n = (ssize_t)assert_ok(recv(scene.link.server, scene_got, sizeof(scene_got), 0));
	while (!memchr(scene_got, 'e', (size_t)n));
	assert_int_equal(send(scene.link.server, "back", 4, 0), 4);
	assert_int_equal(recv(scene.link.client, scene_got, 4, MSG_WAITALL), 4);
	assert_memory_equal(scene_got, "back", 4);
	scene_use_heap();
}
