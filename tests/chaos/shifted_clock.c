/* The wall clock, ahead or behind by the seconds in the file CLOCK_OFFSET_FILE; other clocks are as they are. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef int (*clock_function)(clockid_t, struct timespec *);

static long offset(void) {
  char text[32];
  const char *path = getenv("CLOCK_OFFSET_FILE");
  int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  if (length <= 0) return 0;
  text[length] = 0;
  return atol(text);
}

/* The file is read once in a tenth of a second. */
static long known_offset(clock_function real) {
  static volatile long found = 0, read_at = -1;
  struct timespec now;
  real(CLOCK_MONOTONIC, &now);
  long tenth = now.tv_sec * 10 + now.tv_nsec / 100000000;
  if (tenth != read_at) {
    read_at = tenth;
    found = offset();
  }
  return found;
}

int clock_gettime(clockid_t id, struct timespec *found) {
  static clock_function real = NULL;
  if (real == NULL) real = (clock_function)dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(id, found);
  if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) found->tv_sec += known_offset(real);
  return result;
}

int gettimeofday(struct timeval *found, void *zone) {
  struct timespec now;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  found->tv_sec = now.tv_sec;
  found->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *found) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (found != NULL) *found = now.tv_sec;
  return now.tv_sec;
}
