/* SPDX-License-Identifier: MIT */
/* Several threads on one epoll set: on TCP first, then on TLS. */
#include "chance.h"
#include "proc.h"
#include "stream.h"
#include "trace.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <tlssock.h>
#include <unistd.h>

enum { PATIENCE_MS = 60000, WORKERS = 6, STOP = 1000, NOBODY };

static int epfd, stop_fd;

/* What went wrong in a thread; cmocka's assertions are the main thread's. */
static _Atomic(const char *) wrong;

static bool check(bool right, const char *what)
{
	if (!right)
		wrong = what;
	return right;
}

static bool registration(int op, int fd, uint32_t mask, uint32_t data)
{
	struct epoll_event event = {.events = mask, .data.u32 = data};

	return check(epoll_ctl(epfd, op, fd, &event) == 0, "epoll_ctl fails");
}

/* The threads that wait: an event's data is the index of what it is about. */
static void *work(void *arg)
{
	void (*serve)(uint32_t) = *(void (**)(uint32_t))arg;
	struct epoll_event events[4];

	for (;;) {
		int n = epoll_wait(epfd, events, COUNT(events), PATIENCE_MS);

		if (!check(n > 0, "epoll_wait shows nothing"))
			return NULL;
		for (int i = 0; i < n; i++) {
			if (events[i].data.u32 == STOP)
				return NULL;
			if (events[i].data.u32 < STOP)
				serve(events[i].data.u32);
		}
	}
}

struct pool {
	pthread_t threads[WORKERS];
	void (*serve)(uint32_t index);
};

static void pool_start(struct pool *pool, void (*serve)(uint32_t index))
{
	wrong = NULL;
	pool->serve = serve;
	epfd = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));
	stop_fd = (int)assert_ok(eventfd(0, EFD_CLOEXEC));
	assert_true(registration(EPOLL_CTL_ADD, stop_fd, EPOLLIN, STOP));
	for (int i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&pool->threads[i], NULL, work, &pool->serve), 0);
}

static void pool_stop(struct pool *pool)
{
	assert_ok(eventfd_write(stop_fd, 1));
	for (int i = 0; i < WORKERS; i++)
		pthread_join(pool->threads[i], NULL);
	close(stop_fd);
	close(epfd);
	if (wrong)
		fail_msg("%s", wrong);
}

/*
 * A thread pool, as servers have it: a connection belongs to the thread that was shown
 * its event, until that one asks for the next.
 */
enum { CLIENTS = 2, CONNECTIONS = 100, MESSAGES = 2, LONGEST = 3000 };

#define POOL_MASK ((uint32_t)EPOLLIN | EPOLLRDHUP | EPOLLONESHOT)

static struct job {
	int fd;
	atomic_int taken;
	pthread_mutex_t asking; /* for the sanitizer, which does not know what epoll_ctl orders */
} jobs[CLIENTS * CONNECTIONS];
static atomic_int jobs_done;

static void echo(uint32_t index)
{
	struct job *job = &jobs[index];
	char bytes[LONGEST];
	ssize_t n;

	check(atomic_exchange(&job->taken, 1) == 0, "two threads were shown one connection");
	while ((n = recv(job->fd, bytes, sizeof(bytes), 0)) > 0)
		check(send(job->fd, bytes, (size_t)n, MSG_NOSIGNAL) == n, "an echo is cut off");
	if (n < 0 && check(errno == EAGAIN, "recv fails")) {
		pthread_mutex_lock(&job->asking);
		job->taken = 0;
		registration(EPOLL_CTL_MOD, job->fd, POOL_MASK, index);
		pthread_mutex_unlock(&job->asking);
		return;
	}
	pthread_mutex_lock(&job->asking);
	close(job->fd);
	pthread_mutex_unlock(&job->asking);
	jobs_done++;
}

struct client {
	pthread_t thread;
	int protocol;
	uint16_t port;
	struct rng rng;
};

static void talk(struct client *c, int fd)
{
	char sent[LONGEST], got[LONGEST];

	for (int i = 0; i < MESSAGES; i++) {
		size_t n = rng_range(&c->rng, 1, LONGEST);

		stream_fill(n, sent, n);
		check(send(fd, sent, n, MSG_NOSIGNAL) == (ssize_t)n, "send fails");
		check(recv(fd, got, n, MSG_WAITALL) == (ssize_t)n, "the echo does not come");
		check(memcmp(got, sent, n) == 0, "the echo differs");
	}
}

static void *run_client(void *arg)
{
	struct client *c = arg;

	for (int i = 0; i < CONNECTIONS && !wrong; i++) {
		int fd = tls_socket(AF_INET, c->protocol, "localhost");

		if (check(tls_connect(fd, AF_INET, c->port) == 0, "connect fails"))
			talk(c, fd);
		close(fd);
	}
	return NULL;
}

static void hand_over(int protocol)
{
	struct client clients[CLIENTS];
	struct pool pool;
	uint16_t port;
	int listener = tls_listen(AF_INET, protocol, "good", &port);

	jobs_done = 0;
	pool_start(&pool, echo);
	for (unsigned int i = 0; i < CLIENTS; i++) {
		clients[i] =
			(struct client){.protocol = protocol, .port = port, .rng = rng_seed(i)};
		pthread_create(&clients[i].thread, NULL, run_client, &clients[i]);
	}
	for (uint32_t i = 0; i < COUNT(jobs) && !wrong; i++) {
		jobs[i].taken = 0;
		pthread_mutex_init(&jobs[i].asking, NULL);
		jobs[i].fd = (int)assert_ok(accept4(listener, NULL, NULL, SOCK_NONBLOCK));
		registration(EPOLL_CTL_ADD, jobs[i].fd, POOL_MASK, i);
	}
	for (int i = 0; i < CLIENTS; i++)
		pthread_join(clients[i].thread, NULL);
	while (jobs_done < (int)COUNT(jobs) && !wrong)
		sched_yield();
	pool_stop(&pool);
	close(listener);
}

/*
 * While two threads wait, one adds, modifies, deletes and closes, and one sends. The two
 * ends of a connection have a lock each: a number is not closed under who uses it.
 */
enum { SLOTS = 6, CHANGES = 400 };

static struct slot {
	pthread_mutex_t lock;
	int fd;
	uint32_t mask; /* 0: not registered */
	uint64_t received;
	pthread_mutex_t client_lock;
	int client;
	uint64_t sent;
} slots[SLOTS];

static atomic_bool sending;

static void drain(struct slot *s)
{
	char bytes[4096];
	ssize_t n;

	while ((n = recv(s->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		check(stream_mismatch(s->received, bytes, (size_t)n) == (size_t)n,
		      "the bytes differ");
		s->received += (uint64_t)n;
	}
	check(n < 0 && errno == EAGAIN, "recv fails");
}

static void receive(uint32_t index)
{
	struct slot *s = &slots[index];

	pthread_mutex_lock(&s->lock);
	drain(s);
	if (s->mask & EPOLLONESHOT)
		registration(EPOLL_CTL_MOD, s->fd, s->mask, index);
	pthread_mutex_unlock(&s->lock);
}

static void *send_to_all(void *arg)
{
	struct rng rng = rng_seed(1);
	char bytes[LONGEST];

	(void)arg;
	while (sending && !wrong) {
		struct slot *s = &slots[rng_range(&rng, 0, SLOTS - 1)];
		size_t len = rng_range(&rng, 1, LONGEST);
		ssize_t n;

		pthread_mutex_lock(&s->client_lock);
		stream_fill(s->sent, bytes, len);
		n = send(s->client, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		check(n > 0 || errno == EAGAIN, "send fails");
		s->sent += n > 0 ? (uint64_t)n : 0;
		pthread_mutex_unlock(&s->client_lock);
		sched_yield();
	}
	return NULL;
}

static uint32_t any_mask(struct rng *rng)
{
	static const uint32_t masks[] = {
		EPOLLIN,
		EPOLLIN | EPOLLET,
		EPOLLIN | EPOLLONESHOT,
		EPOLLIN | EPOLLOUT | EPOLLET,
		EPOLLIN | EPOLLRDHUP | EPOLLONESHOT | EPOLLET,
	};

	return masks[rng_range(rng, 0, COUNT(masks) - 1)];
}

static void set_mask(struct slot *s, uint32_t mask)
{
	int op = !mask ? EPOLL_CTL_DEL : s->mask ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (mask || s->mask)
		registration(op, s->fd, mask, (uint32_t)(s - slots));
	s->mask = mask;
}

/* A new connection, whose handshake is the waiting threads' business. */
static void open_slot(struct slot *s, const struct link *l, uint32_t mask)
{
	int client = tls_socket(l->family, l->protocol, "localhost"), server;

	assert_ok(fcntl(client, F_SETFL, O_NONBLOCK));
	assert_fails(tls_connect(client, l->family, l->port), EINPROGRESS);
	registration(EPOLL_CTL_ADD, client, EPOLLIN | EPOLLOUT | EPOLLET, NOBODY);
	server = (int)assert_ok(accept4(l->listener, NULL, NULL, SOCK_NONBLOCK));
	pthread_mutex_lock(&s->lock);
	pthread_mutex_lock(&s->client_lock);
	s->fd = server;
	s->client = client;
	s->sent = s->received = 0;
	s->mask = 0;
	set_mask(s, mask);
	pthread_mutex_unlock(&s->client_lock);
	pthread_mutex_unlock(&s->lock);
}

/* The old one is closed when nobody finds it in the slot any more. */
static void reopen(struct slot *s, const struct link *l, uint32_t mask)
{
	int fd = s->fd, client = s->client;

	open_slot(s, l, mask);
	close(fd);
	close(client);
}

/* Another number, and a set whose number is soon another set's. */
static void use_others(const struct slot *s, uint32_t mask)
{
	int fd = (int)assert_ok(dup(s->fd)), set = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));

	registration(EPOLL_CTL_ADD, fd, mask, (uint32_t)(s - slots));
	registration(EPOLL_CTL_DEL, fd, 0, 0);
	close(fd);
	assert_ok(epoll_ctl(set, EPOLL_CTL_ADD, s->fd, &(struct epoll_event){.events = mask}));
	close(set);
}

static void change(struct slot *s, const struct link *l, struct rng *rng)
{
	uint32_t mask = any_mask(rng);
	size_t kind = rng_range(rng, 0, 9);

	if (kind == 0) {
		reopen(s, l, mask);
	} else {
		pthread_mutex_lock(&s->lock);
		if (kind == 1)
			use_others(s, mask);
		else
			set_mask(s, kind < 4 ? 0 : mask);
		pthread_mutex_unlock(&s->lock);
	}
}

/* All that was sent comes, and nothing but events tells of it. */
static bool all_came(void)
{
	bool all = true;

	for (int i = 0; i < SLOTS; i++) {
		pthread_mutex_lock(&slots[i].lock);
		all &= slots[i].received == slots[i].sent;
		pthread_mutex_unlock(&slots[i].lock);
	}
	return all;
}

static void changes(int protocol)
{
	struct link l = {.protocol = protocol, .family = AF_INET};
	struct rng rng = rng_seed(0);
	int64_t deadline;
	struct pool pool;
	pthread_t sender;

	l.listener = tls_listen(AF_INET, protocol, "good", &l.port);
	for (int i = 0; i < SLOTS; i++) {
		pthread_mutex_init(&slots[i].lock, NULL);
		pthread_mutex_init(&slots[i].client_lock, NULL);
	}
	pool_start(&pool, receive);
	for (int i = 0; i < SLOTS; i++)
		open_slot(&slots[i], &l, any_mask(&rng));
	sending = true;
	pthread_create(&sender, NULL, send_to_all, NULL);
	for (int i = 0; i < CHANGES && !wrong; i++)
		change(&slots[rng_range(&rng, 0, SLOTS - 1)], &l, &rng);
	sending = false;
	pthread_join(sender, NULL);
	for (int i = 0; i < SLOTS; i++) {
		pthread_mutex_lock(&slots[i].lock);
		set_mask(&slots[i], any_mask(&rng));
		pthread_mutex_unlock(&slots[i].lock);
	}
	deadline = test_now_ms() + PATIENCE_MS;
	while (!all_came() && !wrong && check(test_now_ms() < deadline, "an event is lost"))
		sched_yield();
	pool_stop(&pool);
	for (int i = 0; i < SLOTS; i++) {
		close(slots[i].fd);
		close(slots[i].client);
	}
	close(l.listener);
}

static void on_both(void **state)
{
	void (*run)(int protocol) = *(void (*const *)(int)) * state;

	run(IPPROTO_TCP);
	run(IPPROTO_TLS);
}

int main(void)
{
	static void (*const runs[])(int) = {hand_over, changes};
	const struct CMUnitTest tests[] = {
		ROW_CASE("a thread pool hands over by EPOLLONESHOT", on_both, ROW(runs[0])),
		ROW_CASE("a set is changed under those who wait", on_both, ROW(runs[1])),
	};

	return compare_main("eventthreads", NULL, 0, tests, COUNT(tests));
}
