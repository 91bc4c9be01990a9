/* SPDX-License-Identifier: MIT */
#include "judgement.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { WAITS, TAKEN, DONE };

/*
 * Programs that were written for Zephyr take what they are shown for mbedTLS's certificate:
 * what they find of its other fields is nothing, and not somebody else's memory.
 */
struct shown {
	union {
		struct tls_cert cert;
		unsigned char room[2048];
	};
	uint32_t flags;
};

struct judgement {
	int (*cb)(void *ctx, struct tls_cert *cert, int depth, uint32_t *flags);
	void *ctx;
	atomic_int state;
	int result;
	unsigned int count;
	struct shown shown[];
};

struct judgement *judgement_new(const struct tls_cert_verify_cb *callback, unsigned int count)
{
	struct judgement *j = calloc(1, sizeof(*j) + count * sizeof(j->shown[0]));

	if (!j)
		return NULL;
	memcpy(&j->cb, &callback->cb, sizeof(j->cb));
	j->ctx = callback->ctx;
	j->count = count;
	return j;
}

void judgement_free(struct judgement *j)
{
	for (unsigned int i = 0; j && i < j->count; i++)
		free(j->shown[i].cert.raw.p);
	free(j);
}

int judgement_show(struct judgement *j, unsigned int at, const void *der, size_t len,
		   uint32_t flags)
{
	enum { ASN1_SEQUENCE = 0x30 };
	struct tls_cert *cert = &j->shown[at].cert;

	cert->raw.p = malloc(len ? len : 1);
	if (!cert->raw.p)
		return -ENOMEM;
	memcpy(cert->raw.p, der, len);
	cert->raw.tag = ASN1_SEQUENCE;
	cert->raw.len = len;
	j->shown[at].flags = flags;
	return 0;
}

bool judgement_take(struct judgement *j)
{
	int waits = WAITS;

	return atomic_compare_exchange_strong(&j->state, &waits, TAKEN);
}

int judgement_run(void *arg)
{
	struct judgement *j = arg;

	for (unsigned int i = j->count; i > 0 && j->result == 0; i--)
		j->result =
			j->cb(j->ctx, &j->shown[i - 1].cert, (int)i - 1, &j->shown[i - 1].flags);
	atomic_store(&j->state, DONE);
	return 0;
}

void judgement_drop(void *arg)
{
	struct judgement *j = arg;
	int taken = TAKEN;

	atomic_compare_exchange_strong(&j->state, &taken, WAITS);
}

bool judgement_is_done(const struct judgement *j)
{
	return atomic_load(&j->state) == DONE;
}

int judgement_result(const struct judgement *j)
{
	return j->result;
}

uint32_t judgement_flags(const struct judgement *j)
{
	uint32_t flags = 0;

	for (unsigned int i = 0; i < j->count; i++)
		flags |= j->shown[i].flags;
	return flags;
}
