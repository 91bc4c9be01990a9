/* SPDX-License-Identifier: MIT */
#include "room.h"

#include "drain.h"
#include "libc.h"

#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

enum {
	/*
	 * The kernel counts more than bytes, and takes less than its free space in one
	 * piece: this much is left to it.
	 */
	KERNEL_MARGIN = 1024,
	LEAST_ROOM = 256,
	SMALL_RECORD = 512, /* what a writable socket takes when its buffer seems full */
};

size_t room_kernel(struct connection *c, int fd)
{
	unsigned int mem[SK_MEMINFO_VARS] = {0};
	socklen_t len = sizeof(mem), lowat_len = sizeof(int);
	int64_t room, unsent_room;
	int lowat = 0, unsent = 0;

	if (libc.getsockopt(fd, SOL_SOCKET, SO_MEMINFO, mem, &len) < 0)
		return 0;
	drain_note(c, mem[SK_MEMINFO_RMEM_ALLOC] == 0);
	room = (int64_t)mem[SK_MEMINFO_SNDBUF] - mem[SK_MEMINFO_WMEM_QUEUED];
	if (libc.getsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, &lowat_len) == 0 &&
	    lowat > 0 && libc.ioctl(fd, SIOCOUTQNSD, &unsent) == 0) {
		unsent_room = (int64_t)lowat - unsent;
		room = room < unsent_room ? room : unsent_room;
	}
	room -= KERNEL_MARGIN;
	return room > 0 ? (size_t)room : 0;
}

size_t room_plain(struct connection *c, int fd)
{
	size_t room = room_kernel(c, fd), overhead = engine_overhead(c->engine), records;
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	if (room < LEAST_ROOM + overhead)
		return libc.poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) ? SMALL_RECORD : 0;
	room = room < ROOM_MOST ? room : ROOM_MOST;
	records = room / (ENGINE_MAX_PLAIN + overhead) + 1;
	return room - records * overhead;
}
