/* SPDX-License-Identifier: MIT */
#include "libgnutlsload.h"

#define LIBGNUTLS_UNMAPPED
#include "guard.h"
#include "libc.h"
#include "libgnutls.h"
#include "signals.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/*
 * What GnuTLS and all that it needs take of the address space, and more: if its constructor
 * finds no memory it ends the process.
 */
enum { NEEDED_SPACE = 24 << 20, FORK_WAITS_S = 2 };

struct libgnutls libgnutls;

static atomic_bool loaded;

/*
 * The lock is not held while one loads: ld.so has one, which a thread that comes here out of
 * a library's constructor holds already. So two may load at once, and a fork waits for both.
 */
static struct guard lock = GUARD_INIT;
static pthread_cond_t done = PTHREAD_COND_INITIALIZER;
static unsigned int loading;

static struct {
	bool known;
	dev_t device;
	ino_t inode;
} root;

/* Packagers' tools make a dependency of it (uapi-group.org: ELF dlopen metadata). */
#define NOTE_DLOPEN 0x407c0c0a
#define NOTE_TEXT                                                                                  \
	"[{\"feature\":\"tls\",\"description\":\"TLS sockets\",\"priority\":\"required\","         \
	"\"soname\":[\"" LIBGNUTLS_SONAME "\"]}]"

__attribute__((used, section(".note.dlopen"), aligned(4))) static const struct {
	ElfW(Nhdr) header;
	char owner[4];
	char text[(sizeof(NOTE_TEXT) + 3) / 4 * 4];
} note = {{4, sizeof(NOTE_TEXT), NOTE_DLOPEN}, "FDO", NOTE_TEXT};

/* Each is stored once: others may be calling through it. */
#define BIND(name, place)                                                                          \
	{                                                                                          \
		if (!__atomic_load_n(&libgnutls.name, __ATOMIC_RELAXED))                           \
			__atomic_store_n(&libgnutls.name,                                          \
					 (__typeof__(libgnutls.name))dlsym(place, #name),          \
					 __ATOMIC_RELAXED);                                        \
	}
#define BIND_OR_FAIL(name)                                                                         \
	{                                                                                          \
		BIND(name, handle)                                                                 \
		if (!__atomic_load_n(&libgnutls.name, __ATOMIC_RELAXED))                           \
			return false;                                                              \
	}

static bool bind_all(void *handle)
{
	/* Of a variable a program may have a copy, which GnuTLS then uses as well (R_*_COPY). */
	BIND(gnutls_free, RTLD_DEFAULT)
	BIND(gnutls_malloc, RTLD_DEFAULT)
	BIND(gnutls_realloc, RTLD_DEFAULT)
	LIBGNUTLS_NAMES(BIND_OR_FAIL)
	return true;
}

/*
 * A library out of another root is whoever's that may write there, and would run with our
 * privileges.
 */
static bool root_is_another(void)
{
	struct stat now;

	return root.known &&
	       (stat("/", &now) < 0 || now.st_dev != root.device || now.st_ino != root.inode);
}

static bool has_space(void)
{
	void *space = mmap(NULL, NEEDED_SPACE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return space != MAP_FAILED && munmap(space, NEEDED_SPACE) == 0;
}

/* dlopen says it in words only. */
static int error_of_dlopen(void)
{
	int fd = libc.open("/", O_PATH | O_CLOEXEC);
	int error = fd < 0 && (errno == EMFILE || errno == ENFILE) ? errno : ELIBACC;

	if (fd >= 0)
		libc.close(fd);
	return -error;
}

static int explain_dlopen(const char **why)
{
	const char *text = dlerror();

	*why = text ? text : "dlopen failed";
	return error_of_dlopen();
}

static int load(const char **why)
{
	void *handle;
	bool bound;
	int r;

	*why = "the process has another root directory than at its start";
	if (root_is_another())
		return -ELIBACC;
	*why = "not enough memory";
	if (!has_space())
		return -ENOMEM;
	handle = dlopen(LIBGNUTLS_SONAME, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!handle)
		return explain_dlopen(why);
	*why = LIBGNUTLS_SONAME " is older than 3.7.4";
	bound = bind_all(handle);
	dlerror(); /* what the program asks it about is its own */
	if (!bound)
		return -ELIBACC;
	/* For good: a program that uses GnuTLS, too, may undo its own as often as it likes. */
	r = libgnutls.gnutls_global_init();
	if (r < 0) {
		*why = libgnutls.gnutls_strerror(r);
		return -ELIBACC;
	}
	atomic_store_explicit(&loaded, true, memory_order_release);
	return 0;
}

/* By the mask: ld.so cannot be left by a jump, and knows nothing of our own handlers. */
static void block_signals(sigset_t *saved)
{
	sigset_t all;

	sigemptyset(&all);
	for (int number = 1; number < NSIG; number++)
		if (signals_waits(number))
			sigaddset(&all, number);
	pthread_sigmask(SIG_BLOCK, &all, saved);
}

static void count(int more)
{
	guard_lock(&lock);
	loading += (unsigned int)more;
	pthread_cond_broadcast(&done);
	guard_unlock(&lock);
}

int libgnutls_load(const char **why)
{
	int error = errno, r;
	sigset_t saved;

	if (atomic_load_explicit(&loaded, memory_order_acquire))
		return 0;
	signals_hold();
	block_signals(&saved);
	count(1);
	r = load(why);
	count(-1);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	signals_let();
	errno = error;
	return r;
}

static bool environment_has_gnutls(void)
{
	static const char prefix[] = "GNUTLS_";

	for (char **entry = environ; entry && *entry; entry++)
		if (strncmp(*entry, prefix, sizeof(prefix) - 1) == 0)
			return true;
	return false;
}

void libgnutls_start(void)
{
	const char *why;
	struct stat now;

	root.known = stat("/", &now) == 0;
	root.device = now.st_dev;
	root.inode = now.st_ino;
	if (environment_has_gnutls())
		libgnutls_load(&why);
}

/*
 * Not for ever: who loads may be waiting for this thread, which has ld.so's lock if it forks
 * out of the constructor of a library, and before glibc 2.36 that of pthread_atfork.
 */
void libgnutls_fork_lock(void)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += FORK_WAITS_S;
	guard_lock(&lock);
	while (loading && r == 0)
		r = pthread_cond_timedwait(&done, &lock.mutex, &until);
}

void libgnutls_fork_unlock(void)
{
	guard_unlock(&lock);
}

void libgnutls_fork_child(void)
{
	loading = 0;
	done = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
	guard_unlock(&lock);
}
