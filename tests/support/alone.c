/* SPDX-License-Identifier: MIT */
#include "alone.h"
#include "child.h"
#include <sys/mman.h>

struct job {
	void (*run)(struct link *link, struct trace *trace);
	struct link link;
	struct trace trace;
};

static int run_job(void *arg)
{
	struct job *job = arg;

	/* Its own, so that nobody else has the descriptors. */
	link_open(&job->link, job->link.protocol, job->link.family);
	job->run(&job->link, &job->trace);
	link_close(&job->link);
	return 0;
}

/* The trace comes back in memory that is shared. */
void alone_run(struct link *l, struct trace *t, void (*run)(struct link *link, struct trace *trace))
{
	struct job *job =
		mmap(NULL, sizeof(*job), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;

	assert_true(job != MAP_FAILED);
	job->run = run;
	job->link = *l;
	status = child_finish(child_start(run_job, job));
	*t = job->trace;
	munmap(job, sizeof(*job));
	if (status != 0)
		fail_msg("the child ended with %d, after\n%s", status, t->text);
}
