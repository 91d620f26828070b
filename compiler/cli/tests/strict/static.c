/* A C program that takes memory, reads, writes and ends; with an argument it opens a file, and with
 * two it starts a program. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char line[100];
	char *memory = malloc(3 << 20);
	if (!memory)
		return 1;
	memset(memory, 1, 3 << 20);
	if (argc == 2)
		open("/etc/passwd", O_RDONLY);
	if (argc == 3)
		execv(argv[0], argv);
	if (fgets(line, sizeof line, stdin))
		printf("got %s", line);
	free(memory);
	return 5;
}
