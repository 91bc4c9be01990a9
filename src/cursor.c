/* SPDX-License-Identifier: MIT */
#include "cursor.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

int cursor_init(struct cursor *cur, const struct iovec *iov, size_t n)
{
	size_t total = 0;

	for (size_t i = 0; i < n; i++) {
		if (iov[i].iov_len > (size_t)SSIZE_MAX - total)
			return -EINVAL;
		total += iov[i].iov_len;
	}
	*cur = (struct cursor){iov, n, 0, total};
	return 0;
}

size_t cursor_piece(struct cursor *cur, void **piece)
{
	while (cur->n && cur->off == cur->iov->iov_len) {
		cur->iov++;
		cur->n--;
		cur->off = 0;
	}
	if (!cur->n)
		return 0;
	*piece = (uint8_t *)cur->iov->iov_base + cur->off;
	return cur->iov->iov_len - cur->off;
}

void cursor_advance(struct cursor *cur, size_t n)
{
	void *piece;
	size_t len;

	while (n && (len = cursor_piece(cur, &piece))) {
		len = len < n ? len : n;
		cur->off += len;
		cur->left -= len;
		n -= len;
	}
}

size_t cursor_copy(const struct cursor *cur, void *to, size_t n)
{
	struct cursor at = *cur;
	size_t done = 0, len;
	void *piece;

	while (done < n && (len = cursor_piece(&at, &piece))) {
		len = len < n - done ? len : n - done;
		memcpy((uint8_t *)to + done, piece, len);
		cursor_advance(&at, len);
		done += len;
	}
	return done;
}
