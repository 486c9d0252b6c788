// What a compilation leaves behind for people to read: EngineOptions::dump_dir, $FLEXC_DUMP.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "compiler/members.h"
#include "flexc/dsl/normal_form.h"
#include "flexc/error.h"
#include "flexc/flexc.h"

namespace flexc {

/// Where this engine dumps: the option, else $FLEXC_DUMP; empty for nowhere.
std::string dump_directory(const EngineOptions& options);

/// Writes the stages of a member that was just compiled into `directory`, which is made where it is missing, under the variant's
/// hash: HASH.normal.txt, HASH.ir.mlir, HASH.opt.mlir, HASH.llvm.ll, HASH.asm.s and HASH.o (the bytes that run); HASH.wide.… for
/// the wide member. All files or none. An empty `directory` writes nothing; whatever goes wrong is of kind Environment, because a
/// dump that was asked for and is not there would be taken for a kernel that was not compiled.
Result<void> dump_stages(const std::string& directory, const dsl::NormalForm& form, compiler::Member member, std::span<const std::byte> object);
/// The same for the interpreter, whose only stage is the normal form.
Result<void> dump_normal_form(const std::string& directory, const dsl::NormalForm& form);

}  // namespace flexc
