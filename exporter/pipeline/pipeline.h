// The whole way of a batch of bytes: bytes -> lines -> event -> rules -> series.
//
// A Pipeline belongs to one thread. In: what a SourceSet (or a replay) hands up as its Receiver. Out: snapshots, taken
// between two batches. It owns the series and everything learned from the logs; it refuses nothing: a line that cannot
// be used is counted by reason.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "metrics/family.h"
#include "metrics/snapshot.h"
#include "pipeline/activity.h"
#include "pipeline/event_counts.h"
#include "pipeline/source_labels.h"
#include "rules/program.h"
#include "rules/stream.h"
#include "source/line_splitter.h"
#include "source/position.h"
#include "source/receiver.h"

namespace qte::pipeline {

// Why a line was not used.
enum class Unparsed {
  kNotAnEvent,       // warnings, -d output, the later lines of an event that holds newlines
  kUndeclaredEvent,  // looks like an event that no catalog declares
  kFormatMismatch,   // a known event whose arguments fit none of its formats
  kLineTooLong,
  kPartialLine,    // cut off by a truncation, a replaced file, or a writer that went away
  kNegativeValue,  // a counter's value was below zero
};
inline constexpr size_t kUnparsedReasons = 6;
std::string_view NameOf(Unparsed reason);

class Pipeline final : public source::Receiver {
 public:
  Pipeline(std::shared_ptr<const rules::Program> program, SourceLabels labels);

  void OnOpen(source::StreamId id, size_t source, const std::string& path) override;
  void OnResume(source::StreamId id, source::StreamId was) override;
  void OnBytes(source::StreamId id, std::string_view bytes) override;
  void OnRestart(source::StreamId id, source::Restart why) override;
  void OnClose(source::StreamId id) override;

  // No byte will follow, though nothing says that QEMU has ended: counts an unfinished line, and leaves what is open
  // so.
  void EndOfRecording(source::StreamId id);

  // All series, and the exporter's own metrics that are counted here.
  metrics::Snapshot TakeSnapshot() const;
  std::vector<SeenEvent> SeenEvents() const;
  size_t series_count() const;
  uint64_t lines() const { return lines_; }
  uint64_t bytes() const { return bytes_; }
  uint64_t events() const { return events_; }
  uint64_t unparsed(Unparsed reason) const { return unparsed_[static_cast<size_t>(reason)]; }
  // Removes the series of VMs that had nothing to tell for the config's `expire_after`, and returns how many they were.
  // If they come back, they begin at 0.
  size_t ExpireIdle(Clock::Time now);
  // The path of a stream that lacks the timestamps some duration needs, told once for each stream; empty if none.
  std::string TakePathWithoutTime();

  // All that a restart needs, in two steps: Save copies it between two batches, ToJson may run on another thread.
  struct Saved {
    std::vector<metrics::FamilySnapshot> families;
    std::vector<uint64_t> overflowed;  // by family
    nlohmann::json rest;
  };
  Saved Save() const;
  static nlohmann::json ToJson(Saved saved);
  // Takes up a checkpoint before any stream is open. `positions` tells what streams OnResume will speak of. The error
  // says what is wrong with it; the pipeline is then good for nothing.
  Status Restore(const nlohmann::json& saved, const source::Positions& positions);

  // Goes on where `old`, under another program, was: series of metrics that are unchanged, counts, open streams and
  // what they learned. `sources` tells by which of the new config's sources a stream is followed; one that is not there
  // (a file that was rotated away) keeps its labels.
  void Adopt(Pipeline&& old, const std::map<source::StreamId, size_t>& sources);

 private:
  // One followed source.
  struct Feed {
    std::string path;
    source::LineSplitter splitter;
    std::unique_ptr<rules::Stream> stream;
    CountPages* counts = nullptr;
    Activity::Entry* activity = nullptr;  // null once the series have expired
    bool told_about_time = false;
  };

  // Keeps the last prefix that held a time; read when somebody asks. Within a batch it is only pointed at.
  struct LastStamp {
    std::array<char, 64> text{};
    trace::Prefix prefix;
    const char* in_batch = nullptr;

    void Keep(const char* line) {
      std::memcpy(text.data(), line, std::min<size_t>(prefix.size, text.size()));
      in_batch = nullptr;
    }
  };

  void Step(Feed& feed, std::string_view batch);
  void OnLine(Feed& feed, std::string_view line);
  void OnUnknownName(Feed& feed, std::string_view line, std::string_view text, std::string_view name);
  void Remember(std::string_view line, const trace::Prefix& prefix);
  void Reject(Unparsed reason) { ++unparsed_[static_cast<size_t>(reason)]; }
  void MakeStream(Feed& feed, metrics::Labels labels);
  void Revive(Feed& feed);
  nlohmann::json SaveFeed(const Feed& feed) const;
  // What a stream has given up.
  struct Losses {
    std::map<std::string, uint64_t> abandoned;  // by span
    std::map<std::string, uint64_t> forgotten;  // by lookup or decoder

    void Add(const Losses& other);
    void Subtract(const Losses& other);
  };
  Losses LossesOf(const rules::Stream& stream) const;
  static nlohmann::json ToJson(const Losses& losses);
  static Losses LossesFromJson(const nlohmann::json& from);
  void RestoreFamilies(const nlohmann::json& saved);
  void AppendOwnMetrics(std::vector<metrics::PlainFamily>& out) const;
  void AppendSpanMetrics(std::vector<metrics::PlainFamily>& out) const;

  std::shared_ptr<const rules::Program> program_;
  SourceLabels labels_;
  std::vector<metrics::Family> families_;
  EventCounts event_counts_;
  std::map<source::StreamId, Feed> feeds_;
  Losses losses_before_;  // of streams that are no longer open
  Activity activity_;
  uint64_t expired_ = 0;  // series
  uint64_t lines_ = 0;
  uint64_t events_ = 0;
  uint64_t bytes_ = 0;
  std::array<uint64_t, kUnparsedReasons> unparsed_{};
  LastStamp last_stamp_;
  std::string_view batch_;  // that is being worked on
  // What the streams of a checkpoint had, by the id that they had then, until they are open again.
  std::map<source::StreamId, nlohmann::json> resumable_;
};

}  // namespace qte::pipeline
