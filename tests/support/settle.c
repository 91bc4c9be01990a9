/* SPDX-License-Identifier: MIT */
#include "settle.h"
#include "proc.h"
#include "test.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/socket.h>

static struct tcp_info info_of(int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	assert_ok(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	return info;
}

static bool has_sent_fin(const struct tcp_info *info)
{
	return info->tcpi_state == BPF_TCP_FIN_WAIT1 || info->tcpi_state == BPF_TCP_FIN_WAIT2 ||
	       info->tcpi_state == BPF_TCP_LAST_ACK || info->tcpi_state == BPF_TCP_CLOSING;
}

static bool has_arrived(const struct tcp_info *from, const struct tcp_info *to)
{
	if (from->tcpi_notsent_bytes > 0 ||
	    to->tcpi_bytes_received < from->tcpi_bytes_sent - from->tcpi_bytes_retrans)
		return false;
	return !has_sent_fin(from) ||
	       (to->tcpi_state != BPF_TCP_ESTABLISHED && to->tcpi_state != BPF_TCP_FIN_WAIT1 &&
		to->tcpi_state != BPF_TCP_FIN_WAIT2);
}

void settle(int from, int to)
{
	int64_t end = test_now_ms() + TEST_DEADLINE_MS;

	for (;;) {
		struct tcp_info source = info_of(from), target = info_of(to);

		if (has_arrived(&source, &target) || source.tcpi_state == BPF_TCP_CLOSE)
			return;
		assert_true(test_now_ms() < end);
		sched_yield();
	}
}

void settle_full(int from, int to)
{
	enum { QUIET_MS = 100 };
	struct pollfd p = {.fd = from, .events = POLLOUT};
	static const char block[4096];

	assert_ok(setsockopt(from, SOL_SOCKET, SO_SNDBUF, &(int){20000}, sizeof(int)));
	assert_ok(setsockopt(to, SOL_SOCKET, SO_RCVBUF, &(int){5000}, sizeof(int)));
	do {
		while (send(from, block, sizeof(block), MSG_DONTWAIT) > 0)
			continue;
		while (send(from, block, 1, MSG_DONTWAIT) > 0)
			continue;
	} while (poll(&p, 1, QUIET_MS) != 0 || send(from, block, 1, MSG_DONTWAIT) > 0);
}
