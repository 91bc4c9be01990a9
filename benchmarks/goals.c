/* SPDX-License-Identifier: MIT */
#include "goals.h"

#include "cases.h"
#include "common.h"
#include "results.h"

#include <math.h>

#define OURS	"tlssock"
#define GNUTLS	"gnutls"
#define OPENSSL "openssl"
#define TCP	"tcp"

/* At least as many times as good as another. */
#define RATIO(label, metric, against, bound, text)                                                 \
	{                                                                                          \
		label, metric, OURS, against, GOAL_RATIO, bound, text                              \
	}

#define BULK_GOALS(write)                                                                          \
	RATIO(BULK_LABEL(write, "65536"), "throughput", GNUTLS, 1,                                 \
	      "throughput at least GnuTLS's"),                                                     \
		RATIO(BULK_LABEL(write, "65536"), "throughput", OPENSSL, 1,                        \
		      "throughput at least OpenSSL's"),                                            \
		RATIO(BULK_LABEL(write, "65536"), "sender_cpu", FLOOR, 1 / 1.25,                   \
		      "the floor is at least 0.8 of the sender's CPU"),                            \
		RATIO(BULK_LABEL(write, "65536"), "receiver_cpu", FLOOR, 1 / 1.25,                 \
		      "the floor is at least 0.8 of the receiver's CPU")

#define SMALL_GOAL(write)                                                                          \
	RATIO(BULK_LABEL(write, "65536"), "throughput", OPENSSL, 1.5,                              \
	      "throughput at least 1.5 times OpenSSL's")

#define HANDSHAKE_GOAL(label) RATIO(label, "rate", GNUTLS, 0.97, "rate at least 0.97 of GnuTLS's")

#define REQUEST_GOALS(n)                                                                           \
	RATIO(REQUESTS_LABEL(n, "100"), "requests", OPENSSL, 1, "at least OpenSSL's rate"),        \
		RATIO(REQUESTS_LABEL(n, "16384"), "requests", OPENSSL, 1,                          \
		      "at least OpenSSL's rate")

#define PLAIN_GOALS(call, calls)                                                                   \
	{PLAIN_LABEL(call),                                                                        \
	 "call",                                                                                   \
	 PLAIN_MORE,                                                                               \
	 NULL,                                                                                     \
	 GOAL_MOST,                                                                                \
	 2 * (calls),                                                                              \
	 "at most 2 ns a call and descriptor more"},                                               \
	{                                                                                          \
		PLAIN_LABEL(call), "call", PLAIN_MORE_BESIDE_TLS, NULL, GOAL_MOST, 2 * (calls),    \
			"at most 2 ns a call and descriptor more beside a TLS socket"              \
	}

const struct goal goals[] = {
	BULK_GOALS("16384"),
	BULK_GOALS("65536"),
	SMALL_GOAL("1024"),
	SMALL_GOAL("1400"),
	RATIO(PINGPONG_LABEL, "p50", OPENSSL, 1, "p50 at most OpenSSL's"),
	{PINGPONG_LABEL, "p50", OURS, TCP, GOAL_MORE, 6, "p50 at most 6 µs over TCP's"},
	HANDSHAKE_GOAL(HANDSHAKES_LABEL("ECDSA")),
	HANDSHAKE_GOAL(RESUMED_LABEL("ECDSA")),
	HANDSHAKE_GOAL(HANDSHAKES_LABEL("RSA")),
	HANDSHAKE_GOAL(RESUMED_LABEL("RSA")),
	{IDLE_LABEL, "client_heap", OURS, NULL, GOAL_MOST, 10, "client's heap at most 10 KB"},
	{IDLE_LABEL, "server_heap", OURS, NULL, GOAL_MOST, 10, "server's heap at most 10 KB"},
	REQUEST_GOALS("1"),
	REQUEST_GOALS("50"),
	REQUEST_GOALS("1000"),
	{CROWD_LABEL, "slowdown", OURS, NULL, GOAL_MOST, 1.5,
	 "slow clients' handshakes make p99 at most 1.5 times as long"},
	PLAIN_GOALS("read", 1),
	PLAIN_GOALS("write", 1),
	PLAIN_GOALS("recv", 1),
	PLAIN_GOALS("send", 1),
	PLAIN_GOALS("readv", 1),
	PLAIN_GOALS("writev", 1),
	PLAIN_GOALS("recvfrom", 1),
	PLAIN_GOALS("sendto", 1),
	PLAIN_GOALS("dup, close", 2),
	PLAIN_GOALS("fcntl", 1),
	PLAIN_GOALS("poll", 1),
	PLAIN_GOALS("poll of 100", 100),
	PLAIN_GOALS("select", 1),
	PLAIN_GOALS("epoll_wait", 1),
};
const size_t goal_count = COUNT(goals);

bool goal_judge(const struct goal *goal, struct verdict *verdict)
{
	const struct metric *metric = find_metric(goal->metric);
	const struct series *ours = results_find(goal->label, goal->contender, metric);
	const struct series *other;

	if (!ours)
		return false;
	if (goal->kind == GOAL_MOST) {
		verdict->value = series_summary(ours).median;
		verdict->met = verdict->value <= goal->bound;
		return true;
	}
	other = results_find(goal->label, goal->against, metric);
	if (!other)
		return false;
	if (goal->kind == GOAL_MORE) {
		verdict->value = series_difference(ours, other);
		verdict->met = verdict->value <= goal->bound;
	} else {
		verdict->value = series_advantage(ours, other);
		verdict->met = verdict->value >= goal->bound;
	}
	return !isnan(verdict->value);
}
