// Opens a path that other threads change, in memory and on disk, and says what it got.
//
// target SECONDS THREADS: a file whose content begins with `s` must never be opened.

#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile char path[64] = "open/f";
static atomic_int stop;
static atomic_long opened, refused, let_through;

// Both are as long: at every moment the path is one of them, or some of both.
static void *change_memory(void *unused) {
  while (!atomic_load(&stop)) {
    memcpy((void *)path, "secr/f", 7);
    memcpy((void *)path, "open/f", 7);
  }
  return unused;
}

static void *change_links(void *number) {
  char name[32];
  snprintf(name, sizeof name, "new%ld", (long)number);
  while (!atomic_load(&stop)) {
    unlink(name);
    if (symlink("secr", name) == 0) rename(name, "link");
    if (symlink("open", name) == 0) rename(name, "link");
  }
  return number;
}

static void *use(void *kind) {
  const char *what = kind ? "link/f" : (const char *)path;
  while (!atomic_load(&stop)) {
    long fd = syscall(SYS_openat, AT_FDCWD, what, O_RDONLY);
    if (fd < 0) {
      atomic_fetch_add(&refused, 1);
      continue;
    }
    char byte = 0;
    if (read(fd, &byte, 1) == 1 && byte == 's') atomic_fetch_add(&let_through, 1);
    atomic_fetch_add(&opened, 1);
    close(fd);
  }
  return kind;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  long threads = atol(argv[2]);
  pthread_t *all = calloc(threads, sizeof *all);
  for (long i = 0; i < threads; i++) {
    void *(*what)(void *) = i % 4 == 0 ? change_memory : i % 4 == 1 ? change_links : use;
    void *how = what == use ? (void *)(i % 4 - 2) : (void *)i;
    if (pthread_create(&all[i], NULL, what, how) != 0) return 2;
  }
  sleep(atoi(argv[1]));
  atomic_store(&stop, 1);
  for (long i = 0; i < threads; i++) pthread_join(all[i], NULL);
  printf("%d %d %ld\n", opened > 0, refused > 0, (long)let_through);
  fprintf(stderr, "opened %ld refused %ld\n", (long)opened, (long)refused);
  return 0;
}
