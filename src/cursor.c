/* SPDX-License-Identifier: MIT */
#include "cursor.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

int cursor_init(struct cursor *cur, const struct iovec *iov, size_t n)
{
	size_t total = 0, most = CURSOR_MOST;

	if (n && !iov)
		return -EFAULT;
	for (size_t i = 0; i < n; i++) {
		if (iov[i].iov_len > SSIZE_MAX)
			return -EINVAL;
		total += iov[i].iov_len < most - total ? iov[i].iov_len : most - total;
	}
	*cur = (struct cursor){iov, n, 0, total};
	return 0;
}

size_t cursor_piece(struct cursor *cur, void **piece)
{
	size_t len;

	while (cur->n && cur->off == cur->iov->iov_len) {
		cur->iov++;
		cur->n--;
		cur->off = 0;
	}
	if (!cur->n || !cur->left)
		return 0;
	*piece = (uint8_t *)cur->iov->iov_base + cur->off;
	len = cur->iov->iov_len - cur->off;
	return len < cur->left ? len : cur->left;
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
