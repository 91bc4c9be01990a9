/* SPDX-License-Identifier: MIT */
/*
 * Requests: an epoll server answers small requests; the client, an epoll loop too,
 * has one request on its way on each of many connections.
 */
#include "calls.h"
#include "common.h"
#include "measure.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { REQUEST_BYTES = 100, BATCH = 64, WARM_UP = 200, COUNTED = 2000 };

struct crowd {
	struct link *links;
	unsigned int count;
	int set;
};

static void watch(struct crowd *crowd, unsigned int which)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = which};

	if (epoll_ctl(crowd->set, EPOLL_CTL_ADD, crowd->links[which].fd, &event) < 0)
		die_errno("epoll_ctl");
}

static void crowd_open(struct crowd *crowd, unsigned int count)
{
	crowd->links = calloc(count, sizeof(*crowd->links));
	crowd->count = count;
	crowd->set = epoll_create1(EPOLL_CLOEXEC);
	if (!crowd->links || crowd->set < 0)
		die_errno("epoll_create1");
}

static void crowd_close(struct crowd *crowd)
{
	for (unsigned int i = 0; i < crowd->count; i++)
		if (crowd->links[i].fd >= 0)
			link_close(&crowd->links[i]);
	close(crowd->set);
	free(crowd->links);
}

static int wait_some(struct crowd *crowd, struct epoll_event *events)
{
	int n;

	/* A tracer that attaches interrupts it. */
	do
		n = epoll_wait(crowd->set, events, BATCH, -1);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		die_errno("epoll_wait");
	return n;
}

static char *answer;

static void ask(struct link *link)
{
	static const char request[REQUEST_BYTES] = {'r'};

	contender.send(link, request, sizeof(request));
}

static void answer_all(struct crowd *crowd, const struct setting *setting)
{
	for (unsigned int i = 0; i < crowd->count; i++)
		link_receive_all(&crowd->links[i], answer, setting->write_bytes);
}

static void ask_all(struct crowd *crowd)
{
	for (unsigned int i = 0; i < crowd->count; i++)
		ask(&crowd->links[i]);
}

/* Until the time, or until so many answers came: how many came. */
static unsigned long converse(struct crowd *crowd, const struct setting *setting, double end,
			      unsigned long most)
{
	struct epoll_event events[BATCH];
	unsigned long answers = 0;

	while (answers < most && now_seconds() < end) {
		int n = wait_some(crowd, events);

		for (int i = 0; i < n; i++) {
			struct link *link = &crowd->links[events[i].data.u32];

			link_receive_all(link, answer, setting->write_bytes);
			ask(link);
		}
		answers += (unsigned long)n;
	}
	return answers;
}

/* Between two silences, so that each call counted is of a request counted. */
static void count_calls(struct crowd *crowd, const struct setting *setting)
{
	unsigned long answers, calls;

	if (!calls_begin(setting->server))
		return;
	ask_all(crowd);
	answers = converse(crowd, setting, INFINITY, COUNTED + 10 * (unsigned long)crowd->count);
	answer_all(crowd, setting);
	calls = calls_end();
	emit("server_calls", (double)calls / (double)(answers + crowd->count));
}

static void measure_time(struct crowd *crowd, const struct setting *setting)
{
	double cpu = cpu_seconds(), begin = now_seconds(), elapsed;
	unsigned long n;

	n = converse(crowd, setting, begin + setting->seconds, (unsigned long)-1);
	elapsed = now_seconds() - begin;
	emit("requests", (double)n / elapsed);
	emit("client_cpu", (cpu_seconds() - cpu) / (double)n * 1e6);
}

static void requests_client(const struct setting *setting, in_port_t port)
{
	struct crowd crowd;

	answer = calloc(1, setting->write_bytes);
	crowd_open(&crowd, setting->connections);
	for (unsigned int i = 0; i < crowd.count; i++) {
		link_connect(&crowd.links[i], port, false);
		ask(&crowd.links[i]);
		watch(&crowd, i);
	}
	/* Each has its first answer: a proxy's handshakes come after connect. */
	converse(&crowd, setting, INFINITY, crowd.count);
	converse(&crowd, setting, now_seconds() + setting->seconds,
		 WARM_UP + 2 * (unsigned long)crowd.count);
	if (!setting->count_calls)
		measure_time(&crowd, setting);
	/* What is unread at close would be a reset. */
	answer_all(&crowd, setting);
	if (setting->count_calls)
		count_calls(&crowd, setting);
	crowd_close(&crowd);
	free(answer);
}

/* Returns false at the end of the connection. */
static bool serve_one(struct crowd *crowd, unsigned int which, const struct setting *setting)
{
	struct link *link = &crowd->links[which];
	char request[REQUEST_BYTES];
	size_t got = contender.receive(link, request, sizeof(request));

	if (got == 0) {
		epoll_ctl(crowd->set, EPOLL_CTL_DEL, link->fd, NULL);
		link_close(link);
		return false;
	}
	if (got < sizeof(request))
		link_receive_all(link, request + got, sizeof(request) - got);
	contender.send(link, answer, setting->write_bytes);
	return true;
}

static void requests_server(const struct setting *setting, int listener)
{
	unsigned long served = 0, counted_from = WARM_UP + 2 * (unsigned long)setting->connections;
	struct epoll_event events[BATCH];
	unsigned int open;
	struct crowd crowd;
	double cpu = 0;

	answer = calloc(1, setting->write_bytes);
	crowd_open(&crowd, setting->connections);
	for (open = 0; open < crowd.count; open++) {
		link_accept(&crowd.links[open], listener, false);
		/* A handshake may run in the first call that needs it. */
		serve_one(&crowd, open, setting);
		served++;
		watch(&crowd, open);
	}
	while (open > 0) {
		int n = wait_some(&crowd, events);

		for (int i = 0; i < n; i++) {
			if (!serve_one(&crowd, events[i].data.u32, setting))
				open--;
			else if (++served == counted_from)
				cpu = cpu_seconds();
		}
	}
	/* Tracing costs the server time. */
	if (served > counted_from && !setting->count_calls)
		emit("server_cpu", (cpu_seconds() - cpu) / (double)(served - counted_from) * 1e6);
	crowd_close(&crowd);
	free(answer);
}

const struct measure requests = {"requests", requests_client, requests_server};
