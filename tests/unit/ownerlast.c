/* SPDX-License-Identifier: MIT */
/* Who says goodbye for a session that nobody claimed after fork. */
#include "forked.h"
#include "proc.h"
#include "unit.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

/* What the child does with the object before it ends or goes on. */
enum child_does { EXITS, CLOSES_AND_STAYS, STAYS, EXECS, CLAIMS };

struct last_row {
	const char *title;
	enum child_does child;
	bool parent_is_last;
};

static struct last_row lasts[] = {
	{"claim_last: the child exited", EXITS, true},
	{"claim_last: the child closed it and lives", CLOSES_AND_STAYS, true},
	{"claim_last: the child has it still", STAYS, false},
	{"claim_last: the child called exec", EXECS, true},
	{"claim_last: the child claimed it", CLAIMS, false},
};

static void be_child(struct owner *o, const struct gate *g, enum child_does does)
{
	if (does == EXITS)
		_exit(0);
	if (does == CLOSES_AND_STAYS && owner_claim_last(o))
		_exit(YES);
	if (does == CLAIMS && !owner_claim(o))
		_exit(NO);
	if (does == EXECS) {
		close(g->go[1]);
		dup2(g->go[0], STDIN_FILENO);
		dup2(g->done[1], STDOUT_FILENO);
		execlp("sh", "sh", "-c", "echo x; read line", NULL);
	}
	pass(g->done[1]);
	await(g->go[0]);
	_exit(0);
}

static void test_claim_last(void **state)
{
	const struct last_row *row = *state;
	struct gate g;
	struct owner o;
	pid_t pid;

	gate_open(&g);
	owner_init(&o);
	pid = fork_with(&o, 1);
	if (pid == 0)
		be_child(&o, &g, row->child);
	if (row->child == EXITS)
		assert_int_equal(proc_reap(pid), 0);
	else
		await(g.done[0]);
	assert_int_equal(owner_claim_last(&o), row->parent_is_last);
	if (row->child != EXITS) {
		(void)!write(g.go[1], "x\n", 2);
		assert_int_equal(proc_reap(pid), 0);
	}
	owner_fini(&o);
	gate_close(&g);
}

/* The child of a process that is gone is the last one. */
static void test_claim_last_after_the_parent_exited(void **state)
{
	struct gate g;
	struct owner o;
	char result = 0;
	pid_t pid, middle = getpid();

	(void)state;
	gate_open(&g);
	pid = fork();
	if (pid == 0) {
		struct arena *none = owner_fork_begin(1);

		owner_fork_unlock(none);
		owner_fork_child(none);
		owner_init(&o);
		middle = getpid();
		if (fork_with(&o, 1) != 0)
			_exit(0);
		while (getppid() == middle)
			sched_yield();
		result = owner_claim_last(&o) ? 'y' : 'n';
		(void)!write(g.done[1], &result, 1);
		_exit(0);
	}
	assert_int_equal(proc_reap(pid), 0);
	assert_int_equal(read(g.done[0], &result, 1), 1);
	assert_int_equal(result, 'y');
	gate_close(&g);
}

/* One child closed and is gone, another closes: the parent has it still. */
static void test_claim_last_of_a_second_child(void **state)
{
	int got[2];
	bool claimed;
	struct owner o;

	(void)state;
	owner_init(&o);
	for (size_t i = 0; i < COUNT(got); i++) {
		pid_t pid = fork_with(&o, 1);

		if (pid == 0)
			answer(owner_claim_last(&o));
		got[i] = proc_reap(pid);
	}
	claimed = owner_claim(&o);
	owner_fini(&o);
	assert_int_equal(got[0], NO);
	assert_int_equal(got[1], NO);
	assert_true(claimed);
}

/* Its close must not count as that of a process which could claim. */
static void test_close_of_a_child_without_handlers(void **state)
{
	struct gate g;
	struct owner o;
	pid_t holder, raw;
	bool claimed;
	int got;

	(void)state;
	gate_open(&g);
	owner_init(&o);
	holder = fork_with(&o, 1);
	if (holder == 0) {
		await(g.go[0]);
		answer(owner_claim(&o));
	}
	raw = raw_clone();
	if (raw == 0)
		answer(owner_claim_last(&o));
	assert_int_equal(proc_reap(raw), NO);
	claimed = owner_claim_last(&o);
	pass(g.go[1]);
	got = proc_reap(holder);
	owner_fini(&o);
	gate_close(&g);
	assert_false(claimed);
	assert_int_equal(got, YES);
}

static void test_no_descriptors_left(void **state)
{
	struct rlimit all, none;
	struct owner o;
	pid_t pid;

	(void)state;
	owner_init(&o);
	getrlimit(RLIMIT_NOFILE, &all);
	none = (struct rlimit){0, all.rlim_max};
	setrlimit(RLIMIT_NOFILE, &none);
	pid = fork_with(&o, 1);
	setrlimit(RLIMIT_NOFILE, &all);
	if (pid == 0)
		_exit(0);
	assert_int_equal(proc_reap(pid), 0);
	/* It cannot be told that the child is gone, but it can be claimed. */
	assert_false(owner_claim_last(&o));
	assert_true(owner_claim(&o));
	owner_fini(&o);
}

static int setup_group(void **state)
{
	(void)state;
	return owner_process_init();
}

int main(void)
{
	struct CMUnitTest tests[4 + COUNT(lasts)] = {
		UNIT_CASE(test_claim_last_after_the_parent_exited),
		UNIT_CASE(test_claim_last_of_a_second_child),
		UNIT_CASE(test_close_of_a_child_without_handlers),
		UNIT_CASE(test_no_descriptors_left),
	};

	for (size_t i = 0; i < COUNT(lasts); i++)
		tests[4 + i] = UNIT_ROW(lasts[i].title, test_claim_last, lasts[i]);
	return cmocka_run_group_tests_name("owner: the last one", tests, setup_group, NULL);
}
