/* SPDX-License-Identifier: MIT */
/*
 * A measure is a conversation between a client and a server process, and what
 * each of them counts while it lasts.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "contender.h"

#include <netinet/in.h>

struct measure {
	const char *name;
	void (*client)(const struct setting *setting, in_port_t port);
	void (*server)(const struct setting *setting, int listener);
};

extern const struct measure bulk;
extern const struct measure pingpong;
extern const struct measure handshakes;
extern const struct measure idle;
extern const struct measure requests;
extern const struct measure crowded; /* of plain socket calls only */

/* Reports a figure to the driver, which knows its unit by its name. */
void emit(const char *name, double value);
/* The same for a fact that is text. */
void emit_text(const char *name, const char *text);

/* User and system CPU seconds so far, of this process and of the proxies of its side. */
double cpu_seconds(void);

/* The same of another process. */
double cpu_of_process(pid_t process);

/* Processes, by commas, that cpu_seconds counts too. */
void cpu_add_processes(const char *list);

struct sockaddr_in link_loopback(in_port_t port);
/* A listening socket on that port of the loopback address; 0: a free one, which it gives. */
int link_listen(in_port_t *port);
/* Lets this process have so many connections, or exits. */
void link_make_room(unsigned int count);
/* A connection, after the handshake; delay: leave Nagle's algorithm on. */
void link_connect(struct link *link, in_port_t port, bool delay);
void link_accept(struct link *link, int listener, bool delay);
void link_close(struct link *link);
/*
 * The same once the peer has closed too. What is unread at close, as a ticket, would be a
 * reset, by which a proxy may throw away what it has still to pass on.
 */
void link_close_last(struct link *link);

/* Receives exactly size bytes; an end before that is a failure. */
void link_receive_all(struct link *link, void *data, size_t size);

#endif /* BENCH_MEASURE_H */
