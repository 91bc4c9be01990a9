/* SPDX-License-Identifier: MIT */
#include "duplexend.h"
#include "raw.h"
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* In threads nothing may assert. The connection ends at once, so that nobody waits for more. */
static int set_wrong(struct end *end, const char *wrong)
{
	int error = errno;

	pthread_mutex_lock(&end->lock);
	if (!end->wrong) {
		end->wrong = wrong;
		end->error = error;
	}
	pthread_cond_broadcast(&end->changed);
	pthread_mutex_unlock(&end->lock);
	raw_syscall(SYS_shutdown, end->fd, SHUT_RDWR, 0, 0, 0, 0);
	return -1;
}

/* The call found nothing to do, though poll had said that there was something. */
static int in_vain(struct end *end, const char *what)
{
	if (end->style == BY_THREADS || errno != EAGAIN)
		return set_wrong(end, what);
	end->vain++;
	return 0;
}

static int receive_some(struct end *end)
{
	struct duplex *d = &end->duplex;
	ssize_t n = recv(end->fd, end->in, duplex_room(d), 0);
	bool good = true;

	if (n < 0)
		return in_vain(end, "recv");
	pthread_mutex_lock(&end->lock);
	end->calls++;
	if (n == 0)
		d->ended = true;
	else
		good = duplex_receive(d, end->in, (size_t)n);
	pthread_cond_broadcast(&end->changed);
	pthread_mutex_unlock(&end->lock);
	return good ? 0 : set_wrong(end, "recv: wrong bytes");
}

static int send_some(struct end *end)
{
	struct duplex *d = &end->duplex;
	size_t wanted;
	const void *data = duplex_data(d, &wanted);
	ssize_t n = wanted ? send(end->fd, data, wanted, MSG_NOSIGNAL) : 0;

	if (n < 0)
		return in_vain(end, "send");
	if (wanted && (n == 0 || (end->style == BY_THREADS && (size_t)n != wanted)))
		return set_wrong(end, "send: not all");
	pthread_mutex_lock(&end->lock);
	end->calls++;
	d->sent += (size_t)n;
	pthread_cond_broadcast(&end->changed);
	pthread_mutex_unlock(&end->lock);
	if (!duplex_to_close(d))
		return 0;
	d->closed = true;
	return shutdown(end->fd, SHUT_WR) < 0 ? set_wrong(end, "shutdown") : 0;
}

static bool can_send(const struct duplex *d)
{
	return duplex_to_send(d) > 0 || duplex_to_close(d);
}

/* Both directions in one thread, on a non-blocking socket. */
static void *by_poll(void *arg)
{
	struct end *end = arg;
	struct duplex *d = &end->duplex;
	int ret = 0;

	while (ret == 0 && !duplex_over(d)) {
		struct pollfd p = {.fd = end->fd};
		long n;

		p.events = (short)((duplex_room(d) ? POLLIN : 0) | (can_send(d) ? POLLOUT : 0));
		n = end->style == BY_POLL ? poll(&p, 1, -1) : syscall(SYS_poll, &p, 1, -1L);
		if (n != 1 || (p.revents & POLLNVAL))
			ret = set_wrong(end, "poll");
		if (ret == 0 && (p.revents & ~POLLOUT) && duplex_room(d))
			ret = receive_some(end);
		if (ret == 0 && (p.revents & ~POLLIN) && can_send(d))
			ret = send_some(end);
	}
	return NULL;
}

/* In a blocking end's threads: wait until the other one has made something possible. */
static bool wait_until(struct end *end, bool (*possible)(const struct duplex *d))
{
	bool go;

	pthread_mutex_lock(&end->lock);
	while (!end->wrong && !possible(&end->duplex))
		pthread_cond_wait(&end->changed, &end->lock);
	go = !end->wrong;
	pthread_mutex_unlock(&end->lock);
	return go;
}

static bool can_receive(const struct duplex *d)
{
	return duplex_room(d) > 0;
}

static void *reader(void *arg)
{
	struct end *end = arg;

	while (!end->duplex.ended && wait_until(end, can_receive) && receive_some(end) == 0)
		continue;
	return NULL;
}

static void *writer(void *arg)
{
	struct end *end = arg;

	while (!end->duplex.closed && wait_until(end, can_send) && send_some(end) == 0)
		continue;
	return NULL;
}

void end_init(struct end *end, int fd, enum style style)
{
	end->fd = fd;
	end->style = style;
	pthread_mutex_init(&end->lock, NULL);
	pthread_cond_init(&end->changed, NULL);
}

void end_fini(struct end *end)
{
	pthread_mutex_destroy(&end->lock);
	pthread_cond_destroy(&end->changed);
}

void end_start(struct end *end)
{
	int flags = fcntl(end->fd, F_GETFL);

	if (end->style == BY_THREADS) {
		assert_int_equal(pthread_create(&end->threads[0], NULL, reader, end), 0);
		assert_int_equal(pthread_create(&end->threads[1], NULL, writer, end), 0);
		return;
	}
	assert_ok(fcntl(end->fd, F_SETFL, flags | O_NONBLOCK));
	assert_int_equal(pthread_create(&end->threads[0], NULL, by_poll, end), 0);
}
