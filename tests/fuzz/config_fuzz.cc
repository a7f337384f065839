// The config: any text is a config or a list of what is wrong with it, each with its place; and what compiles runs.
//
// Input: a config.
#include "config/config.h"

#include <algorithm>

#include "exposition/text.h"
#include "exposition_check.h"
#include "fuzz.h"
#include "guests/guests.h"
#include "rules/compiler.h"

using namespace qte;
using fuzz::Require;

namespace {

constexpr std::string_view kLog =
    "1@1795408732.182800:pci_cfg_read i440FX 00:00.0 @0x0 -> 0x12378086\n"
    "1@1795408732.182801:ps2_put_keycode 0x55d0c0 keycode 0x1e\n"
    "1@1795408732.182802:bdrv_open_common bs 0x1 filename \"a.img\" flags 0x2002 format_name \"file\"\n"
    "1@1795408732.182803:blk_root_attach child 0x2 blk 0x3 bs 0x1\n"
    "1@1795408732.182804:dma_blk_io dbs=0x9 bs=0x3 offset=0 to_dev=0\n"
    "1@1795408732.182805:dma_blk_cb dbs=0x9 ret=0\n"
    "1@1795408732.182806:blk_co_preadv blk 0x3 bs 0x1 offset 0 bytes 512 flags 0x0\n"
    "1@1795408732.182807:dma_complete dbs=0x9 ret=0 cb=0x4\n"
    "1@1795408732.182808:unheard_of x\n"
    "guest panicked: oops \xff\\\"\n";

// A diagnostic without a place speaks of the file as a whole, in these words.
bool SpeaksOfTheFile(std::string_view message) {
  return message.starts_with("a config may hold at most") || message.starts_with("more than ");
}

void CheckDiagnostics(const std::vector<config::Diagnostic>& diagnostics, std::string_view yaml) {
  auto lines = 2 + std::count(yaml.begin(), yaml.end(), '\n') + std::count(yaml.begin(), yaml.end(), '\r');
  for (const config::Diagnostic& diagnostic : diagnostics) {
    bool placed = diagnostic.place.line >= 1 && diagnostic.place.column >= 1 && diagnostic.place.line <= lines;
    bool good = placed || SpeaksOfTheFile(diagnostic.message);
    if (!good) std::fprintf(stderr, "%s\n", diagnostic.Format().c_str());
    Require(good, "a diagnostic has its place");
    Require(diagnostic.Format().find('\n') == std::string::npos, "a diagnostic is one line");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const trace::Catalog catalog = [] {
    trace::Catalog bundled;
    bundled.Add(fuzz::ReadFile("config/trace-events"));
    return bundled;
  }();
  std::string_view yaml = fuzz::View(data, size);
  config::Loaded loaded = config::Parse(yaml, "x.yaml");
  Require(loaded.config.has_value() == loaded.diagnostics.empty(), "a config, or what is wrong with it");
  CheckDiagnostics(loaded.diagnostics, yaml);
  if (!loaded.config) {
    CheckDiagnostics(rules::Compile(loaded.sound, catalog).diagnostics, yaml);
    return 0;
  }
  rules::Compiled compiled = rules::Compile(*loaded.config, catalog);
  Require((compiled.program != nullptr) == compiled.diagnostics.empty(), "a program, or what is wrong with it");
  CheckDiagnostics(compiled.diagnostics, yaml);
  if (compiled.program == nullptr) return 0;
  guests::Guests guests(compiled.program, guests::SourceLabels(loaded.config->sources), 1);
  guests.OnOpen(1, 0, "/log/vm.log", 0);
  fuzz::CutInPieces(kLog, {}, '\0', [&](std::string_view piece) { guests.OnBytes(1, piece); });
  fuzz::RequireExposition(exposition::ToText(guests.TakeSnapshot()));
  return 0;
}
