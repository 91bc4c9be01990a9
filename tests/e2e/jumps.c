/* SPDX-License-Identifier: MIT */
/* Signal handlers that jump out of whatever call they come upon (siglongjmp). */
#include "scene.h"
#include "trace.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <tlssock.h>
#include <unistd.h>

enum { JUMPS = 1500 };

static sigjmp_buf out;
static volatile sig_atomic_t armed, jumps;

static void jump(int number)
{
	(void)number;
	if (!armed)
		return;
	armed = 0;
	jumps++;
	siglongjmp(out, 1);
}

/* Returns false if a signal broke it off. */
static bool leave_early(void (*call)(void))
{
	if (sigsetjmp(out, 1))
		return false;
	armed = 1;
	call();
	armed = 0;
	return true;
}

/* The same with a signal every so many microseconds: the first may come before the call. */
static bool leave_within(int us, void (*call)(void))
{
	const struct itimerval soon = {{0, us}, {0, us}}, never = {{0, 0}, {0, 0}};
	bool left;

	assert_ok(setitimer(ITIMER_REAL, &soon, NULL));
	left = leave_early(call);
	assert_ok(setitimer(ITIMER_REAL, &never, NULL));
	return !left;
}

static void jump_out_of_all(int protocol, int flags)
{
	int64_t rounds = 0;

	scene_open(protocol);
	scene_catch(SIGALRM, jump, flags);
	scene_storm();
	for (jumps = 0; jumps < JUMPS; rounds++)
		leave_early(scene_calls[rounds % SCENE_CALLS]);
	scene_calm();
	scene_still_usable();
	scene_close();
}

static void jump_anywhere(void **state)
{
	(void)state;
	jump_out_of_all(IPPROTO_TCP, 0);
	jump_out_of_all(IPPROTO_TLS, 0);
}

/* With a stack of its own for the handler. */
static void jump_from_another_stack(void **state)
{
	static char memory[1 << 16];
	const stack_t stack = {.ss_sp = memory, .ss_size = sizeof(memory)};

	(void)state;
	assert_ok(sigaltstack(&stack, NULL));
	jump_out_of_all(IPPROTO_TLS, SA_ONSTACK);
	assert_ok(sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL));
}

static void receive_for_good(void)
{
	assert_int_equal(recv(scene.link.client, scene_got, sizeof(scene_got), 0), 0);
}

static void send_for_good(void)
{
	for (;;)
		(void)!send(scene.link.client, scene_block, sizeof(scene_block), 0);
}

static void poll_for_good(void)
{
	struct pollfd p = {.fd = scene.link.client, .events = POLLIN};

	poll(&p, 1, -1);
}

static void splice_in_for_good(void)
{
	splice(scene.link.client, NULL, scene.pipe[1], NULL, sizeof(scene_got), 0);
}

static void splice_out_for_good(void)
{
	splice(scene.pipe[0], NULL, scene.link.client, NULL, sizeof(scene_got), 0);
}

/* The way of old to wait for a limited time: alarm, and a jump. */
static void jump_out_of_waits(void **state)
{
	static void (*const waits[])(void) = {receive_for_good, send_for_good, poll_for_good,
					      splice_in_for_good, splice_out_for_good};
	(void)state;
	for (int protocol = IPPROTO_TCP;; protocol = IPPROTO_TLS) {
		scene_open(protocol);
		for (size_t i = 0; i < 10 * COUNT(waits); i++) {
			scene_catch(SIGALRM, jump, SA_RESTART);
			assert_true(leave_within(5000, waits[i % COUNT(waits)]));
			scene_still_usable();
		}
		signal(SIGALRM, SIG_DFL);
		scene_close();
		if (protocol == IPPROTO_TLS)
			break;
	}
}

static int silent_client;
static uint16_t silent_port;

static void connect_for_good(void)
{
	tls_connect(silent_client, AF_INET, silent_port);
}

/* Out of a handshake: the socket can be closed at once, and nothing of it is left. */
static void jump_out_of_connect(void **state)
{
	int listener = net_listen(AF_INET, &silent_port);

	(void)state;
	scene_catch(SIGALRM, jump, 0);
	for (int i = 0; i < 5; i++) {
		silent_client = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
		assert_true(leave_within(20000, connect_for_good));
		assert_int_equal(tls_get_int(silent_client, TLS_WANT), POLLIN);
		assert_ok(close(silent_client));
	}
	signal(SIGALRM, SIG_DFL);
	scene_use_heap();
	close(listener);
}

static struct link half;
static int set;

static void poll_half(void)
{
	struct pollfd p[2] = {{.fd = half.server, .events = POLLIN},
			      {.fd = scene.pipe[0], .events = POLLIN}};

	poll(p, 2, -1);
}

static void select_half(void)
{
	fd_set r;

	FD_ZERO(&r);
	FD_SET(half.server, &r);
	select(half.server + 1, &r, NULL, NULL, NULL);
}

static void epoll_half(void)
{
	struct epoll_event event;

	epoll_wait(set, &event, 1, -1);
}

/* Out of the waits that step a handshake between its flights: the next call goes on. */
static void jump_out_between_flights(void **state)
{
	static void (*const waits[])(void) = {poll_half, select_half, epoll_half};
	(void)state;
	scene_open(IPPROTO_TLS);
	for (size_t i = 0; i < COUNT(waits); i++) {
		link_half_open(&half, AF_INET);
		set = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));
		net_epoll(set, EPOLL_CTL_ADD, half.server, EPOLLIN, 0);
		scene_catch(SIGALRM, jump, SA_RESTART);
		for (int k = 0; k < 10; k++)
			assert_true(leave_within(5000, waits[i]));
		scene_calm();
		scene_use_heap();
		link_finish(&half);
		close(set);
		link_close(&half);
	}
	scene_still_usable();
	scene_close();
}

static const struct CMUnitTest tests[] = {
	CASE(jump_out_of_waits),	CASE(jump_anywhere),
	CASE(jump_from_another_stack),	CASE(jump_out_of_connect),
	CASE(jump_out_between_flights),
};

int main(void)
{
	return compare_main("jumps", NULL, 0, tests, COUNT(tests));
}
