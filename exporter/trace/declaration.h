// One event declaration in the grammar of QEMU's trace-events-all (docs/devel/tracing.rst):
//
//   [disable] [vcpu] name(type arg, ... | void) "format" PRIx64 "format" ...
//
// Read as QEMU's own tracetool reads it, with macros of <inttypes.h> resolved, so that `format` is what printf gets on
// a 64-bit host.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace qte::trace {

struct Argument {
  std::string type;  // "const char *"
  std::string name;
};

struct Declaration {
  std::string name;
  std::vector<Argument> arguments;  // of a vcpu event: `cpu` first, as it is printed
  std::string format;               // escapes resolved, length modifiers kept
  bool disabled = false;            // not compiled into QEMU
};

// At most this many arguments: QEMU allows 10, a vcpu event has one more.
inline constexpr size_t kMaxArguments = 16;

// Reads one line that is neither empty nor a comment. The error names what was expected and where, without the place of
// the line itself.
Result<Declaration> ParseDeclaration(std::string_view line);

}  // namespace qte::trace
