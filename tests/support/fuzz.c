/* SPDX-License-Identifier: MIT */
#include "fuzz.h"
#include "proc.h"

#include <linux/bpf.h>
#include <linux/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { MOST_CALLS = 40, PATIENCE_MS = 5000 };

static struct tcp_info info_of(int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	if (fd >= 0)
		assert_ok(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	return info;
}

static bool saw_end(const struct tcp_info *info)
{
	return info->tcpi_state == BPF_TCP_CLOSE_WAIT || info->tcpi_state == BPF_TCP_LAST_ACK ||
	       info->tcpi_state == BPF_TCP_CLOSING || info->tcpi_state == BPF_TCP_CLOSE ||
	       info->tcpi_state == BPF_TCP_TIME_WAIT;
}

/*
 * The acknowledgement of a FIN is an event: it must not be a matter of time, so the other
 * end sends it at once.
 */
static bool fin_acknowledged(const struct tcp_info *source, const struct fuzz_end *to)
{
	if (source->tcpi_state != BPF_TCP_FIN_WAIT1 && source->tcpi_state != BPF_TCP_LAST_ACK &&
	    source->tcpi_state != BPF_TCP_CLOSING)
		return true;
	assert_ok(setsockopt(to->fd, IPPROTO_TCP, TCP_QUICKACK, &(int){1}, sizeof(int)));
	return false;
}

/* All that one end sent is at the other. */
static bool arrived(const struct fuzz_end *from, const struct fuzz_end *to)
{
	struct tcp_info source = info_of(from->fd), target = info_of(to->fd);

	if (to->fd < 0 || target.tcpi_state == BPF_TCP_CLOSE || source.tcpi_state == BPF_TCP_CLOSE)
		return true;
	if (from->fd < 0 || from->shut_write)
		return saw_end(&target) && (from->fd < 0 || fin_acknowledged(&source, to));
	return source.tcpi_notsent_bytes == 0 &&
	       target.tcpi_bytes_received >= source.tcpi_bytes_sent - source.tcpi_bytes_retrans;
}

void fuzz_settle(struct fuzz *f)
{
	int64_t end = test_now_ms() + PATIENCE_MS;

	while (!arrived(&f->ends[0], &f->ends[1]) || !arrived(&f->ends[1], &f->ends[0])) {
		if (test_now_ms() > end)
			fail_msg("what was sent does not arrive");
		sched_yield();
	}
}

uint64_t fuzz_unread(const struct fuzz *f, int i)
{
	return f->ends[1 - i].sent - f->ends[i].received;
}

size_t fuzz_some(struct rng *rng)
{
	static const size_t highs[] = {1, 20, 1400, 5000, FUZZ_MOST_BYTES};

	return rng_range(rng, 1, highs[rng_range(rng, 0, COUNT(highs) - 1)]);
}

size_t fuzz_pieces(struct rng *rng, void *bytes, size_t n, struct iovec *pieces)
{
	size_t count = rng_range(rng, 1, FUZZ_PIECES), at = 0;

	for (size_t k = 0; k < count; k++) {
		size_t length = k + 1 == count ? n - at : rng_range(rng, 0, n - at);

		pieces[k] = (struct iovec){(char *)bytes + at, length};
		at += length;
	}
	return count;
}

static void (*const actions[])(struct fuzz *f, int i) = {
	fuzz_send,	    fuzz_send,	     fuzz_send,	      fuzz_sendfile, fuzz_splice_in,
	fuzz_receive,	    fuzz_receive,    fuzz_receive,    fuzz_receive,  fuzz_receive_list,
	fuzz_receive_timed, fuzz_splice_out, fuzz_poll,	      fuzz_poll,     fuzz_select,
	fuzz_epoll_ctl,	    fuzz_epoll_wait, fuzz_epoll_wait, fuzz_shutdown, fuzz_mode,
	fuzz_ask,	    fuzz_ask,	     fuzz_renumber,   fuzz_close,
};

void fuzz_run(unsigned int seed, int protocol, struct trace *trace)
{
	struct fuzz f = {.rng = rng_seed(seed), .trace = trace};
	struct link link;
	size_t calls;

	*trace = (struct trace){0};
	link_open(&link, protocol, AF_INET);
	f.ends[0].fd = link.client;
	f.ends[1].fd = link.server;
	f.epfd = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));
	calls = rng_range(&f.rng, 1, MOST_CALLS);
	for (size_t n = 0; n < calls && !f.over; n++) {
		int i = (int)rng_range(&f.rng, 0, 1);
		size_t action = rng_range(&f.rng, 0, COUNT(actions) - 1);

		if (f.ends[i].fd < 0)
			i = 1 - i;
		actions[action](&f, i);
		fuzz_settle(&f);
	}
	close(f.epfd);
	link.client = f.ends[0].fd;
	link.server = f.ends[1].fd;
	link_close(&link);
}
