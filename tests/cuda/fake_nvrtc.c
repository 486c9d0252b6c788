/* A library with NVRTC's interface that compiles nothing, for tests of what is around it: its "cubin" is a small ELF file whose code is a hash of the text, so that the
 * kernel of one text can be told from another's. It misbehaves as FAKE_NVRTC says: kill, crash, exit, hang, memory, reject, garbage; each kernel that it is asked for
 * is a line in the file FAKE_NVRTC_LOG. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEADER = 64, SECTION = 64, SECTIONS = 5, NAMES = HEADER, SYMBOLS = 192, INFO = 240, CODE = 264, TABLE = 280, SIZE = TABLE + SECTIONS * SECTION };
enum { NOTHING = 0, TABLE_OF_SYMBOLS = 2, STRINGS = 3, PROGRAM = 1, CUDA = 190 };
static const char kNames[] = "\0.shstrtab\0.symtab\0.nv.info\0.text.flexc_attention_forward";
enum { NAME_STRINGS = 1, NAME_SYMBOLS = 11, NAME_INFO = 19, NAME_CODE = 28 };

struct program {
  unsigned char cubin[SIZE];
  int is_kernel;
};

static void put(unsigned char* to, size_t offset, uint64_t value, size_t bytes) { memcpy(to + offset, &value, bytes); }

static void section(unsigned char* cubin, int number, uint64_t name, uint64_t type, uint64_t offset, uint64_t size) {
  unsigned char* header = cubin + TABLE + number * SECTION;
  put(header, 0, name, 4), put(header, 4, type, 4), put(header, 24, offset, 8), put(header, 32, size, 8);
}

int nvrtcVersion(int* major, int* minor) { return *major = 13, *minor = 0, 0; }
const char* nvrtcGetErrorString(int status) { return status == 6 ? "NVRTC_ERROR_COMPILATION" : "a fake error"; }

int nvrtcCreateProgram(void** result, const char* text, const char* name, int count, const char* const* headers, const char* const* names) {
  (void)name, (void)count, (void)headers, (void)names;
  struct program* program = calloc(1, sizeof *program);
  if (!program) return 1;
  unsigned char* cubin = program->cubin;
  program->is_kernel = strstr(text, "flexc_attention_forward") != NULL;
  const unsigned char ident[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
  memcpy(cubin, ident, sizeof ident);
  put(cubin, 18, CUDA, 2), put(cubin, 40, TABLE, 8), put(cubin, 60, SECTIONS, 2), put(cubin, 62, 1, 2);
  memcpy(cubin + NAMES, kNames, sizeof kNames);
  put(cubin, SYMBOLS + 24 + 6, 4, 2); /* symbol 1 lies in section 4 */
  const unsigned char records[] = {4, 0x2f, 8, 0, 1, 0, 0, 0, 168, 0, 0, 0, 4, 0x11, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0};
  memcpy(cubin + INFO, records, sizeof records);
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char* c = text; *c; ++c) hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
  put(cubin, CODE + 4, hash, 8);
  section(cubin, 1, NAME_STRINGS, STRINGS, NAMES, sizeof kNames);
  section(cubin, 2, NAME_SYMBOLS, TABLE_OF_SYMBOLS, SYMBOLS, 48);
  section(cubin, 3, NAME_INFO, NOTHING + PROGRAM, INFO, sizeof records);
  section(cubin, 4, NAME_CODE, PROGRAM, CODE, 16);
  *result = program;
  return 0;
}

int nvrtcDestroyProgram(void** program) { return free(*program), *program = NULL, 0; }

int nvrtcCompileProgram(void* opaque, int count, const char* const* options) {
  (void)count, (void)options;
  struct program* program = opaque;
  if (!program->is_kernel) return 0;
  const char *log = getenv("FAKE_NVRTC_LOG"), *mode = getenv("FAKE_NVRTC");
  if (log) {
    FILE* file = fopen(log, "a");
    if (file) fputs("compiled\n", file), fclose(file);
  }
  if (!mode) return 0;
  if (!strcmp(mode, "kill")) raise(SIGKILL);
  if (!strcmp(mode, "crash")) signal(SIGSEGV, SIG_DFL), raise(SIGSEGV);
  if (!strcmp(mode, "exit")) _exit(3);
  if (!strcmp(mode, "hang"))
    for (;;) pause();
  if (!strcmp(mode, "memory")) /* what a C++ library does about it: NVRTC ends its process */
    for (;;) {
      char* held = malloc(16 << 20);
      if (!held) abort();
      memset(held, 1, 16 << 20);
    }
  if (!strcmp(mode, "garbage")) memset(program->cubin, 'x', SIZE);
  return strcmp(mode, "reject") ? 0 : 6;
}

static int text_size(size_t* size) { return *size = 1, 0; }
static int text(char* out) { return *out = 0, 0; }
int nvrtcGetProgramLogSize(void* program, size_t* size) { return (void)program, text_size(size); }
int nvrtcGetProgramLog(void* program, char* out) { return (void)program, text(out); }
int nvrtcGetPTXSize(void* program, size_t* size) { return (void)program, text_size(size); }
int nvrtcGetPTX(void* program, char* out) { return (void)program, text(out); }
int nvrtcGetCUBINSize(void* program, size_t* size) { return (void)program, *size = SIZE, 0; }
int nvrtcGetCUBIN(void* program, char* out) { return memcpy(out, ((struct program*)program)->cubin, SIZE), 0; }
