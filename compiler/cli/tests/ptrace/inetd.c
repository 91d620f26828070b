// Is called NAME, starts a server that is sent data over a socket, makes CALLS more calls and
// crashes. Prints the signal that the server ended by.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void *crash(void *calls)
{
	for (int i = *(int *)calls; i > 0; i--)
		syscall(SYS_getppid);
	*(volatile int *)8 = 1;
	return NULL;
}

int main(int count, char **words)
{
	int ends[2], status, calls = atoi(words[2]);
	char data[8];

	prctl(PR_SET_NAME, words[1]);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) || write(ends[1], "x", 1) != 1)
		return 2;
	if (fork() == 0) {
		prctl(PR_SET_NAME, "server");
		if (recv(ends[0], data, sizeof data, 0) != 1)
			_exit(2);
		crash(&calls);
	}
	wait(&status);
	printf("%d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	return 0;
}
