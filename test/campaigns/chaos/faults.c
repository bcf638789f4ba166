// Faults for a process that is started with LD_PRELOAD: at the Nth call that changes a file below a folder it is
// killed, or the disk is full from then on; and its clock may be wrong.
//
//   FAULT_DIR    the folder; calls elsewhere pass
//   FAULT_AT     the number of the call, from 1
//   FAULT_KIND   kill: SIGKILL before the call; half: after half of a write; full: ENOSPC from this call on;
//                once: ENOSPC for this call alone
//   FAULT_COUNT  a file to which the number of calls is written, at exit
//   FAULT_CLOCK  seconds that the clock is ahead, or behind if negative
//   FAULT_AFTER  seconds after the start from which the clock is wrong. Default: 0
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static atomic_long calls;
static const char* dir;
static const char* kind = "";
static long at = LONG_MAX;
static double ahead, after;
static double begun;

static double real_now(clockid_t id) {
  struct timespec t;
  syscall(SYS_clock_gettime, id, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

__attribute__((constructor)) static void begin(void) {
  dir = getenv("FAULT_DIR");
  if (getenv("FAULT_AT")) at = atol(getenv("FAULT_AT"));
  if (getenv("FAULT_KIND")) kind = getenv("FAULT_KIND");
  if (getenv("FAULT_CLOCK")) ahead = atof(getenv("FAULT_CLOCK"));
  if (getenv("FAULT_AFTER")) after = atof(getenv("FAULT_AFTER"));
  begun = real_now(CLOCK_MONOTONIC);
}

__attribute__((destructor)) static void end(void) {
  const char* path = getenv("FAULT_COUNT");
  FILE* file = path ? fopen(path, "w") : NULL;
  if (!file) return;
  fprintf(file, "%ld\n", atomic_load(&calls));
  fclose(file);
}

static int below(const char* path) {
  return dir && path && strncmp(path, dir, strlen(dir)) == 0;
}

static int below_fd(int fd) {
  char link[64], path[PATH_MAX];
  if (!dir) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n < 0) return 0;
  path[n] = 0;
  return below(path);
}

enum { PASS, FULL, HALF };

// Counts a call. `takes`: it needs space on the disk.
static int count(int takes) {
  long now = atomic_fetch_add(&calls, 1) + 1;
  int here = now == at;
  if (here && !strcmp(kind, "kill")) raise(SIGKILL);
  if (here && !strcmp(kind, "half")) return HALF;
  if (takes && here && !strcmp(kind, "once")) return FULL;
  if (takes && now >= at && !strcmp(kind, "full")) return FULL;
  return PASS;
}

#define NEXT(name) \
  static __typeof__(name)* next; \
  if (!next) next = (__typeof__(name)*)dlsym(RTLD_NEXT, #name)
// Half of a call that has no half: the process is killed after it.
#define FAULTY(condition, takes, call) \
  int fault = (condition) ? count(takes) : PASS; \
  if (fault == FULL) return errno = ENOSPC, -1; \
  __typeof__(call) result = (call); \
  if (fault == HALF) raise(SIGKILL); \
  return result

int open64(const char* path, int flags, ...) {
  NEXT(open64);
  mode_t mode = 0;
  if (flags & (O_CREAT | O_TMPFILE)) {
    va_list list;
    va_start(list, flags);
    mode = va_arg(list, mode_t);
    va_end(list);
  }
  FAULTY((flags & O_CREAT) && below(path), 1, next(path, flags, mode));
}

ssize_t write(int fd, const void* bytes, size_t size) {
  NEXT(write);
  int fault = below_fd(fd) ? count(1) : PASS;
  if (fault == FULL) return errno = ENOSPC, -1;
  ssize_t result = next(fd, bytes, fault == HALF ? size / 2 : size);
  if (fault == HALF) raise(SIGKILL);
  return result;
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t place) {
  NEXT(pwrite64);
  int fault = below_fd(fd) ? count(1) : PASS;
  if (fault == FULL) return errno = ENOSPC, -1;
  ssize_t result = next(fd, bytes, fault == HALF ? size / 2 : size, place);
  if (fault == HALF) raise(SIGKILL);
  return result;
}

ssize_t writev(int fd, const struct iovec* parts, int n) {
  NEXT(writev);
  FAULTY(below_fd(fd), 1, next(fd, parts, n));
}

int mkdir(const char* path, mode_t mode) {
  NEXT(mkdir);
  FAULTY(below(path), 1, next(path, mode));
}

int rename(const char* from, const char* to) {
  NEXT(rename);
  FAULTY(below(to), 1, next(from, to));
}

int link(const char* from, const char* to) {
  NEXT(link);
  FAULTY(below(to), 1, next(from, to));
}

int fsync(int fd) {
  NEXT(fsync);
  FAULTY(below_fd(fd), 1, next(fd));
}

int fdatasync(int fd) {
  NEXT(fdatasync);
  FAULTY(below_fd(fd), 1, next(fd));
}

int unlink(const char* path) {
  NEXT(unlink);
  FAULTY(below(path), 0, next(path));
}

int rmdir(const char* path) {
  NEXT(rmdir);
  FAULTY(below(path), 0, next(path));
}

int ftruncate64(int fd, off64_t size) {
  NEXT(ftruncate64);
  FAULTY(below_fd(fd), 0, next(fd, size));
}

static double wrong(void) {
  if (ahead == 0) return 0;
  return real_now(CLOCK_MONOTONIC) - begun >= after ? ahead : 0;
}

int clock_gettime(clockid_t id, struct timespec* t) {
  int result = (int)syscall(SYS_clock_gettime, id, t);
  if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
    t->tv_sec += (time_t)wrong();
  }
  return result;
}

int gettimeofday(struct timeval* restrict t, void* restrict zone) {
  struct timespec now;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &now);
  t->tv_sec = now.tv_sec;
  t->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* into) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (into) *into = now.tv_sec;
  return now.tv_sec;
}
