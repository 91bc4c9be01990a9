/* SPDX-License-Identifier: MIT */
/* file.h - streams of stdio on a socket, and what is seen of them. */
#ifndef TEST_FILE_H
#define TEST_FILE_H

#include "trace.h"
#include <stdbool.h>
#include <stdio.h>
#include <wchar.h>

/* fdopen(); the stream has the descriptor from then on. */
FILE *file_on(int *fd, const char *mode);

/* Note the line that fgets() reads. */
void file_note_line(struct trace *trace, FILE *file);

/* Note that n bytes come to a socket, and that no more are there then. */
void file_note_arrived(struct trace *trace, int fd, size_t n);

/* Note its flags and its orientation. */
void file_note_state(struct trace *trace, FILE *file);

/* Note wide characters by their numbers, if they were found. */
void file_note_wide(struct trace *trace, const char *what, const wchar_t *text, bool found);

/* Note the line that fgetws() reads into room for n of them, and the stream's state. */
void file_note_wide_line(struct trace *trace, FILE *file, int n);

#endif /* TEST_FILE_H */
