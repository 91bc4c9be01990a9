/* SPDX-License-Identifier: MIT */
/* In place of libFuzzer, where the compiler has none: each file of a directory, once. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run(const char *path)
{
	FILE *file = fopen(path, "r");
	struct stat st;
	uint8_t *data;
	size_t len;

	if (!file || fstat(fileno(file), &st) < 0)
		return -1;
	/* Of its very size: what reads past the end is seen. */
	data = malloc((size_t)st.st_size);
	len = data ? fread(data, 1, (size_t)st.st_size, file) : 0;
	fclose(file);
	LLVMFuzzerTestOneInput(data, len);
	free(data);
	return 0;
}

int main(int argc, char *argv[])
{
	DIR *dir = opendir(argv[argc - 1]);
	struct dirent *entry;
	char path[4096];
	int n = 0;

	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", argv[argc - 1], entry->d_name);
		if (entry->d_name[0] != '.' && run(path) == 0)
			n++;
	}
	if (dir)
		closedir(dir);
	printf("1..1\n%sok 1 - %d seeds\n", n ? "" : "not ", n);
	return n == 0;
}
