#include "compiler/host/tile_programs.h"

#include <utility>

#include "compiler/host/ir_library.h"

namespace flexc {
namespace {

/// Every pair is kept: nothing to compile.
tile::Program keep_everything(const runtime::Signature& signature) {
  tile::Program program;
  for (const runtime::CaptureInfo& info : signature.captures) program.captures.push_back({info.dtype, static_cast<std::uint32_t>(info.dims.size())});
  program.params = static_cast<std::uint32_t>(signature.params.size());
  program.fresh_dims = static_cast<std::uint32_t>(signature.fresh_dims.size());
  program.instructions = {{tile::Opcode::ConstB, 1, 0, 0}};
  return program;
}

}  // namespace

Result<std::vector<std::byte>> tile_program_bytes(const dsl::NormalForm& form) {
  if (!form.mask) return tile::serialize(keep_everything(form));
  const auto functions = ir_functions();
  if (!functions) return std::unexpected(functions.error());
  return (*functions)->compile_tile_program(form);
}

TileProgramSource compiled_tile_program(std::shared_ptr<const dsl::NormalForm> form) {
  return [form = std::move(form)]() -> Result<tile::Program> {
    const auto bytes = tile_program_bytes(*form);
    if (!bytes) return std::unexpected(bytes.error());
    auto program = tile::deserialize(*bytes);
    if (!program) return std::unexpected(Error{ErrorKind::Internal, "the compiled tile program cannot be read: " + program.error().message});
    return program;
  };
}

}  // namespace flexc
