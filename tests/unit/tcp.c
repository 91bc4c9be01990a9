/* SPDX-License-Identifier: MIT */
#include "tcp.h"
#include "engine.h"
#include "libc.h"
#include "owner.h"
#include "pair.h"
#include "sockets.h"
#include "unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <tlssock.h>
#include <unistd.h>

enum { LENGTH = 20000, HANDSHAKE_TIMEOUT_MS = 2000 };

struct peer {
	pthread_t thread;
	bool server;
	int fd; /* a listener, or the connection */
	struct end end;
};

void (*tcp_in_library)(bool inside);

/* A call of the library's. */
#define LIB(call)                                                                                  \
	({                                                                                         \
		long result;                                                                       \
		tcp_in_library(true);                                                              \
		result = (long)(call);                                                             \
		tcp_in_library(false);                                                             \
		result;                                                                            \
	})

static bool push_out(struct peer *p, int fd)
{
	struct buffer *out = engine_output(p->end.engine);

	while (out->len) {
		ssize_t n = send(fd, buffer_head(out), out->len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		buffer_consume(out, (size_t)n);
	}
	return true;
}

static bool pull_in(struct peer *p, int fd)
{
	static __thread uint8_t bytes[16384];
	ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

	if (n > 0)
		end_arrive(&p->end, bytes, (size_t)n);
	return n > 0;
}

static bool shake_hands(struct peer *p, int fd)
{
	int r;

	while ((r = end_handshake(&p->end)) == -EAGAIN)
		if (!push_out(p, fd) || !pull_in(p, fd))
			return false;
	return push_out(p, fd) && r == 0;
}

/* Sends back what comes, until it ends. */
static void echo(struct peer *p, int fd)
{
	static __thread uint8_t bytes[ENGINE_MAX_PLAIN];
	ssize_t n;

	while ((n = end_receive(&p->end)) > 0 || (n == -EAGAIN && pull_in(p, fd))) {
		size_t len = engine_read(p->end.engine, bytes, sizeof(bytes));

		if (len && engine_seal(p->end.engine, bytes, len) < 0)
			return;
		if (!push_out(p, fd))
			return;
	}
	engine_close(p->end.engine);
	push_out(p, fd);
}

static void *run_peer(void *arg)
{
	struct peer *p = arg;
	int fd = p->server ? accept(p->fd, NULL, NULL) : p->fd;

	if (fd >= 0 && shake_hands(p, fd))
		echo(p, fd);
	if (p->server && fd >= 0)
		close(fd);
	if (!p->server)
		shutdown(fd, SHUT_WR);
	return NULL;
}

static struct sockaddr_in loopback(void)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static struct sockaddr_in name_of(int fd)
{
	struct sockaddr_in sa;
	socklen_t len = sizeof(sa);

	assert_ok(getsockname(fd, (struct sockaddr *)&sa, &len));
	return sa;
}

static void start_peer(struct peer *p, bool server)
{
	const struct end_options client = end_client(TLS_1_3), good = end_server(TLS_1_3);

	p->server = server;
	end_open(&p->end, server ? &good : &client);
	assert_int_equal(pthread_create(&p->thread, NULL, run_peer, p), 0);
}

static void stop_peer(struct peer *p)
{
	if (p->fd < 0)
		return;
	/* Wakes an accept that nobody comes to. */
	if (p->server)
		shutdown(p->fd, SHUT_RDWR);
	pthread_join(p->thread, NULL);
	close(p->fd);
	end_close(&p->end);
}

/* One run: the call that failed first, and what is open. */
struct run {
	const char *failed;
	int error;
	int fd, accepted;
};

/* Notes a failure. Returns false for one, so that the run ends there. */
static bool went(struct run *r, const char *call, long result)
{
	if (result >= 0)
		return true;
	r->failed = call;
	r->error = (int)result;
	return false;
}

#define WENT(run, call) went(run, #call, LIB(call))

static int set(int fd, int option, const void *value, size_t len)
{
	return sockets_setsockopt(fdtable_get(fd), fd, SOL_TLS, option, value, (socklen_t)len);
}

static int set_path(int fd, int option, const char *path)
{
	return set(fd, option, path, strlen(path));
}

static bool make(struct run *r)
{
	const unsigned int timeout_ms = HANDSHAKE_TIMEOUT_MS;

	r->fd = (int)LIB(sockets_socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));
	return went(r, "socket", r->fd) &&
	       WENT(r, set(r->fd, TLS_HANDSHAKE_TIMEOUT, &timeout_ms, sizeof(timeout_ms)));
}

static ssize_t send_all(int fd, const uint8_t *bytes, size_t n)
{
	const struct iovec iov = {(void *)(uintptr_t)bytes, n};

	return sockets_send(fdtable_get(fd), fd, &iov, 1, MSG_NOSIGNAL);
}

static ssize_t receive_all(int fd, uint8_t *bytes, size_t n)
{
	const struct iovec iov = {bytes, n};

	return sockets_receive(fdtable_get(fd), fd, &iov, 1, MSG_WAITALL);
}

static void talk(struct run *r, int fd)
{
	static uint8_t sent[LENGTH], got[LENGTH];
	ssize_t n = 0;

	memset(sent, 'd', sizeof(sent));
	memset(got, 0, sizeof(got));
	if (!went(r, "send", n = LIB(send_all(fd, sent, sizeof(sent)))))
		return;
	/* What was reported comes back, all of it or an error. */
	if (!went(r, "recv", n = LIB(receive_all(fd, got, (size_t)n))))
		return;
	assert_memory_equal(got, sent, (size_t)n);
	if (WENT(r, sockets_shutdown(fdtable_get(fd), fd, SHUT_WR)))
		WENT(r, receive_all(fd, got, 1));
}

static void run_client(struct run *r, struct peer *p)
{
	struct sockaddr_in sa = loopback();

	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_ok(bind(p->fd, (struct sockaddr *)&sa, sizeof(sa)));
	assert_ok(listen(p->fd, 1));
	sa = name_of(p->fd);
	start_peer(p, true);
	if (make(r) && WENT(r, set_path(r->fd, TLS_TRUSTED_PEER_CERTIFICATES, zoo("ca.pem"))) &&
	    WENT(r, set_path(r->fd, TLS_HOSTNAME, "localhost")) &&
	    WENT(r, set_path(r->fd, TLS_ALPN, "h2")) &&
	    WENT(r, sockets_connect(fdtable_get(r->fd), r->fd, (struct sockaddr *)&sa, sizeof(sa))))
		talk(r, r->fd);
}

static void run_server(struct run *r, struct peer *p)
{
	struct sockaddr_in sa = loopback();

	if (!make(r) || !WENT(r, set_path(r->fd, TLS_CERTIFICATE_CHAIN, zoo("good.pem"))) ||
	    !WENT(r, set_path(r->fd, TLS_PRIVATE_KEY, zoo("good.key"))) ||
	    !WENT(r, sockets_bind(fdtable_get(r->fd), r->fd, (struct sockaddr *)&sa, sizeof(sa))) ||
	    !WENT(r, sockets_listen(fdtable_get(r->fd), r->fd, 1)))
		return;
	sa = name_of(r->fd);
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_ok(connect(p->fd, (struct sockaddr *)&sa, sizeof(sa)));
	start_peer(p, false);
	r->accepted = (int)LIB(sockets_accept(fdtable_get(r->fd), r->fd, NULL, NULL, 0));
	if (went(r, "accept", r->accepted))
		talk(r, r->accepted);
}

void tcp_setup(void)
{
	libc_bind();
	assert_int_equal(owner_process_init(), 0);
}

int tcp_run(bool server, const char **failed)
{
	struct run r = {.fd = -1, .accepted = -1};
	struct peer p = {.fd = -1};
	int closed = 0;

	(server ? run_server : run_client)(&r, &p);
	if (r.accepted >= 0)
		closed = (int)LIB(sockets_close(r.accepted));
	if (r.fd >= 0)
		closed |= (int)LIB(sockets_close(r.fd));
	stop_peer(&p);
	if (r.error == 0)
		went(&r, "close", closed);
	*failed = r.failed ? r.failed : "";
	return r.error;
}

static int numbers;

static void count_number(int fd, void *object)
{
	(void)object;
	print_message("# number %d is the library's still\n", fd);
	numbers++;
}

void tcp_check(void)
{
	numbers = 0;
	fdtable_each_number(count_number);
	assert_int_equal(numbers, 0);
}
