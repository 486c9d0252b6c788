/* Preloaded into cache_driver: faults, kills at, delays and logs the file-system calls of the cache.
 *   SHIM_FAULT=call:nth:errno[:ever]  the nth `call` (from 0), and with :ever all later ones, fails; errno "SHORT" shortens a transfer
 *   SHIM_KILL=n[:after]               SIGKILL at the nth call of all, before it or after it
 *   SHIM_STATE=file                   a page: the number of the call in progress (0: none), and how many there were
 *   SHIM_DELAY=us                     sleeps that long inside each call, before and after the real one
 *   SHIM_LOG=file                     one line a call
 * Only calls on descriptors and names inside the folder SHIM_FOLDER count, so that the loader's own are left alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NONE, OPEN, READ, WRITE, FLOCK, DUP, CLOSE, RENAME, UNLINK, CALLS };
static const char* const kNames[CALLS] = {"none", "open", "read", "write", "flock", "fcntl", "close", "rename", "unlink"};
struct state { volatile int32_t current; volatile int32_t count; };
static struct state own_state, *state = &own_state;
static const char* folder;
static int fault_call = -1, fault_errno, fault_ever, fault_short;
static long fault_nth, kill_nth = -1, seen[CALLS], all, delay_us;
static int kill_after, log_file = -1;

static int (*real_openat)(int, const char*, int, ...);
static ssize_t (*real_read)(int, void*, size_t);
static ssize_t (*real_write)(int, const void*, size_t);
static int (*real_flock)(int, int);
static int (*real_close)(int);
static int (*real_renameat)(int, const char*, int, const char*);
static int (*real_unlinkat)(int, const char*, int);
static int (*real_fcntl)(int, int, ...);

static int number_of_errno(const char* name) {
  static const struct { const char* name; int number; } kErrors[] = {{"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EINTR", EINTR}, {"EMFILE", EMFILE}, {"ESTALE", ESTALE}, {"EBUSY", EBUSY}};
  for (size_t i = 0; i < sizeof kErrors / sizeof *kErrors; ++i)
    if (strcmp(kErrors[i].name, name) == 0) return kErrors[i].number;
  return 0;
}

__attribute__((constructor)) static void start(void) {
  real_openat = (int (*)(int, const char*, int, ...))dlsym(RTLD_NEXT, "openat");
  real_read = (ssize_t (*)(int, void*, size_t))dlsym(RTLD_NEXT, "read");
  real_write = (ssize_t (*)(int, const void*, size_t))dlsym(RTLD_NEXT, "write");
  real_flock = (int (*)(int, int))dlsym(RTLD_NEXT, "flock");
  real_close = (int (*)(int))dlsym(RTLD_NEXT, "close");
  real_renameat = (int (*)(int, const char*, int, const char*))dlsym(RTLD_NEXT, "renameat");
  real_unlinkat = (int (*)(int, const char*, int))dlsym(RTLD_NEXT, "unlinkat");
  real_fcntl = (int (*)(int, int, ...))dlsym(RTLD_NEXT, "fcntl");
  const char* text;
  char call[16] = "", error[16] = "", ever[8] = "";
  if ((text = getenv("SHIM_FAULT")) && sscanf(text, "%15[^:]:%ld:%15[^:]:%7s", call, &fault_nth, error, ever) >= 3) {
    for (int i = 1; i < CALLS; ++i)
      if (strcmp(kNames[i], call) == 0) fault_call = i;
    fault_short = strcmp(error, "SHORT") == 0;
    fault_errno = number_of_errno(error);
    fault_ever = ever[0] != 0;
  }
  if ((text = getenv("SHIM_KILL"))) {
    kill_nth = strtol(text, NULL, 10);
    kill_after = strstr(text, ":after") != NULL;
  }
  if ((text = getenv("SHIM_STATE"))) {
    const int file = real_openat(AT_FDCWD, text, O_RDWR | O_CLOEXEC);
    void* page = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (page != MAP_FAILED) state = page;
    real_close(file);
  }
  if ((text = getenv("SHIM_DELAY"))) delay_us = strtol(text, NULL, 10);
  if ((text = getenv("SHIM_LOG"))) log_file = real_openat(AT_FDCWD, text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  folder = getenv("SHIM_FOLDER");
}

/* Whether the descriptor is the folder or a file in it. */
static int ours(int descriptor) {
  char link[64], path[4096];
  if (!folder) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strncmp(path, folder, strlen(folder)) == 0;
}

/* Begins a call: 1 if it is to fail (errno is set), 2 if it is to be short. */
static int begin(int call, const char* name, int flags) {
  const long nth = seen[call]++, of_all = all++;
  state->current = call;
  state->count = (int32_t)all;
  if (log_file >= 0) {
    char line[512];
    const int length = snprintf(line, sizeof line, "%s %s %s%s\n", kNames[call], name ? name : "-", flags & O_CREAT ? "creat" : "", flags & O_EXCL ? ",excl" : "");
    if (real_write(log_file, line, (size_t)length) < 0) _exit(99);
  }
  if (delay_us) usleep((useconds_t)delay_us);
  if (kill_nth == of_all && !kill_after) kill(getpid(), SIGKILL);
  if (call != fault_call || !(nth == fault_nth || (fault_ever && nth > fault_nth))) return 0;
  if (fault_short) return 2;
  errno = fault_errno;
  return 1;
}

static void end(void) {
  const int kept = errno;
  if (kill_nth == all - 1 && kill_after) kill(getpid(), SIGKILL);
  if (delay_us) usleep((useconds_t)delay_us);
  state->current = NONE;
  errno = kept;
}

int openat(int directory, const char* name, int flags, ...) {
  mode_t mode = 0;
  if (flags & O_CREAT) {
    va_list list;
    va_start(list, flags);
    mode = va_arg(list, mode_t);
    va_end(list);
  }
  const int counts = folder && (directory == AT_FDCWD ? strncmp(name, folder, strlen(folder)) == 0 : ours(directory));
  if (!counts) return real_openat(directory, name, flags, mode);
  const int failed = begin(OPEN, name, flags) == 1;
  const int result = failed ? -1 : real_openat(directory, name, flags, mode);
  end();
  return result;
}

ssize_t read(int descriptor, void* buffer, size_t size) {
  if (!ours(descriptor)) return real_read(descriptor, buffer, size);
  const int fault = begin(READ, NULL, 0);
  const ssize_t result = fault == 1 ? -1 : real_read(descriptor, buffer, fault == 2 && size > 1 ? size / 2 : size);
  end();
  return result;
}

ssize_t write(int descriptor, const void* buffer, size_t size) {
  if (!ours(descriptor)) return real_write(descriptor, buffer, size);
  const int fault = begin(WRITE, NULL, 0);
  const ssize_t result = fault == 1 ? -1 : real_write(descriptor, buffer, fault == 2 && size > 1 ? size / 2 : size);
  end();
  return result;
}

int flock(int descriptor, int operation) {
  if (!ours(descriptor)) return real_flock(descriptor, operation);
  const int result = begin(FLOCK, NULL, 0) == 1 ? -1 : real_flock(descriptor, operation);
  end();
  return result;
}

int fcntl(int descriptor, int command, ...) {
  va_list list;
  va_start(list, command);
  void* argument = va_arg(list, void*);
  va_end(list);
  if (command != F_DUPFD_CLOEXEC || !ours(descriptor)) return real_fcntl(descriptor, command, argument);
  const int result = begin(DUP, NULL, 0) == 1 ? -1 : real_fcntl(descriptor, command, argument);
  end();
  return result;
}

int close(int descriptor) {
  if (!ours(descriptor)) return real_close(descriptor);
  /* The descriptor is gone whatever close answers, as on Linux. */
  const int failed = begin(CLOSE, NULL, 0) == 1, cause = errno;
  int result = real_close(descriptor);
  if (failed) {
    errno = cause;
    result = -1;
  }
  end();
  return result;
}

int renameat(int from, const char* old_name, int to, const char* new_name) {
  if (!ours(from)) return real_renameat(from, old_name, to, new_name);
  const int result = begin(RENAME, new_name, 0) == 1 ? -1 : real_renameat(from, old_name, to, new_name);
  end();
  return result;
}

int unlinkat(int directory, const char* name, int flags) {
  if (!ours(directory)) return real_unlinkat(directory, name, flags);
  const int result = begin(UNLINK, name, 0) == 1 ? -1 : real_unlinkat(directory, name, flags);
  end();
  return result;
}
