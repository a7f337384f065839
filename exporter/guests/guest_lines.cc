// The way of a batch: bytes -> lines -> event -> rules -> series.
#include <algorithm>
#include <cstring>
#include <vector>

#include "base/scan.h"
#include "guests/guest.h"
#include "trace/bpftrace_probe.h"

namespace qte::guests {
namespace {

// libvirt appends every start of a domain to one log, and writes when and why it ended.
enum class LibvirtLine { kNone, kStart, kEnd };

LibvirtLine LibvirtLineOf(std::string_view text) {
  constexpr size_t kTimeSize = std::string_view("2026-11-23 04:41:06.310+0000").size();
  constexpr std::string_view kStart = ": starting up libvirt version";
  constexpr std::string_view kEnd = ": shutting down, reason=";
  if (text.size() < kTimeSize || text[4] != '-' || text[10] != ' ') return LibvirtLine::kNone;
  if (text.substr(kTimeSize).starts_with(kStart)) return LibvirtLine::kStart;
  return text.substr(kTimeSize).starts_with(kEnd) ? LibvirtLine::kEnd : LibvirtLine::kNone;
}

std::string_view NameIn(std::string_view text) {
  return text.substr(0, FindByte(text, ' '));
}

std::string_view ArgumentsIn(std::string_view text, size_t name_size) {
  return text.substr(std::min(name_size + 1, text.size()));
}

// Of "26638@1795408732.182800:..."; 0 where a line has no thread id.
size_t ThreadDigits(std::string_view line) {
  const size_t end = std::min(line.find_first_not_of("0123456789"), line.size());
  return end < line.size() && line[end] == '@' ? end : 0;
}

// The rest of such a line may still come in the same file.
bool MayBeginPrefix(std::string_view head) {
  const bool begins_with_digit = !head.empty() && head[0] >= '0' && head[0] <= '9';
  return begins_with_digit && head.find_first_not_of("0123456789@.:-+TZ ") == std::string_view::npos;
}

}  // namespace

// Bytes to lines.
void Guest::OnBytes(source::StreamId id, std::string_view bytes, uint64_t offset) {
  auto found = logs_.find(id);
  if (found == logs_.end()) return;
  Log& log = found->second;
  batch_ = bytes;
  scratch_->batch = {bytes, id, offset, nullptr, nullptr};
  counts_.bytes += bytes.size();
  is_in_flight_counted_ = false;
  if (is_expired_) Revive();
  const uint64_t lines = counts_.lines;
  const UnparsedCounts unread = CountUnread(log, [&] { Feed(log, bytes); });
  log.counts->lines += counts_.lines - lines;
  if (!log.first_lines.is_over()) log.first_lines.Add(bytes, counts_.lines - lines, unread);
  if (last_stamp_.in_batch != nullptr) last_stamp_.Keep(last_stamp_.in_batch);
  if (std::exchange(last_stamp_.is_new, false)) log.counts->last_stamp = last_stamp_;
}

// What `work` on a log finds unread is the log's as well.
template <class Work>
UnparsedCounts Guest::CountUnread(Log& log, Work&& work) {
  UnparsedCounts unread = counts_.unparsed;
  work();
  for (size_t i = 0; i < unread.size(); ++i) {
    unread[i] = counts_.unparsed[i] - unread[i];
    log.counts->unparsed[i] += unread[i];
  }
  return unread;
}

// No byte will follow.
void Guest::EndOfRecording(source::StreamId id) {
  auto found = logs_.find(id);
  if (found == logs_.end()) return;
  Log& log = found->second;
  CountUnread(log, [&] {
    for (const Opened& opened : log.opener.Finish(program_->names)) OnOpened(log, opened);
    // UTF-16 of the usual order of bytes ends in half a newline.
    const bool is_half_newline = log.splitter.partial() == std::string_view("\0", 1);
    if ((log.splitter.Drop() && !is_half_newline) || !log.torn.empty()) Reject(Unparsed::kPartialLine);
  });
  log.torn.clear();
  log.torn_log = 0;
}

void Guest::Feed(Log& log, std::string_view bytes) {
  auto on_too_long = [&] {
    ++counts_.lines;
    Reject(Unparsed::kLineTooLong);
    log.torn.clear();
    log.torn_log = 0;
  };
  if (log.doubtful_lines == 0 && !log.may_complete()) {
    log.splitter.Feed(
        bytes, [&](std::string_view line) { OnLine(log, line); }, on_too_long);
  } else {
    log.splitter.Feed(
        bytes, [&](std::string_view line) { OnDoubtfulLine(log, line); }, on_too_long);
  }
}

// A line to its event, and on to the rules that want it. What cannot be read as it stands is opened.
inline void Guest::OnLine(Log& log, std::string_view line) {
  ++counts_.lines;
  if (log.opener.must_open()) return OpenLine(log, line);
  const trace::Prefix prefix = log.prefixes.Find(line);
  std::string_view text = line.substr(prefix.size);
  const size_t name_size = FindByte(text, ' ');
  std::string_view name = text.substr(0, name_size);
  const rules::Program& program = *program_;
  const uint32_t event = program.names.Find(name);
  if (event == trace::NameTable::kNone) return OnUnknownName(log, line, prefix, name);
  if (events_.IncrementDeclared(event) == 1) common_->samples->Offer(event, name, line);
  Remember(line, prefix);
  if (!program.matches.empty()) Match(log, text);
  const uint32_t plan = program.plan_of[event];
  if (plan == rules::kNone) return;
  rules::Outcome outcome = log.process->OnEvent(plan, line, prefix, ArgumentsIn(text, name_size));
  if (outcome == rules::Outcome::kDone) return;
  if (outcome == rules::Outcome::kFormatMismatch) return OnMismatch(log, line);
  Count(outcome);
}

// A line as it stands whose name no declaration has.
[[gnu::noinline]] void Guest::OnUnknownName(Log& log, std::string_view line, const trace::Prefix& prefix, std::string_view name) {
  const uint32_t event = name.starts_with('_') ? trace::NameTable::kNone : events_.FindUndeclared(name);
  if (event == trace::NameTable::kNone) return OpenLine(log, line);
  const bool recurs = events_.Increment(event) == 2;
  if (recurs && prefix.kind == trace::PrefixKind::kNone && !log.has_prefixes) log.newcomers.Recur(name);
  Remember(line, prefix);
  log.process->OnText(line.substr(prefix.size));
  Reject(Unparsed::kUndeclaredEvent);
}

void Guest::OnLineAnyhow(Log& log, std::string_view line) {
  OnLine(log, line);
}

// A declaration must not silence a `match` rule.
void Guest::Match(Log& log, std::string_view text) {
  const rules::Outcome matched = log.process->OnText(text);
  if (matched != rules::Outcome::kNotTaken) Count(matched);
}

void Guest::OpenLine(Log& log, std::string_view line) {
  scratch_->batch.wrapped = line.data();
  for (const Opened& opened : log.opener.Open(line, program_->names)) OnOpened(log, opened);
}

void Guest::OnOpened(Log& log, const Opened& opened) {
  if (opened.kind == Opened::Kind::kTooLong) return Reject(Unparsed::kLineTooLong);
  if (opened.kind == Opened::Kind::kTornParts) return Reject(Unparsed::kPartialLine);
  const std::string_view line = opened.line;
  const trace::Prefix prefix = trace::FindPrefix(line);
  const std::string_view text = line.substr(prefix.size);
  const std::string_view name = NameIn(text);
  const uint32_t event = program_->names.Find(name);
  if (event == trace::NameTable::kNone) {
    if (!OnUndeclared(log, opened, prefix)) OnText(log, text);
    return;
  }
  log.has_prefixes = opened.has_prefix;
  if (events_.IncrementDeclared(event) == 1) common_->samples->Offer(event, name, line);
  Remember(line, prefix);
  if (!program_->matches.empty()) Match(log, text);
  const uint32_t plan = program_->plan_of[event];
  if (plan == rules::kNone) return;
  const rules::Outcome outcome = log.process->OnEvent(plan, line, prefix, ArgumentsIn(text, name.size()));
  Count(outcome);
  if (outcome == rules::Outcome::kFormatMismatch) OnBehind(log, line);
}

// The line of an event that counted already. What does not fit may be the end of a line of another system, or another
// event behind half of this one.
void Guest::OnMismatch(Log& log, std::string_view line) {
  const std::string_view clean = log.opener.Clean(line);
  const trace::Prefix prefix = trace::FindPrefix(clean);
  const std::string_view text = clean.substr(prefix.size);
  const std::string_view name = NameIn(text);
  const uint32_t event = program_->names.Find(name);
  const uint32_t plan = event == trace::NameTable::kNone ? rules::kNone : program_->plan_of[event];
  rules::Outcome outcome = rules::Outcome::kFormatMismatch;
  if (clean.size() != line.size() && plan != rules::kNone) {
    outcome = log.process->OnEvent(plan, clean, prefix, ArgumentsIn(text, name.size()));
  }
  Count(outcome);
  if (outcome == rules::Outcome::kFormatMismatch) OnBehind(log, clean);
}

void Guest::OnBehind(Log& log, std::string_view line) {
  const size_t behind = log.opener.FindBehind(line, program_->names);
  if (behind == 0) return;
  Opened opened;
  opened.line = line.substr(behind);
  opened.is_event = opened.has_prefix = true;
  OnOpened(log, opened);
}

// False where the line is no event, as far as can be known without a declaration. Where events have a prefix, it is
// text that has none.
bool Guest::OnUndeclared(Log& log, const Opened& opened, const trace::Prefix& prefix) {
  const std::string_view text = opened.line.substr(prefix.size);
  const std::string_view name = NameIn(text);
  if (!trace::LooksLikeEventName(name)) return false;
  // The first word of a line that may be wrapped, as in "vm_1 | Booting".
  const bool may_be_wrapped =
      opened.layers < opened.envelopes.size() && opened.envelopes[opened.layers] != trace::Envelope::kNone;
  if (may_be_wrapped && !opened.has_prefix) return false;
  const bool is_known = events_.FindUndeclared(name) != trace::NameTable::kNone;
  unsigned lines = 1;
  if (!opened.has_prefix) {
    if (is_known) {
      if (!log.has_prefixes) log.newcomers.Recur(name);
    } else if (log.has_prefixes && log.newcomers.state().once.size() >= Newcomers::kMostOnce) {
      log.opener.LookAgain();  // events may have no prefix from now on
      return false;
    } else if (lines = log.newcomers.Admit(name); lines == 0) {
      return false;
    }
  }
  const uint32_t event = events_.UndeclaredId(name);
  for (; lines > 0; --lines) {
    if (events_.Increment(event) == 1) common_->samples->Offer(event, name, opened.line);
  }
  Remember(opened.line, prefix);
  log.process->OnText(text);
  Reject(Unparsed::kUndeclaredEvent);
  return true;
}

void Guest::OnText(Log& log, std::string_view text) {
  if (const std::optional<uint64_t> lost = trace::LostEventsIn(text)) return CountLost(*lost);
  switch (LibvirtLineOf(text)) {
    case LibvirtLine::kNone:
      break;
    case LibvirtLine::kStart:
      BeginProcess(log);
      log.is_renewed = true;
      break;
    case LibvirtLine::kEnd:
      log.process->Restart();
      log.is_renewed = log.has_ended = true;
      log.ended_at = {};
      break;
  }
  Count(log.process->OnText(text));
}

// The first lines of a file that has taken the place of another, or of one that was truncated.
void Guest::OnDoubtfulLine(Log& log, std::string_view line) {
  if (log.may_complete()) return OnFirstLine(log, line);
  if (log.doubtful_lines == 0) return OnLineAnyhow(log, line);
  ++counts_.lines;
  for (const Opened& opened : log.opener.Open(line, program_->names)) {
    LookForSign(log, opened);
    OnOpened(log, opened);
  }
}

void Guest::LookForSign(Log& log, const Opened& opened) {
  trace::Prefix prefix = trace::FindPrefix(opened.line);
  std::string_view text = opened.line.substr(prefix.size);
  std::string_view name = NameIn(text);
  const uint32_t event = program_->names.Find(name);
  if (event == trace::NameTable::kNone || log.doubtful_lines == 0) return;
  const rules::EventLine parts{opened.line, prefix, ArgumentsIn(text, name.size())};
  switch (log.process->SignOf(program_->plan_of[event], parts, log.is_at_start)) {
    case rules::Process::Sign::kUnclear:
      --log.doubtful_lines;
      break;
    case rules::Process::Sign::kSame:
      log.doubtful_lines = 0;
      break;
    case rules::Process::Sign::kAnother:
      BeginProcess(log);
      log.is_renewed = true;
      break;
  }
  log.is_at_start = false;
}

// Visits a log that ends in an unfinished line, and those before it as far as the line began there; the last one first.
template <class Visit>
void Guest::ForEachTorn(source::StreamId id, Visit&& visit) {
  for (auto log = logs_.find(id); id != 0 && log != logs_.end(); log = logs_.find(id)) {
    const source::StreamId before = log->second.torn_log;
    visit(log->second);
    if (before >= id) return;
    id = before;
  }
}

// A rotation may cut a line in two, and several a line in more. Where the pieces make one event and the last is none,
// they are that event; where events have a prefix, two pieces without one are a line of text. The first of the pieces may
// be late lines that are under way, which are completed in their own files. Until the last piece came, late lines might
// have completed the others, too.
void Guest::OnFirstLine(Log& log, std::string_view line) {
  const source::StreamId before = std::exchange(log.torn_log, 0);
  const std::string gone = std::exchange(log.torn, {});  // with its file, so that no late line can complete it
  std::vector<Log*> torn;                                // the last one first
  ForEachTorn(before, [&](Log& other) { torn.push_back(&other); });
  if (gone.empty() && torn.empty()) return OnDoubtfulLine(log, line);
  for (size_t pieces = torn.size() + 1; pieces-- > 0;) {
    std::string joined = gone + std::string(line);
    for (size_t i = 0; i < pieces; ++i) joined.insert(0, torn[i]->torn + std::string(torn[i]->splitter.partial()));
    const size_t size = joined.size();
    if (size == line.size()) continue;
    joined.append(source::kReadPadding, '\0');
    const std::string_view whole = std::string_view(joined).substr(0, size);
    if (size > program_->limits.max_line_bytes || !Completes(log, whole, line)) continue;
    for (size_t i = 0; i < pieces; ++i) {
      torn[i]->torn.clear();
      torn[i]->torn_log = 0;
      torn[i]->splitter.Drop();
    }
    return OnDoubtfulLine(log, whole);
  }
  if (!gone.empty()) Reject(Unparsed::kPartialLine);
  OnDoubtfulLine(log, line);
}

bool Guest::Completes(Log& log, std::string_view joined, std::string_view tail) const {
  if (IsWrapped(log, tail) || LibvirtLineOf(tail) != LibvirtLine::kNone) return false;
  if (IsWrapped(log, joined)) return true;
  const std::string_view head = joined.substr(0, joined.size() - tail.size());
  const trace::Prefix prefix = trace::FindPrefix(joined);
  const bool is_prefixed = prefix.kind != trace::PrefixKind::kNone;
  // Text in two pieces, neither of which can be an event.
  if (!is_prefixed && LastEventTime()) {
    return !MayBeginPrefix(head) && trace::FindPrefix(tail).kind == trace::PrefixKind::kNone;
  }
  // Where the pieces make a name, the arguments need not fit.
  const std::string_view text = joined.substr(prefix.size);
  const std::string_view name = NameIn(text);
  const bool is_name_cut = head.size() <= prefix.size + name.size();
  const bool is_declared = program_->names.Find(name) != trace::NameTable::kNone;
  const bool is_word_alone = name.size() == text.size();
  if (is_name_cut && is_word_alone && !is_declared && events_.FindUndeclared(name) == trace::NameTable::kNone) return false;
  const bool makes_name = is_declared && head.size() < prefix.size + name.size();
  if (!makes_name && !IsEvent(log, joined, is_prefixed)) return false;
  if (!IsEvent(log, tail, is_prefixed)) return true;
  // A cut thread id leaves an event of another thread. Ids of a process have mostly the same number of digits.
  if (head.find_first_not_of("0123456789") != std::string_view::npos || ThreadDigits(tail) == 0) return false;
  const size_t known = ThreadDigits({last_stamp_.text.data(), last_stamp_.text.size()});
  return ThreadDigits(joined) == known || ThreadDigits(tail) != known;
}

// A whole record of a wrapped log is a line, whatever it holds.
bool Guest::IsWrapped(const Log& log, std::string_view line) const {
  trace::LineOpener opener = log.opener;
  Lines opened = opener.Open(line, program_->names);
  return opened.empty() || opened.back().layers > 0;
}

// In a log whose lines have prefixes, one without is no whole line.
bool Guest::IsEvent(Log& log, std::string_view line, bool has_prefixes) const {
  trace::Prefix prefix = trace::FindPrefix(line);
  const bool has_prefix = prefix.kind != trace::PrefixKind::kNone;
  if (has_prefixes && !has_prefix) return false;
  std::string_view text = line.substr(prefix.size);
  std::string_view name = NameIn(text);
  const uint32_t event = program_->names.Find(name);
  if (event == trace::NameTable::kNone) return has_prefix && trace::LooksLikeEventName(name);
  const uint32_t plan = program_->plan_of[event];
  return plan == rules::kNone || log.process->Fits(plan, ArgumentsIn(text, name.size()));
}

void Guest::Count(rules::Outcome outcome) {
  switch (outcome) {
    case rules::Outcome::kDone:
      break;
    case rules::Outcome::kNotTaken:
      return Reject(Unparsed::kNotAnEvent);
    case rules::Outcome::kFormatMismatch:
      return Reject(Unparsed::kFormatMismatch);
    case rules::Outcome::kNegativeValue:
      return Reject(Unparsed::kNegativeValue);
    case rules::Outcome::kNotANumber:
      return Reject(Unparsed::kNotANumber);
  }
}

inline void Guest::Remember(std::string_view line, const trace::Prefix& prefix) {
  if (prefix.kind == trace::PrefixKind::kNone) return;
  last_stamp_.prefix = prefix;
  last_stamp_.in_batch = line.data();
  // A line that crosses a chunk's border stands elsewhere, and not for long.
  bool is_in_batch =
      reinterpret_cast<uintptr_t>(line.data()) - reinterpret_cast<uintptr_t>(batch_.data()) < batch_.size();
  if (!is_in_batch) last_stamp_.Keep(line.data());
}

}  // namespace qte::guests
