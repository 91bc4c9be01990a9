/* SPDX-License-Identifier: MIT */
#include "carry.h"

#include "streams.h"
#include "wide.h"

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

/* So are the pointers that a stream has for wide characters, which no header shows. */
enum { READ_PTR, READ_END, WRITE_BASE = 3, WRITE_PTR, SAVE_BASE = 8, SAVE_END = 10 };

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

static size_t append(char *to, size_t n, const char *from, const char *end)
{
	size_t more = from < end ? (size_t)(end - from) : 0;

	if (to && more)
		memcpy(to + n, from, more);
	return n + more;
}

/* The same of wide characters, between two of a stream's pointers. */
static size_t append_wide(char *to, size_t n, const FILE *f, int from, int end)
{
	wchar_t *const *pointers = (wchar_t *const *)f->_wide_data;
	char bytes[MB_LEN_MAX];

	for (const wchar_t *c = pointers[from]; c < pointers[end]; c++)
		n = append(to, n, bytes, bytes + wide_encode(*c, bytes));
	return n;
}

static size_t pending(const FILE *f, char *to)
{
	return f->_mode > 0 ? append_wide(to, 0, f, WRITE_BASE, WRITE_PTR)
			    : append(to, 0, f->_IO_write_base, f->_IO_write_ptr);
}

size_t carry_pending(const FILE *f)
{
	return pending(f, NULL);
}

/* What was read ahead or pushed back, in the order of reading. Returns how much it is. */
static size_t unread(const FILE *f, char *to)
{
	bool in_backup = f->_flags & IN_BACKUP, is_wide = f->_mode > 0;
	const char *head = NULL;
	size_t n = is_wide ? append_wide(to, 0, f, READ_PTR, READ_END) : 0, head_n;

	if (is_wide && in_backup)
		n = append_wide(to, n, f, SAVE_BASE, SAVE_END);
	n = append(to, n, f->_IO_read_ptr, f->_IO_read_end);
	if (!is_wide && in_backup)
		n = append(to, n, f->_IO_save_base, f->_IO_save_end);
	head_n = streams_head(f, &head);
	return append(to, n, head, head + head_n);
}

/* Allocated; NULL where there is none, or no memory. */
static char *bytes_of(size_t (*get)(const FILE *f, char *to), const FILE *f, size_t *n)
{
	char *bytes = NULL;

	*n = get(f, NULL);
	if (*n > 0)
		bytes = malloc(*n);
	if (bytes)
		get(f, bytes);
	return bytes;
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
	size_t in_n, out_n = carry_pending(from);
	char *in = bytes_of(unread, from, &in_n);
	char *encoded = from->_mode > 0 ? bytes_of(pending, from, &out_n) : NULL;
	const char *out = from->_mode > 0 ? encoded : from->_IO_write_base;

	if (in)
		put_unread(to, in, in_n);
	if (out)
		put_pending(to, out, out_n);
	free(encoded);
	__fpurge(from);
	if (from->_mode > 0) /* bytes that are no characters yet */
		from->_IO_read_ptr = from->_IO_read_end;
	if (streams_has(from))
		streams_set_head(from, NULL, 0);
	to->_flags = (to->_flags & ~SEEN) | (from->_flags & SEEN);
	if ((in_n && !in) || (out_n && !out))
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
	size_t held = carry_pending(original);

	size = size > held ? size : held;
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
