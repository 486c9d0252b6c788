/* flexc from C, and from languages that call C: opaque handles over flexc/engine.h and flexc/flexc.h, which say what each thing means.
 *
 *   flexc_error* error = NULL;
 *   flexc_engine* engine = flexc_engine_create(NULL, &error);
 *   flexc_variant* variant = flexc_variant_parse(text, "alibi.flex", &error);
 *   flexc_kernel* kernel = flexc_compile(engine, variant, &(flexc_compile_options){.dtype = FLEXC_F32, .head_dim = 64}, &error);
 *   flexc_call call = {.q = {q, FLEXC_F32, 4, q_shape}, ...};
 *   if (!flexc_run(kernel, &call, &error)) fputs(flexc_error_message(error), stderr);
 *
 * Every function is thread-safe, as the object behind it is. What fails returns NULL or 0 and, where `error` is not NULL, stores an
 * error there, to be freed; nothing prints, throws or exits. Every handle is freed by its own destroy function, which takes NULL.
 * Structs may be zeroed: 0 means the documented default.
 */
#ifndef FLEXC_FLEXC_C_H
#define FLEXC_FLEXC_C_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct flexc_engine flexc_engine;
typedef struct flexc_variant flexc_variant;
typedef struct flexc_kernel flexc_kernel;
typedef struct flexc_mask flexc_mask;
typedef struct flexc_bundle flexc_bundle;
typedef struct flexc_error flexc_error;

typedef enum flexc_dtype {
  FLEXC_F32 = 0, FLEXC_F16 = 1, FLEXC_BF16 = 2, FLEXC_I32 = 3, FLEXC_I64 = 4, FLEXC_U8 = 5, FLEXC_BOOL = 6
} flexc_dtype;
typedef enum flexc_device { FLEXC_AUTO = 0, FLEXC_CPU = 1, FLEXC_CUDA = 2, FLEXC_MODEL = 3, FLEXC_ORACLE = 4 } flexc_device;
typedef enum flexc_error_kind {
  FLEXC_ERROR_INPUT = 0,       /* the variant or a tensor */
  FLEXC_ERROR_USAGE = 1,       /* the call itself */
  FLEXC_ERROR_ENVIRONMENT = 2, /* something is missing here */
  FLEXC_ERROR_INTERNAL = 3     /* a bug in flexc */
} flexc_error_kind;

/* The version of the library, "0.1.0". */
const char* flexc_version(void);

/* The text of an error; for a variant at fault, its diagnostics with source lines and carets. Lives as long as the error. */
const char* flexc_error_message(const flexc_error* error);
flexc_error_kind flexc_error_get_kind(const flexc_error* error);
void flexc_error_destroy(flexc_error* error);

/* cache_dir NULL: the documented default (docs/cache.md). */
flexc_engine* flexc_engine_create(const char* cache_dir, flexc_error** error);
void flexc_engine_destroy(flexc_engine* engine);

/* What an engine has done since it was made: counts that only grow. */
typedef struct flexc_statistics {
  uint64_t kernels_made; /* kernels that memory did not have and that were made */
  uint64_t compilations; /* of mods to machine code */
  uint64_t disk_hits;    /* machine code that was found on disk instead */
} flexc_statistics;
/* All 0 for NULL. */
flexc_statistics flexc_engine_statistics(const flexc_engine* engine);

/* Variants and flexc_compile() need the compiler (libflexc_compiler); all else stands in libflexc_runtime.
 *
 * Text of a .flex file; `name` is for messages and may be NULL. */
flexc_variant* flexc_variant_parse(const char* text, const char* name, flexc_error** error);
/* Two bare expressions; either may be NULL. */
flexc_variant* flexc_variant_from_expressions(const char* score, const char* mask, flexc_error** error);
void flexc_variant_destroy(flexc_variant* variant);

typedef struct flexc_compile_options {
  flexc_dtype dtype;    /* of q, k, v and out: F32, F16 or BF16 */
  flexc_device device;
  int64_t head_dim;     /* 0: 64 */
  int64_t value_dim;    /* 0: as head_dim */
} flexc_compile_options;
/* options NULL: all defaults. The kernel outlives engine and variant. */
flexc_kernel* flexc_compile(flexc_engine* engine, const flexc_variant* variant, const flexc_compile_options* options, flexc_error** error);

/* Kernels that `flexc compile` made: no compiler is needed (docs/aot.md). A bundle that is damaged or for other machines is refused whole. */
flexc_bundle* flexc_engine_load_bundle(const flexc_engine* engine, const char* path, flexc_error** error);
/* The same from memory, which is copied. */
flexc_bundle* flexc_engine_load_bundle_memory(const flexc_engine* engine, const void* data, size_t size, flexc_error** error);
void flexc_bundle_destroy(flexc_bundle* bundle);
size_t flexc_bundle_variant_count(const flexc_bundle* bundle);
/* NULL from the count on. Lives as long as the bundle. */
const char* flexc_bundle_variant_name(const flexc_bundle* bundle, size_t index);
/* options NULL: all defaults; device AUTO, CPU or CUDA. Equal requests share one kernel, which outlives the bundle. */
flexc_kernel* flexc_bundle_kernel(const flexc_bundle* bundle, const char* variant, const flexc_compile_options* options, flexc_error** error);

void flexc_kernel_destroy(flexc_kernel* kernel);
/* Where it runs: what FLEXC_AUTO became. */
flexc_device flexc_kernel_device(const flexc_kernel* kernel);

/* A borrowed tensor. `strides` in elements, or NULL for row-major; data NULL and rank 0: absent. */
typedef struct flexc_tensor {
  const void* data; /* outputs are written through it */
  flexc_dtype dtype;
  int32_t rank;
  const int64_t* shape;
  const int64_t* strides;
} flexc_tensor;

/* A captured tensor or a param, by name. */
typedef struct flexc_binding {
  const char* name;
  flexc_tensor tensor;   /* a capture; absent for a param */
  int64_t integer;       /* a param of type i32, i64 or bool */
  double real;           /* a param of type f32 */
  int32_t is_real;       /* which of the two */
} flexc_binding;

typedef struct flexc_mask_shape {
  int64_t batch, heads, kv_heads, q_len, kv_len; /* 0 for batch and heads: 1; for kv_heads: as heads */
  int64_t q_offset, kv_offset, q_total, kv_total;
  int32_t block_q, block_kv; /* 0: 128 */
  int32_t refine;            /* 0 default, 1 proof alone, 2 exact */
} flexc_mask_shape;
flexc_mask* flexc_kernel_block_mask(const flexc_kernel* kernel, const flexc_mask_shape* shape, const flexc_binding* bindings, size_t binding_count, flexc_error** error);
void flexc_mask_destroy(flexc_mask* mask);

/* One attention call. q [B,H,Q,D], k [B or 1,HKV,KV,D], v [B or 1,HKV,KV,DV], out [B,H,Q,DV]; lse and max_scores f32 [B,H,Q] and
 * sink f32 [H] may be absent. For a kernel of device CUDA every tensor, captures too, is in the GPU's memory, and the call returns when the work is on
 * the stream; for all others they are in the host's. */
typedef struct flexc_call {
  flexc_tensor q, k, v, out, lse, max_scores, sink;
  const flexc_binding* bindings;
  size_t binding_count;
  const flexc_mask* mask; /* NULL: none */
  double scale;           /* used where has_scale is not 0; else 1/sqrt(D) */
  int32_t has_scale;
  int32_t checked;        /* gathers out of range are an error */
  int32_t threads;        /* at most; 0: all cores; changes no bit */
  int64_t q_offset, kv_offset, q_total, kv_total;
  int64_t split;          /* parts that the keys are cut into, by position; 0: as the shape suggests */
  void* stream;           /* CUDA: a CUstream; NULL: the default stream */
  void* workspace;        /* CUDA: flexc_kernel_workspace_bytes() of the GPU's memory; NULL: allocated and freed in the order of the stream */
} flexc_call;
/* Rows and keys at other steps than 1, such as those of a striped shard: row i is at position q_offset + q_step * i, key j at kv_offset + kv_step * j, and
 * q_total, kv_total default to the last position + 1. A struct of its own, so that flexc_call and flexc_mask_shape stay as programs know them. */
typedef struct flexc_steps {
  int64_t q_step, kv_step; /* at least 1; 0: 1 */
} flexc_steps;
/* As flexc_kernel_block_mask; steps NULL: 1. A mask serves calls of its own steps. */
flexc_mask* flexc_kernel_block_mask_stepped(const flexc_kernel* kernel, const flexc_mask_shape* shape, const flexc_steps* steps, const flexc_binding* bindings, size_t binding_count,
                                            flexc_error** error);
/* As flexc_run; steps NULL: 1. */
int flexc_run_stepped(const flexc_kernel* kernel, const flexc_call* call, const flexc_steps* steps, flexc_error** error);
/* What flexc_call.workspace has to hold for a call of these shapes; 0 where none is needed. */
size_t flexc_kernel_workspace_bytes(const flexc_kernel* kernel, const flexc_call* call);
/* 1 if it ran. */
int flexc_run(const flexc_kernel* kernel, const flexc_call* call, flexc_error** error);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif
