/* SPDX-License-Identifier: MIT */
#include "late.h"

#include "libc.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>

/* Where what depends on the number begins, and ends, as far as the kernel fills it in. */
enum {
	KEPT = 7,
	REST = offsetof(siginfo_t, si_pid),
	END = offsetof(siginfo_t, si_stime) + sizeof(clock_t)
};

/*
 * Bits and numbers have the thread's id above them: what a child finds here at fork is its
 * parent's.
 */
enum { THREAD = LATE_NUMBERS };

__thread _Atomic uint64_t late_came;

static __thread struct {
	_Atomic uint64_t number;
	int error, code;
	char rest[END - REST];
} kept[KEPT];

static uint64_t this_thread(void)
{
	return (uint64_t)libc.syscall(SYS_gettid, 0, 0, 0, 0, 0, 0) << THREAD;
}

static bool is_of(uint64_t thread, uint64_t value)
{
	return value >> THREAD == thread >> THREAD;
}

/* As where one is pending already: the first counts. Without room it has its number alone. */
static void keep_info(uint64_t thread, int number, const siginfo_t *info)
{
	for (int i = 0; i < KEPT; i++) {
		uint64_t other = atomic_load(&kept[i].number);

		if (other == (thread | (uint64_t)number))
			return;
		if (is_of(thread, other))
			continue;
		if (atomic_compare_exchange_strong(&kept[i].number, &other,
						   thread | (uint64_t)number)) {
			kept[i].error = info->si_errno;
			kept[i].code = info->si_code;
			memcpy(kept[i].rest, (const char *)info + REST, END - REST);
			return;
		}
	}
}

/* What the kernel takes from those that are pending when this one comes (signal(7)). */
static uint64_t undone_by(int number)
{
	uint64_t stops = LATE_BIT(SIGTSTP) | LATE_BIT(SIGTTIN) | LATE_BIT(SIGTTOU);

	return number == SIGCONT ? stops : LATE_BIT(number) & stops ? LATE_BIT(SIGCONT) : 0;
}

void late_keep(int number, const siginfo_t *info)
{
	uint64_t thread = this_thread(), before = atomic_load(&late_came), after;

	if (info)
		keep_info(thread, number, info);
	do {
		after = is_of(thread, before) ? before & ~undone_by(number) : thread;
		after |= LATE_BIT(number);
	} while (!atomic_compare_exchange_weak(&late_came, &before, after));
}

void late_send_one(int number, const siginfo_t *info)
{
	long process = libc.syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
	long thread = libc.syscall(SYS_gettid, 0, 0, 0, 0, 0, 0), r = -1;

	if (info)
		r = libc.syscall(SYS_rt_tgsigqueueinfo, process, thread, number, (long)info, 0, 0);
	/* As from a kernel that has no memory for it. */
	if (r < 0)
		libc.syscall(SYS_tgkill, process, thread, number, 0, 0, 0);
}

/*
 * Another thread may have taken the handler away since. It would have run by then, so what it
 * was there for is not to end the process (profilers stop so).
 */
static bool has_handler(int number)
{
	struct sigaction now;

	return libc.sigaction(number, NULL, &now) < 0 || now.sa_handler != SIG_DFL;
}

static void send_kept(uint64_t thread, int number)
{
	siginfo_t info = {.si_signo = number};
	int i = 0;

	while (i < KEPT && atomic_load(&kept[i].number) != (thread | (uint64_t)number))
		i++;
	if (i < KEPT) {
		info.si_errno = kept[i].error;
		info.si_code = kept[i].code;
		memcpy((char *)&info + REST, kept[i].rest, END - REST);
	}
	if (has_handler(number))
		late_send_one(number, i < KEPT ? &info : NULL);
}

void late_send(void)
{
	uint64_t thread = this_thread(), came = atomic_exchange(&late_came, 0);

	for (int number = 1; is_of(thread, came) && number < LATE_NUMBERS; number++)
		if (came & LATE_BIT(number))
			send_kept(thread, number);
	for (int i = 0; i < KEPT; i++)
		atomic_store(&kept[i].number, 0);
}
