/* SPDX-License-Identifier: MIT */
#include "judge.h"

#include <errno.h>

int judge_peer(struct connection *c, int fd)
{
	struct judgement *j = engine_judgement(c->engine);
	enum connection_state state = c->state;
	int r = 0;

	if (!judgement_take(j))
		return -EAGAIN;
	/* A signal comes before it is begun: it is begun all the same. */
	do
		r = connection_wait(c, fd, judgement_run, judgement_drop, j);
	while (r == -EINTR && !c->closing && !judgement_is_done(j));
	judgement_drop(j);
	/* Its time may have been over meanwhile. */
	if (r == 0 && c->state != state)
		r = c->state == STATE_FAILED ? c->error : -EAGAIN;
	return r;
}
