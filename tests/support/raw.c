/* SPDX-License-Identifier: MIT */
#include "raw.h"
#include <errno.h>

static long enter_kernel(long number, const long *arg)
{
#if defined(__x86_64__)
	register long d __asm__("r10") = arg[3];
	register long e __asm__("r8") = arg[4];
	register long f __asm__("r9") = arg[5];
	long r;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(number), "D"(arg[0]), "S"(arg[1]), "d"(arg[2]), "r"(d), "r"(e),
			   "r"(f)
			 : "rcx", "r11", "memory");
	return r;
#elif defined(__aarch64__)
	register long n __asm__("x8") = number;
	register long a __asm__("x0") = arg[0];
	register long b __asm__("x1") = arg[1];
	register long c __asm__("x2") = arg[2];
	register long d __asm__("x3") = arg[3];
	register long e __asm__("x4") = arg[4];
	register long f __asm__("x5") = arg[5];

	__asm__ volatile("svc 0"
			 : "+r"(a)
			 : "r"(n), "r"(b), "r"(c), "r"(d), "r"(e), "r"(f)
			 : "memory");
	return a;
#else
#error "how this architecture enters the kernel is not written down here"
#endif
}

long raw_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	const long arg[] = {a, b, c, d, e, f};
	long r = enter_kernel(number, arg);

	if (r >= 0 || r < -4095)
		return r;
	errno = (int)-r;
	return -1;
}

int raw_close(int fd)
{
	return (int)raw_syscall(SYS_close, fd, 0, 0, 0, 0, 0);
}
