/* SPDX-License-Identifier: MIT */
#include "goals.h"

#include "cases.h"
#include "common.h"
#include "results.h"

#include <math.h>

#define OURS	"tlssock"
#define GNUTLS	"gnutls"
#define OPENSSL "openssl"

#define PLAIN_GOALS(call, calls)                                                                   \
	{PLAIN_LABEL(call), "call",                                                                \
	 PLAIN_MORE,	    NULL,                                                                  \
	 3 * (calls),	    "at most 3 ns a call and descriptor more"},                            \
	{                                                                                          \
		PLAIN_LABEL(call), "call", PLAIN_MORE_BESIDE_TLS, NULL, 3 * (calls),               \
			"at most 3 ns a call and descriptor more beside a TLS socket"              \
	}

const struct goal goals[] = {
	{BULK_LABEL("16384", "16384"), "throughput", OURS, GNUTLS, 0.95,
	 "throughput at least 0.95 times GnuTLS's"},
	{BULK_LABEL("16384", "65536"), "throughput", OURS, GNUTLS, 0.95,
	 "throughput at least 0.95 times GnuTLS's"},
	{BULK_LABEL("1024", "16384"), "receiver_cpu", OURS, GNUTLS, 1.3,
	 "bytes per second of the receiver's CPU at least 1.3 times GnuTLS's"},
	{BULK_LABEL("1024", "65536"), "receiver_cpu", OURS, GNUTLS, 1.3,
	 "bytes per second of the receiver's CPU at least 1.3 times GnuTLS's"},
	{PINGPONG_LABEL, "p50", OURS, GNUTLS, 1 / 1.05, "p50 at most 5 % over GnuTLS's"},
	{HANDSHAKES_LABEL, "rate", OURS, GNUTLS, 0.95, "rate at least 0.95 times GnuTLS's"},
	{IDLE_LABEL, "client_heap", OURS, NULL, 12, "client's heap at most 12 KB"},
	{IDLE_LABEL, "server_heap", OURS, NULL, 12, "server's heap at most 12 KB"},
	{REQUESTS_LABEL("1", "100"), "requests", OURS, OPENSSL, 1, "at least OpenSSL's rate"},
	{REQUESTS_LABEL("1", "16384"), "requests", OURS, OPENSSL, 1, "at least OpenSSL's rate"},
	{REQUESTS_LABEL("50", "100"), "requests", OURS, OPENSSL, 1, "at least OpenSSL's rate"},
	{REQUESTS_LABEL("50", "16384"), "requests", OURS, OPENSSL, 1, "at least OpenSSL's rate"},
	{REQUESTS_LABEL("1000", "100"), "requests", OURS, OPENSSL, 1, "at least OpenSSL's rate"},
	{REQUESTS_LABEL("1000", "16384"), "requests", OURS, OPENSSL, 1, "at least OpenSSL's rate"},
	{CROWD_LABEL, "slowdown", OURS, NULL, 1.5,
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
	if (!goal->against) {
		verdict->value = series_summary(ours).median;
		verdict->met = verdict->value <= goal->bound;
		return true;
	}
	other = results_find(goal->label, goal->against, metric);
	if (!other)
		return false;
	verdict->value = series_advantage(ours, other);
	verdict->met = verdict->value >= goal->bound;
	return !isnan(verdict->value);
}
