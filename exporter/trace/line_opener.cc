#include "trace/line_opener.h"

#include <algorithm>
#include <utility>

#include "base/scan.h"

namespace qte::trace {
namespace {

// So many lines are opened behind one that needed it.
constexpr uint32_t kLinesBehind = 1000;
// Docker cuts longer lines.
constexpr size_t kDockerBuffer = size_t{16} << 10;
constexpr std::string_view kDockerStart = "{\"log\":\"";

}  // namespace

void LineOpener::Use(Pin pin) {
  if (pin == pin_) return;
  pin_ = pin;
  lines_to_open_ = pin == Envelope::kNone ? 0 : kLinesToOpen;
}

void LineOpener::LookAgain() {
  if (pin_ != Envelope::kNone) lines_to_open_ = std::max(lines_to_open_, kLinesToOpen);
}

void LineOpener::Resume(State state) {
  seen_ = state.seen;
  lines_to_open_ = state.lines_to_open;
  has_whole_records_ = state.has_whole_records;
  parts_ = std::move(state.parts);
}

std::string_view LineOpener::Clean(std::string_view line) {
  if (pin_ == Envelope::kNone) return line;
  const std::string_view text = work().cleaners[0].Clean(line, is_big_endian_);
  if (text.size() != line.size()) lines_to_open_ = kLinesBehind;
  return text;
}

size_t LineOpener::FindBehind(std::string_view text, const NameTable& declared) const {
  return pin_ == Envelope::kNone ? 0 : FindEventBehind(text, declared);
}

std::span<const LineOpener::Opened> LineOpener::Open(std::string_view line, const NameTable& declared) {
  work().count = 0;
  if (lines_to_open_ != 0) --lines_to_open_;
  Layers layers;
  TakeApart(Clean(line), declared, layers);
  // A full disk tears a record, and the next one follows it.
  const size_t next = layers.count == 0 && !layers.is_event ? line.rfind(kDockerStart) : 0;
  if (next != 0 && next != std::string_view::npos && pin_ != Envelope::kNone) {
    layers = {};
    TakeApart(line.substr(next), declared, layers);
  }
  if (!layers.is_part) HandOn(layers, declared);
  return {work().opened.data(), work().count};
}

std::span<const LineOpener::Opened> LineOpener::Finish(const NameTable& declared) {
  work().count = 0;
  for (Part& part : parts_) {
    if (part.is_there()) HandOn(part, declared);
  }
  return {work().opened.data(), work().count};
}

void LineOpener::TakeApart(std::string_view text, const NameTable& declared, Layers& layers) {
  layers.texts[0] = text;
  while (true) {
    // An event never begins with a brace.
    layers.is_event = !text.starts_with('{') && IsEventLine(text, declared);
    const bool may_have_envelope = pin_ ? *pin_ != Envelope::kNone && layers.count == 0 : layers.count < kMostLayers;
    if (layers.is_event || !may_have_envelope) return;
    Peeled& peeled = layers.peeled[layers.count];
    peeled = Peel(text, work().unescaped[layers.count]);
    if (peeled.envelope == Envelope::kNone || (pin_ && peeled.envelope != *pin_)) return;
    bool is_big_endian = false;  // UTF-16 is around everything
    text = work().cleaners[++layers.count].Clean(peeled.text, is_big_endian);
    layers.texts[layers.count] = text;
    const bool may_be_part = peeled.envelope == Envelope::kCri || peeled.envelope == Envelope::kDockerJson;
    if (!may_be_part) continue;
    if (!Join(layers, declared)) return;
    text = layers.texts[layers.count];
  }
}

// Keeps the text of the last layer if it is a part, or puts the parts before it in front. True if that makes a
// line.
bool LineOpener::Join(Layers& layers, const NameTable& declared) {
  const Peeled& peeled = layers.peeled[layers.count - 1];
  std::string_view& text = layers.texts[layers.count];
  Part& part = parts_[peeled.stream];
  const bool is_docker = peeled.envelope == Envelope::kDockerJson;
  // When a container ends, Docker keeps an unfinished line without a newline; other loggers write none at all.
  if (part.is_there() && is_docker && part.text.size() < kDockerBuffer && IsEventLine(text, declared)) {
    HandOn(part, declared);
    has_whole_records_ = true;
  }
  if (is_docker && !peeled.is_part) has_whole_records_ = false;
  if (peeled.is_part && !(is_docker && has_whole_records_)) {
    Keep(part, peeled, text);
    layers.is_part = true;
    return false;
  }
  if (!part.is_there()) return true;
  Keep(part, peeled, text);
  layers.is_too_long = part.is_too_long;
  work().joined = std::exchange(part, {}).text;
  const size_t size = work().joined.size();
  work().joined.append(kChunkPadding, '\0');
  text = std::string_view(work().joined).substr(0, size);
  return !layers.is_too_long;
}

void LineOpener::Keep(Part& part, const Peeled& peeled, std::string_view text) const {
  if (!part.is_there()) {
    part.envelope = peeled.envelope;
    part.time = peeled.time.text;
    part.time_kind = peeled.time.kind;
  }
  part.is_too_long = part.is_too_long || part.text.size() + text.size() > max_line_bytes_;
  if (part.is_too_long) {
    part.text.clear();
  } else {
    part.text += text;
  }
}

// Docker's are lines without a newline.
void LineOpener::HandOn(Part& part, const NameTable& declared) {
  Part& kept = work().handed_on[work().count];
  kept = std::exchange(part, {});
  const size_t size = kept.text.size();
  kept.text.append(kChunkPadding, '\0');
  Opened& opened = work().opened[work().count++] = {};
  opened.kind = kept.is_too_long                         ? Opened::Kind::kTooLong
                : kept.envelope == Envelope::kDockerJson ? Opened::Kind::kLine
                                                         : Opened::Kind::kTornParts;
  opened.line = std::string_view(kept.text).substr(0, size);
  opened.is_event = IsEventLine(opened.line, declared);
  opened.layers = 1;
  opened.envelopes[0] = kept.envelope;
  opened.time = {kept.time_kind, kept.time};
  PutTime(opened);
}

void LineOpener::HandOn(const Layers& layers, const NameTable& declared) {
  Opened& opened = work().opened[work().count++] = {};
  if (layers.is_too_long) {
    opened.kind = Opened::Kind::kTooLong;
    return;
  }
  opened.is_event = layers.is_event;
  auto is_trusted = [&](Envelope envelope) {
    return layers.is_event || IsUnmistakable(envelope) || Knows(envelope) || pin_ == envelope;
  };
  while (opened.layers < layers.count && is_trusted(layers.peeled[opened.layers].envelope)) {
    const Peeled& peeled = layers.peeled[opened.layers];
    opened.envelopes[opened.layers++] = peeled.envelope;
    if (peeled.time.kind != WrapperTime::Kind::kNone) opened.time = peeled.time;
    if (peeled.thread != 0) opened.thread = peeled.thread;
    if (layers.is_event) seen_ |= uint32_t{1} << static_cast<unsigned>(peeled.envelope);
  }
  if (opened.layers > 0) lines_to_open_ = kLinesBehind;
  // One that is not sure enough stands behind those that are.
  if (opened.layers < layers.count) opened.envelopes[opened.layers] = layers.peeled[opened.layers].envelope;
  opened.line = layers.texts[opened.layers];
  if (const size_t behind = layers.is_event ? 0 : FindBehind(opened.line, declared)) {
    opened.line.remove_prefix(behind);
    opened.is_event = true;
  }
  PutTime(opened);
}

void LineOpener::PutTime(Opened& opened) {
  opened.has_prefix = FindPrefix(opened.line).kind != PrefixKind::kNone;
  std::string& line = work().lines[work().count - 1];
  if (opened.has_prefix || !WritePrefix(opened, line)) return;
  line += opened.line;
  const size_t size = line.size();
  line.append(kChunkPadding, '\0');
  opened.line = std::string_view(line).substr(0, size);
}

// The prefix with a thread is that of QEMU up to 10.0.
bool LineOpener::WritePrefix(const Opened& opened, std::string& line) {
  if (opened.thread == 0) {
    TimeReader::PrefixText prefix;
    if (!work().times.WritePrefix(opened.time, prefix)) return false;
    line.assign(prefix.data(), prefix.size());
    return true;
  }
  const std::optional<int64_t> micros = work().times.Microseconds(opened.time);
  if (!micros || *micros < 0) return false;
  const std::string fraction = std::to_string(1'000'000 + *micros % 1'000'000).substr(1);
  line = std::to_string(opened.thread) + '@' + std::to_string(*micros / 1'000'000) + '.' + fraction + ':';
  return true;
}

}  // namespace qte::trace
