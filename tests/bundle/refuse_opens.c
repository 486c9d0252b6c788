/* Preloaded, it makes the compiler's libraries unreadable: opening a file whose name has one of these words fails with EACCES, and so does dlopen. With
 * REFUSE_OPENS_ALLOW_CUDA set, the driver's may be opened. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static int is_refused(const char* path) {
  static const char* const kWords[] = {"libLLVM", "libMLIR", "libnvrtc", "libcuda", "libflexc_ir", "libflexc_dsl", "libflexc_compiler"};
  for (size_t i = 0; path != NULL && i < sizeof kWords / sizeof *kWords; ++i)
    if (strstr(path, kWords[i]) != NULL && (strcmp(kWords[i], "libcuda") != 0 || getenv("REFUSE_OPENS_ALLOW_CUDA") == NULL)) return 1;
  return 0;
}

static int open_by(const char* function, const char* path, int flags, va_list arguments) {
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
  if (is_refused(path)) {
    errno = EACCES;
    return -1;
  }
  return ((int (*)(const char*, int, ...))dlsym(RTLD_NEXT, function))(path, flags, mode);
}

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const int result = open_by("open", path, flags, arguments);
  va_end(arguments);
  return result;
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const int result = open_by("open64", path, flags, arguments);
  va_end(arguments);
  return result;
}

void* dlopen(const char* path, int mode) {
  if (is_refused(path)) path = "/refused/by/the/test";  // a real failure, with a message for dlerror()
  return ((void* (*)(const char*, int))dlsym(RTLD_NEXT, "dlopen"))(path, mode);
}
