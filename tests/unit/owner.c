/* SPDX-License-Identifier: MIT */
/* Which process owns a session after fork. */
#include "owner.h"
#include "alloc.h"
#include "forked.h"
#include "proc.h"
#include "unit.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_own_until_fork(void **state)
{
	struct owner o;

	(void)state;
	owner_init(&o);
	assert_true(owner_is_self(&o));
	assert_true(owner_claim(&o));
	assert_true(owner_claim_last(&o));
	owner_fini(&o);
}

static void test_unclaimed_after_fork(void **state)
{
	struct owner o;
	pid_t pid;

	(void)state;
	owner_init(&o);
	pid = fork_with(&o, 1);
	if (pid == 0)
		answer(owner_is_self(&o));
	assert_false(owner_is_self(&o));
	assert_int_equal(proc_reap(pid), NO);
	assert_true(owner_claim(&o));
	assert_true(owner_is_self(&o));
	assert_true(owner_claim(&o));
	owner_fini(&o);
}

static void test_child_claims_first(void **state)
{
	struct owner o;
	pid_t pid;

	(void)state;
	owner_init(&o);
	pid = fork_with(&o, 1);
	if (pid == 0)
		answer(owner_claim(&o) && owner_claim(&o) && owner_claim_last(&o));
	assert_int_equal(proc_reap(pid), YES);
	assert_false(owner_claim(&o));
	assert_false(owner_claim_last(&o));
	owner_fini(&o);
}

static void test_parent_claims_first(void **state)
{
	struct gate g;
	struct owner o;
	pid_t pid;

	(void)state;
	gate_open(&g);
	owner_init(&o);
	pid = fork_with(&o, 1);
	if (pid == 0) {
		await(g.go[0]);
		answer(owner_claim(&o) || owner_claim_last(&o) || owner_is_self(&o));
	}
	assert_true(owner_claim(&o));
	pass(g.go[1]);
	assert_int_equal(proc_reap(pid), NO);
	assert_true(owner_is_self(&o));
	owner_fini(&o);
	gate_close(&g);
}

static void test_exactly_one_wins(void **state)
{
	int parent = 0, child = 0;

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct owner o[2];
		bool won;
		pid_t pid;

		for (size_t i = 0; i < COUNT(o); i++)
			owner_init(&o[i]);
		pid = fork_with(o, COUNT(o));
		if (pid == 0)
			answer(owner_claim(&o[round % 2]));
		won = owner_claim(&o[round % 2]);
		assert_int_equal(proc_reap(pid), won ? NO : YES);
		parent += won;
		child += !won;
		for (size_t i = 0; i < COUNT(o); i++)
			owner_fini(&o[i]);
	}
	assert_int_equal(parent + child, 200);
}

/* Parent, child and grandchild with one unclaimed object: one of the three wins. */
static void test_three_processes_one_wins(void **state)
{
	(void)state;
	for (int round = 0; round < 50; round++) {
		struct owner o;
		int wins, status;
		pid_t pid, grandchild;

		owner_init(&o);
		pid = fork_with(&o, 1);
		if (pid == 0) {
			grandchild = fork_with(&o, 1);
			wins = owner_claim(&o);
			if (grandchild == 0)
				_exit(wins);
			waitpid(grandchild, &status, 0);
			_exit(wins + WEXITSTATUS(status));
		}
		wins = owner_claim(&o);
		assert_int_equal(wins + proc_reap(pid), 1);
		owner_fini(&o);
	}
}

static void test_winner_forks_again(void **state)
{
	struct gate g;
	struct owner o;
	pid_t first, second;

	(void)state;
	gate_open(&g);
	owner_init(&o);
	first = fork_with(&o, 1);
	if (first == 0) {
		await(g.go[0]);
		answer(owner_claim(&o));
	}
	assert_true(owner_claim(&o));
	second = fork_with(&o, 1);
	if (second == 0)
		answer(owner_claim(&o));
	assert_int_equal(proc_reap(second), YES);
	pass(g.go[1]);
	assert_int_equal(proc_reap(first), NO);
	assert_false(owner_claim(&o));
	owner_fini(&o);
	gate_close(&g);
}

struct raw_row {
	const char *title;
	pid_t (*make)(void);
	bool shared;
};

static struct raw_row raws[] = {
	{"a child of clone owns nothing", raw_clone, false},
	{"a child of _Fork owns nothing", _Fork, false},
	{"a child of clone claims nothing that is shared", raw_clone, true},
	{"a child of _Fork claims nothing that is shared", _Fork, true},
};

static void test_child_without_handlers(void **state)
{
	const struct raw_row *row = *state;
	struct owner o;
	pid_t pid;

	owner_init(&o);
	if (row->shared) {
		pid = fork_with(&o, 1);
		if (pid == 0)
			_exit(0);
		proc_reap(pid);
	}
	pid = row->make();
	if (pid == 0)
		answer(owner_is_self(&o) || owner_claim(&o) || owner_claim_last(&o) ||
		       owner_in_vfork_child() || !owner_orphaned());
	assert_int_equal(proc_reap(pid), NO);
	assert_true(owner_claim(&o));
	owner_fini(&o);
}

static void test_no_memory_is_nobodys(void **state)
{
	struct arena *arena;
	struct owner o;
	pid_t pid;

	(void)state;
	owner_init(&o);
	alloc_start(1);
	arena = owner_fork_begin(1);
	alloc_stop();
	assert_null(arena);
	owner_fork_share(arena, &o);
	pid = fork();
	owner_fork_unlock(arena);
	if (pid == 0) {
		owner_fork_child(arena);
		answer(owner_claim(&o) || owner_claim_last(&o));
	}
	owner_fork_parent(arena);
	assert_int_equal(proc_reap(pid), NO);
	assert_false(owner_claim(&o) || owner_claim_last(&o));
	owner_fini(&o);
}

static void test_more_objects_than_room(void **state)
{
	struct owner o[2];
	struct arena *arena = owner_fork_begin(1);

	(void)state;
	for (size_t i = 0; i < COUNT(o); i++) {
		owner_init(&o[i]);
		owner_fork_share(arena, &o[i]);
	}
	owner_fork_unlock(arena);
	owner_fork_parent(arena);
	assert_true(owner_claim(&o[0]));
	assert_false(owner_claim(&o[1]));
	owner_fini(&o[0]);
	owner_fini(&o[1]);
}

/* The case's teardown counts descriptors: each fork's memory and pipe must go. */
static void test_many_forks_leave_nothing(void **state)
{
	long live = alloc_live();
	struct owner o;

	(void)state;
	owner_init(&o);
	for (int i = 0; i < 100; i++) {
		pid_t pid = fork_with(&o, 1);

		if (pid == 0)
			_exit(0);
		assert_int_equal(proc_reap(pid), 0);
		if (i % 3)
			assert_true(owner_claim(&o));
	}
	owner_fini(&o);
	owner_fini(&o);
	assert_int_equal(alloc_live(), live);
}

static int in_shared_memory(void *unused)
{
	(void)unused;
	return owner_in_vfork_child() ? YES : NO;
}

/* What vfork does; the thread sanitizer makes a fork of vfork itself. */
static void test_vfork(void **state)
{
	static _Alignas(16) char stack[65536];
	pid_t pid;

	(void)state;
	assert_false(owner_in_vfork_child() || owner_orphaned());
	pid = clone(in_shared_memory, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD,
		    NULL);
	assert_int_equal(proc_reap(pid), YES);
	assert_false(owner_in_vfork_child() || owner_orphaned());
}

static int setup_group(void **state)
{
	(void)state;
	/* Before it, nothing is known of processes. */
	return owner_in_vfork_child() ? -1 : owner_process_init() | owner_process_init();
}

int main(void)
{
	struct CMUnitTest tests[11 + COUNT(raws)] = {
		UNIT_CASE(test_own_until_fork),
		UNIT_CASE(test_unclaimed_after_fork),
		UNIT_CASE(test_child_claims_first),
		UNIT_CASE(test_parent_claims_first),
		UNIT_CASE(test_exactly_one_wins),
		UNIT_CASE(test_three_processes_one_wins),
		UNIT_CASE(test_winner_forks_again),
		UNIT_CASE(test_no_memory_is_nobodys),
		UNIT_CASE(test_more_objects_than_room),
		UNIT_CASE(test_many_forks_leave_nothing),
		UNIT_CASE(test_vfork),
	};

	for (size_t i = 0; i < COUNT(raws); i++)
		tests[11 + i] = UNIT_ROW(raws[i].title, test_child_without_handlers, raws[i]);
	return cmocka_run_group_tests_name("owner", tests, setup_group, NULL);
}
