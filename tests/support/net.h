/* SPDX-License-Identifier: MIT */
/*
 * net.h - sockets on loopback, by protocol: IPPROTO_TCP is the control,
 * IPPROTO_TLS what is tested. Ports are the kernel's choice.
 */
#ifndef TEST_NET_H
#define TEST_NET_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/socket.h>

union net_address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_storage storage;
};

/* The loopback address of a family. Returns its length. */
socklen_t net_loopback(union net_address *address, int family, uint16_t port);

/* A plain socket that listens. */
int net_listen(int family, uint16_t *port);

/* A plain socket that is connected. */
int net_connect(int family, uint16_t port);

/* Set an option of text. */
void tls_set_text(int fd, int option, const char *text);

/* Set an option of int. */
void tls_set_int(int fd, int option, int value);

/* Read an option of int. */
int tls_get_int(int fd, int option);

/* Read an option of text; the last few results stay valid. */
const char *tls_get_text(int fd, int option);

/* A socket, given the zoo's identity when it is a TLS one, bound and listening. */
int tls_listen(int family, int protocol, const char *identity, uint16_t *port);

/* A socket; a TLS one trusts the zoo's ca, and expects name unless that is NULL. */
int tls_socket(int family, int protocol, const char *name);

/* connect() to loopback. Returns as it does. */
int tls_connect(int fd, int family, uint16_t port);

/* epoll_ctl() that works. */
void net_epoll(int epfd, int op, int fd, uint32_t events, uint32_t data);

/* A connection within this process. */
struct link {
	int protocol, family;
	uint16_t port;
	int listener, client, server; /* -1 once closed by the case */
};

/* Connect, accept and, with TLS, handshake at both ends. */
void link_open(struct link *link, int protocol, int family);
void link_close(struct link *link);

/*
 * A connection whose handshake is half done, at both ends: the client's first flight is
 * there, and nobody waits in a call. Neither end waits.
 */
void link_half_open(struct link *link, int family);

/* Finish it; calls wait from then on. */
void link_finish(struct link *link);

/* Close one end and forget it. */
void link_drop(int *fd);

/* A connect() in a thread. */
struct connecting {
	pthread_t thread;
	int fd, family, result, error;
	uint16_t port;
};

void connecting_start(struct connecting *connecting, int fd, int family, uint16_t port);

/* Returns connect()'s result and sets errno. */
int connecting_finish(struct connecting *connecting);

#endif /* TEST_NET_H */
