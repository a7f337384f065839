// backfill: recorded traces in, their metrics over the traces' own time out, for a database's past.
//
// Every source has its own time, which begins with its first line that tells one and never goes back: a line that does
// (a clock that was set) counts at the time before it. At each step of that time the series are as a scrape at that
// moment would have found them.
#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "commands/commands.h"
#include "commands/line_feed.h"
#include "commands/load.h"
#include "commands/progress.h"
#include "commands/recordings.h"
#include "commands/summary.h"
#include "commands/trace_reader.h"
#include "exposition/backfill_writer.h"
#include "exposition/text.h"
#include "guests/guests.h"
#include "joins/elapsed.h"
#include "trace/prefix.h"

namespace qte::commands {
namespace {

// After a gap of 1 h without lines, samples stop. They resume with the next line.
constexpr int64_t kLongestSilenceMs = 3'600'000;

// Sends the series of a source to the writer at each step.
class SourceHistory {
 public:
  SourceHistory(guests::Guests& guests, exposition::BackfillWriter& writer, int64_t step_ms)
      : guests_(guests), writer_(writer), step_ms_(step_ms), feed_(guests, [this](auto opened) { Look(opened); }) {
    writer_.BeginSources();
  }

  LineFeed& feed() { return feed_; }
  // Writes a final sample, which shows everything since the last step.
  void Finish() {
    if (has_time_) Sample();
  }

  bool has_time() const { return has_time_; }

 private:
  // The time of a line is that of its last event.
  void Look(std::span<const trace::LineOpener::Opened> line) {
    int64_t micros = joins::kNoTime;
    for (const trace::LineOpener::Opened& opened : line) {
      micros = trace::ReadTime(opened.line, trace::FindPrefix(opened.line));
    }
    if (micros == joins::kNoTime || !IsOver(micros / 1000)) return;
    feed_.HandOnBefore();
    Advance(micros / 1000);
  }

  bool IsOver(int64_t time_ms) const { return !has_time_ || time_ms >= next_ms_; }

  // Advances to the step that contains this time.
  void Advance(int64_t time_ms) {
    int64_t begin = time_ms - time_ms % step_ms_;
    if (!has_time_) {
      has_time_ = true;
      next_ms_ = begin;
    }
    Sample();
    if (time_ms - next_ms_ > kLongestSilenceMs) next_ms_ = begin;
    while (next_ms_ <= begin) {
      writer_.AddSame(next_ms_);
      next_ms_ += step_ms_;
    }
  }

  void Sample() {
    metrics::Snapshot snapshot;
    guests_.AppendSeries(snapshot);
    writer_.Add(exposition::ToText(snapshot), next_ms_);
    next_ms_ += step_ms_;
  }

  guests::Guests& guests_;
  exposition::BackfillWriter& writer_;
  const int64_t step_ms_;
  LineFeed feed_;
  bool has_time_ = false;
  int64_t next_ms_ = 0;  // when the next sample is due
};

}  // namespace

int Backfill(const Options& options) {
  LoadOutcome outcome = LoadConfig(options);
  PrintProblems(outcome);
  if (!outcome.loaded || !CheckTraces(options.files)) return kExitBadInput;
  const LoadedConfig& loaded = *outcome.loaded;
  guests::SourceLabels labels(loaded.config.sources);
  const auto envelopes = EnvelopesOf(loaded.config, labels, options.files);
  exposition::BackfillWriter writer(options.step_ms);
  std::vector<Remarks> remarks(options.files.size());
  Summary summary;
  {
    Progress progress(SizeOf(options.files));
    for (const Recording& recording : GroupByLabels(loaded.config, labels, options.files)) {
      guests::Guests guest(loaded.program, labels, 1);
      SourceHistory source(guest, writer, options.step_ms);
      source::StreamId id = 0;
      for (size_t file : recording.files) {
        const source::StreamId before = std::exchange(id, static_cast<source::StreamId>(file + 1));
        guest.Open(id, AbsolutePath(options.files[file]), recording.labels, before);
        guest.Pin(id, envelopes[file]);
        source.feed().Open(envelopes[file]);
        const TraceReading reading{.catalog = loaded.catalog.get(),
                                   .progress = &progress,
                                   .clock_offset = ClockOffsetOf(options.files[file]),
                                   .needs_date = true};
        TraceFacts facts;
        Status read = ReadTrace(
            options.files[file], [&](std::string_view bytes) { source.feed().OnBytes(id, bytes); }, reading, &facts);
        source.feed().OnEnd(id);
        remarks[file].dropped_events = facts.dropped_events;
        summary.AddDropped(facts.dropped_events);
        if (!read) remarks[file].error = read.error();
        if (read && !source.has_time() && guest.lines() > 0) {
          remarks[file].error = AbsolutePath(options.files[file]) +
                                ": no line has a timestamp, so samples cannot be dated; run QEMU with "
                                "-msg timestamp=on";
        }
        guest.EndOfRecording(id);
      }
      source.Finish();
      summary.Add(guest);
      Tell(guest.TakeUnread(guests::FirstLines::Input::kHasEnded));
    }
  }
  int exit_code = Tell(options.files, remarks);
  writer.Write(std::cout);
  std::cout.flush();
  std::cerr << summary.Text() << '\n';
  return std::cout.good() ? exit_code : kExitBadInput;
}

}  // namespace qte::commands
