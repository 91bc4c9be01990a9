/* SPDX-License-Identifier: MIT */
#include "carry.h"

#include "streams.h"

#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>

/* Members and flags of glibc's FILE are part of its binary interface; these have no name. */
enum {
	IS_UNBUFFERED = 0x2,
	NO_READS = 0x4,
	NO_WRITES = 0x8,
	IN_BACKUP = 0x100,
	IS_LINE_BUFFERED = 0x200,
};

#define BUFFERING (IS_UNBUFFERED | IS_LINE_BUFFERED)
#define SEEN	  (_IO_EOF_SEEN | _IO_ERR_SEEN)

/* Puts bytes to be written into an empty stream's buffer; no stream is flushed by that. */
static void put_pending(FILE *to, const char *bytes, size_t n)
{
	int buffering = to->_flags & BUFFERING;
	size_t room;

	if (n == 0)
		return;
	to->_flags &= ~buffering;
	if (fputc_unlocked((unsigned char)*bytes, to) != EOF) {
		room = (size_t)(to->_IO_buf_end - to->_IO_write_ptr);
		n = n - 1 < room ? n - 1 : room;
		memcpy(to->_IO_write_ptr, bytes + 1, n);
		to->_IO_write_ptr += n;
	}
	to->_flags |= buffering;
	/* glibc then looks at each byte. */
	if (buffering)
		to->_IO_write_end = to->_IO_write_ptr;
}

size_t carry_pending(const FILE *f)
{
	return f->_IO_write_ptr > f->_IO_write_base ? (size_t)(f->_IO_write_ptr - f->_IO_write_base)
						    : 0;
}

static size_t append(char *to, size_t n, const char *from, const char *end)
{
	size_t more = from < end ? (size_t)(end - from) : 0;

	if (to && more)
		memcpy(to + n, from, more);
	return n + more;
}

/* What was read ahead or pushed back, in the order of reading. Returns how much it is. */
static size_t unread(const FILE *f, char *to)
{
	const char *head = NULL;
	size_t n = append(to, 0, f->_IO_read_ptr, f->_IO_read_end), head_n;

	if (f->_flags & IN_BACKUP)
		n = append(to, n, f->_IO_save_base, f->_IO_save_end);
	head_n = streams_head(f, &head);
	return append(to, n, head, head + head_n);
}

static void put_unread(FILE *to, char *bytes, size_t n)
{
	if (streams_has(to)) {
		streams_set_head(to, bytes, n);
		return;
	}
	while (n > 0)
		ungetc((unsigned char)bytes[--n], to);
	free(bytes);
}

void carry(FILE *from, FILE *to)
{
	size_t n = unread(from, NULL);
	char *bytes = n ? malloc(n) : NULL;

	if (bytes) {
		unread(from, bytes);
		put_unread(to, bytes, n);
	}
	put_pending(to, from->_IO_write_base, carry_pending(from));
	__fpurge(from);
	if (streams_has(from))
		streams_set_head(from, NULL, 0);
	to->_flags = (to->_flags & ~SEEN) | (from->_flags & SEEN);
	if (n && !bytes)
		to->_flags |= _IO_ERR_SEEN;
}

static void set_buffering(FILE *f, int flags)
{
	setvbuf(f, NULL,
		flags & IS_UNBUFFERED	   ? _IONBF
		: flags & IS_LINE_BUFFERED ? _IOLBF
					   : _IOFBF,
		0);
}

int carry_set_buffer(FILE *stand_in, const FILE *original)
{
	size_t size = (size_t)(original->_IO_buf_end - original->_IO_buf_base);

	if (streams_set_buffer(stand_in, size > 1 ? size : STREAMS_BUFFER) < 0)
		return -1;
	if (original->_flags & BUFFERING)
		set_buffering(stand_in, original->_flags);
	return 0;
}

void carry_back(FILE *stand_in, FILE *original)
{
	if ((original->_flags ^ stand_in->_flags) & BUFFERING)
		set_buffering(original, stand_in->_flags);
	carry(stand_in, original);
}

void carry_close(FILE *f)
{
	f->_fileno = -1;
	f->_flags |= NO_READS | NO_WRITES;
}
