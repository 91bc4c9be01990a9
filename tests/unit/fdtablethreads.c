/* SPDX-License-Identifier: MIT */
/* The table while other threads look numbers up. The numbers here have no file. */
#include "fdtable.h"
#include "unit.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

enum { A = 500 };

static int released;
static int objects[2];

static void count_release(void *object)
{
	(void)object;
	released++;
}

static struct entry *install(void *object)
{
	struct entry *e = fdtable_new(object, count_release);

	assert_int_equal(fdtable_install(A, e, false), 0);
	fdtable_put(e);
	return e;
}

struct waiter {
	pthread_t thread;
	atomic_bool started;
	struct entry *got;
};

static void *wait_for_close(void *arg)
{
	struct waiter *w = arg;

	w->started = true;
	w->got = fdtable_get(A);
	return NULL;
}

/* Whoever looks while a number is closed gets what comes after, or no object. */
static void test_waiter_sees_what_comes_after(void **state)
{
	(void)state;
	for (int round = 0; round < 200; round++) {
		struct entry *e = install(&objects[0]), *next;
		struct waiter w = {.started = false};
		bool last;

		assert_ptr_equal(fdtable_begin_close(A, &last), e);
		assert_int_equal(pthread_create(&w.thread, NULL, wait_for_close, &w), 0);
		while (!w.started)
			;
		next = install(&objects[1]);
		fdtable_end_close(A);
		pthread_join(w.thread, NULL);
		assert_non_null(w.got);
		assert_true(w.got == next || !w.got->object);
		fdtable_put(w.got);
		fdtable_put(e);
		fdtable_put(fdtable_remove(A));
	}
	assert_int_equal(released, 400);
}

enum { ALIVE = 0x600d, ROUNDS = 20000, NUMBERS = 4 };

struct object {
	atomic_int magic;
	int fd;
};

static atomic_bool stop;

static void end_object(void *object)
{
	((struct object *)object)->magic = 0;
	free(object);
}

/* A reference must be to a living object that this number named. */
static void *look_up(void *wrong)
{
	while (!stop) {
		for (int fd = A; fd < A + NUMBERS; fd++) {
			struct entry *e = fdtable_get(fd);
			const struct object *o = e ? e->object : NULL;

			if (o && (o->magic != ALIVE || o->fd != fd))
				(*(atomic_int *)wrong)++;
			fdtable_put(e);
		}
	}
	return NULL;
}

static void replace(int fd, bool by_close)
{
	struct object *o = malloc(sizeof(*o));
	struct entry *e, *old;
	bool last;

	*o = (struct object){ALIVE, fd};
	e = fdtable_new(o, end_object);
	if (by_close) {
		old = fdtable_begin_close(fd, &last);
		fdtable_end_close(fd);
	} else {
		old = fdtable_remove(fd);
	}
	assert_int_equal(fdtable_install(fd, e, false), 0);
	fdtable_put(old);
	fdtable_put(e);
}

static void test_threads_see_living_objects(void **state)
{
	atomic_int wrong = 0;
	pthread_t threads[3];

	(void)state;
	stop = false;
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, look_up, &wrong), 0);
	for (int i = 0; i < ROUNDS; i++)
		replace(A + i % NUMBERS, i % 3 == 0);
	stop = true;
	for (size_t i = 0; i < COUNT(threads); i++)
		pthread_join(threads[i], NULL);
	for (int fd = A; fd < A + NUMBERS; fd++)
		fdtable_put(fdtable_remove(fd));
	assert_int_equal(wrong, 0);
}

struct reuse {
	struct entry *next;
	atomic_int closed, reused; /* in how many rounds */
};

/* Spinning, to be close behind; but not for the time slice of the one waited for. */
static void await(const atomic_int *value, int round)
{
	for (int i = 0; *value < round; i++)
		if (i > 2000)
			sched_yield();
}

static void *install_next(void *arg)
{
	struct reuse *r = arg;

	for (int round = 1; round <= ROUNDS; round++) {
		await(&r->closed, round);
		fdtable_install(A, r->next, false);
		r->reused = round;
	}
	return NULL;
}

/* The kernel gives the number to another thread before its close has ended here. */
static void test_number_comes_back_while_it_closes(void **state)
{
	struct reuse r = {.next = fdtable_new(&objects[1], NULL)};
	pthread_t thread;
	int lost = 0;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, install_next, &r), 0);
	for (int round = 1; round <= ROUNDS; round++) {
		bool last;

		install(&objects[0]);
		fdtable_put(fdtable_begin_close(A, &last));
		r.closed = round;
		for (int i = 0; i < round % 64; i++)
			(void)fdtable_has(A);
		fdtable_end_close(A);
		await(&r.reused, round);
		lost += !fdtable_has(A) || !fdtable_names(A, r.next);
		fdtable_put(fdtable_remove(A));
	}
	pthread_join(thread, NULL);
	fdtable_put(r.next);
	assert_int_equal(lost, 0);
}

/* Threads that change neighbours, whose bits are in one word. */
static void *come_and_go(void *arg)
{
	int fd = A + (int)(intptr_t)arg, lost = 0;
	struct entry *e = fdtable_new(&objects[0], NULL);

	for (int i = 0; i < ROUNDS; i++) {
		lost += fdtable_has(fd);
		fdtable_install(fd, e, false);
		lost += !fdtable_has(fd);
		fdtable_put(fdtable_remove(fd));
	}
	fdtable_put(e);
	return (void *)(intptr_t)lost;
}

static void test_neighbours(void **state)
{
	pthread_t threads[NUMBERS];
	void *lost;

	(void)state;
	for (int i = 0; i < NUMBERS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, come_and_go, (void *)(intptr_t)i), 0);
	for (int i = 0; i < NUMBERS; i++) {
		pthread_join(threads[i], &lost);
		assert_null(lost);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_CASE(test_waiter_sees_what_comes_after),
		UNIT_CASE(test_threads_see_living_objects),
		UNIT_CASE(test_number_comes_back_while_it_closes),
		UNIT_CASE(test_neighbours),
	};

	return cmocka_run_group_tests_name("fdtable: threads", tests, NULL, NULL);
}
