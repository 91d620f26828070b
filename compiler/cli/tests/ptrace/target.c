/* What the tests of `run --via ptrace` watch: each case says what it saw, for comparison with a run
 * that nobody watches. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char **self;

static int say(const char *what, long result)
{
	printf("%s: %s\n", what, result < 0 ? strerrorname_np(errno) : "ok");
	fflush(stdout);
	return result < 0;
}

/* Ends as a child did. */
static int after(pid_t pid)
{
	int status;
	if (waitpid(pid, &status, __WALL) < 0)
		return say("waitpid", -1);
	printf("child: %s %d\n", WIFSIGNALED(status) ? "signal" : "status",
	       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return 0;
}

static void *exec_echo(void *unused)
{
	execl("/bin/echo", "echo", "from a thread", (char *)0);
	return unused;
}

static void *sleeper(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static int exec_from_thread(void)
{
	pthread_t thread;
	for (int i = 0; i < 4; i++)
		pthread_create(&thread, 0, sleeper, 0);
	pthread_create(&thread, 0, exec_echo, 0);
	sleeper(0);
	return 1;
}

static int vforks(void)
{
	pid_t pid = vfork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "exit 9", (char *)0);
		_exit(127);
	}
	return after(pid);
}

static void *mkdirs(void *name)
{
	for (int i = 0; i < 100; i++)
		if (mkdir(name, 0700) == 0 || errno != EACCES)
			return name;
	return 0;
}

static int threads(void)
{
	pthread_t thread[8];
	void *wrong = 0, *one;
	for (int i = 0; i < 8; i++)
		pthread_create(&thread[i], 0, mkdirs, "refused-folder");
	for (int i = 0; i < 8; i++) {
		pthread_join(thread[i], &one);
		wrong = one ? one : wrong;
	}
	puts(wrong ? "a call got through" : "all refused");
	return wrong != 0;
}

static int forks(int count)
{
	for (int i = 0; i < count; i++) {
		pid_t pid = fork();
		if (pid < 0)
			return say("fork", -1);
		if (pid == 0)
			_exit(i & 127);
		int status;
		if (waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != (i & 127))
			return say("waitpid", -1);
	}
	puts("forked");
	return 0;
}

static int execs(int count)
{
	if (count == 0)
		return puts("executed") < 0;
	char text[16];
	snprintf(text, sizeof text, "%d", count - 1);
	execl("/proc/self/exe", self[0], "execs", text, (char *)0);
	return say("execve", -1);
}

static char stack[65536] __attribute__((aligned(16)));

static int make_folder(void *name)
{
	return mkdir(name, 0700) == 0 ? 0 : errno;
}

/* A child that asks not to be traced, by clone. */
static int untraced(void)
{
	pid_t pid = clone(make_folder, stack + sizeof stack, CLONE_UNTRACED | SIGCHLD, "refused-folder");
	if (pid < 0)
		return say("clone", -1);
	return after(pid);
}

/* The same by clone3. */
static int untraced3(void)
{
	unsigned long args[8] = { CLONE_UNTRACED, 0, 0, 0, SIGCHLD };
	long pid = syscall(SYS_clone3, args, sizeof args);
	if (pid < 0)
		return say("clone3", -1);
	if (pid == 0)
		_exit(make_folder("refused-folder"));
	return after(pid);
}

/* mkdir by the i386 table: 39. */
static int i386(void)
{
#ifdef __x86_64__
	char *name = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	strcpy(name, "refused-folder");
	long result;
	__asm__ volatile("int $0x80" : "=a"(result)
			 : "a"(39), "b"(name), "c"(0700) : "memory", "r8", "r9", "r10", "r11");
	printf("int 0x80: %d\n", (int)result);
#endif
	return 0;
}

static int io_uring(void)
{
	char params[120] = { 0 };
	return say("io_uring_setup", syscall(SYS_io_uring_setup, 1, params));
}

static int traceme(void)
{
	return say("ptrace", ptrace(PTRACE_TRACEME, 0, 0, 0));
}

/* A filter of its own that hands all calls of mkdir to a listener. */
static int listener(void)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdir, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 4, insns };
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return say("listener", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
				       SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

/* A filter of its own that asks a tracer, which it does not have. */
static int asks(void)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | 5),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 4, insns };
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	say("seccomp", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
	return say("getppid", syscall(SYS_getppid));
}

static volatile siginfo_t seen;

static void on_sys(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)context;
	memcpy((void *)&seen, info, sizeof seen);
}

/* What `trap` tells. */
static int trap(void)
{
	struct sigaction action = { .sa_sigaction = on_sys, .sa_flags = SA_SIGINFO };
	sigaction(SIGSYS, &action, 0);
	long result = syscall(SYS_getpgid, 0);
	printf("result %ld, code %d, errno %d, call %d, arch %x, address %s\n",
	       result == SYS_getpgid ? -1L : 0L, seen.si_code, seen.si_errno, seen.si_syscall,
	       seen.si_arch, seen.si_call_addr ? "known" : "not known");
	return 0;
}

static int trap_blocked(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGSYS);
	sigprocmask(SIG_BLOCK, &set, 0);
	syscall(SYS_getpgid, 0);
	return puts("goes on") < 0;
}

static volatile sig_atomic_t signals;

static void count(int signal)
{
	(void)signal;
	signals++;
}

/* Calls that signals interrupt: restarted, and not. */
static int interrupted(void)
{
	struct sigaction action = { .sa_handler = count, .sa_flags = SA_RESTART };
	sigaction(SIGALRM, &action, 0);
	pid_t parent = getpid(), pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 5; i++) {
			usleep(20000);
			kill(parent, SIGALRM);
		}
		usleep(20000);
		_exit(3);
	}
	int status;
	say("waitpid", waitpid(pid, &status, 0));
	printf("signals %d, status %d\n", (int)signals, WEXITSTATUS(status));
	action.sa_flags = 0;
	sigaction(SIGALRM, &action, 0);
	alarm(1);
	say("pause", pause());
	struct timespec time = { 0, 30000000 };
	return say("nanosleep", nanosleep(&time, 0));
}

/* A child that is stopped and continued, as its parent sees it. */
static int stops(void)
{
	int status;
	pid_t pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	for (int i = 0; i < 3; i++) {
		kill(pid, SIGSTOP);
		waitpid(pid, &status, WUNTRACED);
		printf("stopped %d by %d\n", WIFSTOPPED(status), WSTOPSIG(status));
		kill(pid, SIGCONT);
		waitpid(pid, &status, WCONTINUED);
		printf("continued %d\n", WIFCONTINUED(status));
	}
	kill(pid, SIGTERM);
	return after(pid);
}

static int killed(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		syscall(SYS_getpgid, 0);
		_exit(0);
	}
	return after(pid);
}

static void *second(void *unused)
{
	syscall(SYS_getpgid, 0);
	return unused;
}

// The first event of a sequence in this thread, the second in one that is made then.
static int sequence_in_thread(void)
{
	pthread_t thread;
	syscall(SYS_getppid);
	if (pthread_create(&thread, NULL, second, NULL))
		return 2;
	pthread_join(thread, NULL);
	return 0;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	int number = argc > 2 ? atoi(argv[2]) : 0;
	static const struct { const char *name; int (*run)(void); } cases[] = {
		{ "exec-from-thread", exec_from_thread }, { "vfork", vforks }, { "threads", threads },
		{ "untraced", untraced }, { "untraced3", untraced3 }, { "i386", i386 },
		{ "io-uring", io_uring }, { "traceme", traceme }, { "listener", listener },
		{ "asks", asks }, { "trap", trap }, { "trap-blocked", trap_blocked },
		{ "interrupted", interrupted }, { "stops", stops }, { "killed", killed },
		{ "sequence-in-thread", sequence_in_thread },
	};
	self = argv;
	setvbuf(stdout, 0, _IOLBF, 0);
	if (!strcmp(name, "forks"))
		return forks(number);
	if (!strcmp(name, "execs"))
		return execs(number);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (!strcmp(name, cases[i].name))
			return cases[i].run();
	return 64;
}
