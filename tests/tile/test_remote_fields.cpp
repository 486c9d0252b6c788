// The field's masks with their captures where only a device reads them, on the host model of one: the host's masks.
#include <catch2/catch.hpp>

#include "compiler/host/tile_programs.h"
#include "compiler/host/variant_impl.h"
#include "runtime/kernel/block_masks.h"
#include "tests/tile/field_masks.h"
#include "tests/tile/model_device.h"

using namespace flexc;
using namespace flexc::test;

namespace {

/// Hands one device out, and keeps the count of what is copied from captures.
class Borrowed final : public tile::TileDevice {
 public:
  explicit Borrowed(tile::TileDevice& device) : device_(device) {}
  Result<tile::DeviceBuffer> allocate(std::size_t bytes) override { return device_.allocate(bytes); }
  Result<void> copy_in(std::uint64_t to, const void* from, std::size_t bytes) override { return device_.copy_in(to, from, bytes); }
  Result<void> copy_out(void* to, std::uint64_t from, std::size_t bytes) override { return device_.copy_out(to, from, bytes); }
  Result<void> launch(tile::TileKernel kernel, std::uint32_t blocks, void* argument) override { return device_.launch(kernel, blocks, argument); }

 private:
  tile::TileDevice& device_;
};

}  // namespace

TEST_CASE("the field's masks of captures that only a device reads") {
  int masks = 0, differ = 0, launches = 0;
  std::uint64_t copied = 0;
  for (const Listed& mask : listed()) {
    const auto variant = Variant::parse(gallery_text(mask.entry), {.name = "field.flex", .consts = mask.consts});
    REQUIRE(variant.has_value());
    const auto impl = VariantAccess::share(*variant);
    REQUIRE(impl->form.has_value());
    const std::shared_ptr<const dsl::NormalForm> form(impl, &*impl->form);
    const MaskBuilder builder(form, compiled_tile_program(form), nullptr);
    const Data data(mask, *variant);
    Captures there;
    for (const auto& [name, scalar] : data.captures.params()) there.set_param(name, scalar.integer);
    for (auto [name, view] : data.captures.tensors()) {
      view.memory = MemoryKind::Cuda;
      there.set(name, view);
    }
    for (const auto refine : {MaskShape::Refine::None, MaskShape::Refine::Default}) {
      const MaskShape shape{.batch = 1, .heads = 2, .q_len = kLength, .kv_len = kLength, .refine = refine};
      MaskReport expected_report, report;
      const auto expected = builder.build(shape, data.captures, &expected_report);
      REQUIRE(expected.has_value());
      tile::ModelDevice device;
      if (!data.doc.empty()) device.watched = reinterpret_cast<const std::byte*>(data.doc.data()), device.watched_end = device.watched + data.doc.size() * sizeof data.doc[0];
      const auto found = builder.build(shape, there, &report, [&]() -> Result<std::unique_ptr<tile::TileDevice>> { return std::make_unique<Borrowed>(device); });
      INFO(mask.name << ", refine " << static_cast<int>(refine) << (found ? std::string() : found.error().message));
      REQUIRE(found.has_value());
      CHECK(report.method == expected_report.method);
      const bool equal = found->runs == expected->runs && found->row_begin == expected->row_begin;
      CHECK(equal);
      CHECK(device.report == "");
      CHECK((device.held == 0 && device.overruns == 0));
      launches = std::max(launches, device.launches);
      ++masks, differ += !equal, copied += device.watched_bytes;
    }
  }
  CHECK(copied == 0);
  WARN("field's masks on the device: " << masks << ", " << differ << " differ; " << copied << " bytes of documents copied out\nat most " << launches << " launches a mask");
}
