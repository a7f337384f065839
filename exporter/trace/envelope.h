// What containers, journals and tracers wrap around each line, and how to take it off.
//
//   docker-json    {"log":"EVENT\n","stream":"stderr","time":"2026-11-23T04:38:20.000000001Z"}
//   journal-json   {"MESSAGE":"EVENT","__REALTIME_TIMESTAMP":"1795408700000001",...}, also as an array of bytes
//   json           {"component":"virt-launcher","msg":"EVENT","timestamp":"..."} and other loggers (message, time, ts)
//   cri            2026-11-23T04:38:20.000000001Z stderr F EVENT        P instead of F: the next line goes on
//   timestamp      2026-11-23T04:38:20.123456789Z EVENT                 docker logs -t, kubectl logs --timestamps, ts
//   name           vm-1  | EVENT          [pod/virt-launcher-vm/compute] EVENT
//   syslog         Nov 23 04:38:20 host qemu[4711]: EVENT               RFC 3164, RFC 5424, ISO; journalctl -o short...
//   stap           4711@1554311155346094123 EVENT                       qemu-trace-stap
//   ftrace         qemu-4711 [002] .... 12345.678901: tracing_mark_write: EVENT
//   qemu           2026-11-23T04:38:20.123456Z [vm] qemu-system-x86_64(4711:main): EVENT    proposed for QEMU
//
// Peel looks at one line alone and takes off one envelope. Which of them a log has is for LineOpener.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "trace/wrapper_time.h"

namespace qte::trace {

enum class Envelope : uint8_t {
  kNone,
  kDockerJson,
  kJournalJson,
  kJson,
  kCri,
  kTimestamp,
  kName,
  kSyslog,
  kStap,
  kFtrace,
  kQemu,
};
inline constexpr size_t kEnvelopes = 11;

// As the config calls it.
std::string_view NameOf(Envelope envelope);
std::optional<Envelope> EnvelopeNamed(std::string_view name);

struct Peeled {
  Envelope envelope = Envelope::kNone;
  std::string_view text;  // what was wrapped
  WrapperTime time;
  uint64_t thread = 0;   // kQemu: QEMU's thread id
  bool is_part = false;  // the next line of the stream continues this text
  uint8_t stream = 0;    // one number for each of standard output and standard error
};

// False where a line of other text may look the same, so that it takes an event within to be sure.
bool IsUnmistakable(Envelope envelope);

// Takes the outermost envelope off a line that has kChunkPadding readable bytes behind it; kNone if it has none. The
// texts are parts of `line` or of `unescaped`, with the same bytes behind them.
Peeled Peel(std::string_view line, std::string& unescaped);

// The envelopes that are JSON, for Peel.
Peeled PeelJson(std::string_view line, std::string& unescaped);

}  // namespace qte::trace
