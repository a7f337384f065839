#include "decoders/keyboard/scan_code.h"

#include <string_view>

#include "joins/saved.h"

namespace qte::decoders {
using namespace joins;
namespace {

constexpr uint8_t kExtendedPrefix = 0xe0;
constexpr uint8_t kPausePrefix = 0xe1;
constexpr uint8_t kReleasePrefix = 0xf0;
constexpr uint8_t kHiragana = 0x70;  // of set 1; its release looks like the release prefix

bool IsPrefix(uint8_t byte) {
  return byte == kExtendedPrefix || byte == kPausePrefix || byte == kReleasePrefix;
}

bool IsLang(uint8_t byte) {
  return byte == 0xf1 || byte == 0xf2;
}

// Codes of set 2 above 7f: F7 and SysRq.
bool IsHighCodeOfSet2(uint8_t byte) {
  return byte == 0x83 || byte == 0x84;
}

// Codes above 7f that QEMU sends in set 3 (seen in 7.2): application, power and multimedia keys.
bool IsHighCodeOfSet3(uint8_t byte) {
  constexpr std::string_view kCodes = "\x85\x86\x87\x8b\x8c\x8d\x91\x93\x94\x95\x97\x98\x9c\x9d\xa3";
  return kCodes.find(static_cast<char>(byte)) != kCodes.npos;
}

}  // namespace

nlohmann::json ScanCodeReader::Save() const {
  nlohmann::json held = nlohmann::json::array();
  for (size_t code = 0; code < held_.size(); ++code) {
    if (held_[code]) held.push_back(code);
  }
  return {{"set", set_}, {"prefix", prefix_}, {"release", release_}, {"pause_first", pause_first_}, {"held", held}};
}

void ScanCodeReader::Restore(const nlohmann::json& state) {
  set_ = SavedEnum<Set>(state.at("set"));
  prefix_ = SavedEnum<Prefix>(state.at("prefix"));
  release_ = SavedFlag(state.at("release"));
  pause_first_ = static_cast<uint8_t>(SavedUnsigned(state.at("pause_first"), UINT8_MAX));
  held_.reset();
  for (const nlohmann::json& code : SavedList(state.at("held"))) held_.set(SavedUnsigned(code, held_.size() - 1));
}

uint32_t ScanCodeReader::Read(uint8_t byte) {
  switch (prefix_) {
    case Prefix::kExtended:
      return ReadExtended(byte);
    case Prefix::kPause:
      return ReadPause(byte);
    case Prefix::kNone:
      break;
  }
  return ReadPlain(byte);
}

uint32_t ScanCodeReader::ReadPlain(uint8_t byte) {
  if (release_ && !IsPrefix(byte)) {
    EndRelease(byte);
    return 0;
  }
  release_ = false;
  if (byte == kReleasePrefix) {
    StartRelease();
    return 0;
  }
  if (IsPrefix(byte)) {
    prefix_ = byte == kExtendedPrefix ? Prefix::kExtended : Prefix::kPause;
    pause_first_ = 0;
    return 0;
  }
  if (byte >= 0x80 && IsReleaseOfSet1(byte)) {
    Become(Set::kSet1);
    held_.reset(byte & 0x7f);
    return 0;
  }
  if (byte < 0x80) held_.set(byte);
  if (IsHighCodeOfSet3(byte)) Become(Set::kSet3);
  return byte;
}

uint32_t ScanCodeReader::ReadExtended(uint8_t byte) {
  if (byte == kReleasePrefix) {
    Become(Set::kSet2);
    release_ = true;
    return 0;
  }
  prefix_ = Prefix::kNone;
  if (IsPrefix(byte)) return ReadPlain(byte);  // the code after the first prefix was lost
  if (release_) {
    release_ = false;
    return 0;
  }
  if (byte >= 0x80) {
    Become(Set::kSet1);
    return 0;
  }
  bool shift_of_set1 = byte == 0x2a || byte == 0x36;
  bool shift_of_set2 = byte == 0x12 || byte == 0x59;
  if (shift_of_set1) Become(Set::kSet1);
  if (shift_of_set2) Become(Set::kSet2);
  if (shift_of_set1 || shift_of_set2) return 0;
  return uint32_t{kExtendedPrefix} << 8 | byte;
}

// The press and the release are two sequences of the same form: e1, first code, second code. If the bytes do not fit,
// part of the sequence was lost, and the byte is read as an ordinary code.
uint32_t ScanCodeReader::ReadPause(uint8_t byte) {
  if (byte == kReleasePrefix) {
    release_ = true;
    return 0;
  }
  bool is_first = byte == 0x14 || byte == 0x1d || byte == 0x9d;
  if (pause_first_ == 0 && is_first) {
    Become(byte == 0x14 ? Set::kSet2 : Set::kSet1);
    pause_first_ = byte;
    return 0;
  }
  bool pressed = !release_ && ((pause_first_ == 0x14 && byte == 0x77) || (pause_first_ == 0x1d && byte == 0x45));
  bool released = (pause_first_ == 0x14 && byte == 0x77) || (pause_first_ == 0x9d && byte == 0xc5);
  prefix_ = Prefix::kNone;
  release_ = false;
  if (pressed) return uint32_t{kPausePrefix} << 16 | uint32_t{pause_first_} << 8 | byte;
  return released ? 0 : ReadPlain(byte);
}

void ScanCodeReader::StartRelease() {
  if (set_ == Set::kSet1 && IsHeld(kHiragana)) {
    held_.reset(kHiragana);
    return;
  }
  if (set_ == Set::kSet1) Become(Set::kSet2);
  release_ = true;
}

void ScanCodeReader::EndRelease(uint8_t byte) {
  release_ = false;
  if (byte < 0x80) held_.reset(byte);
  if (IsHighCodeOfSet3(byte)) {
    Become(Set::kSet3);
  } else if (set_ == Set::kUnknown) {
    Become(Set::kSet2);
  }
}

// True if a byte above 7f releases a key of set 1. Otherwise it presses a key of another set.
bool ScanCodeReader::IsReleaseOfSet1(uint8_t byte) const {
  bool may_be_set1 = set_ == Set::kSet1 || set_ == Set::kUnknown;
  if (IsLang(byte)) return may_be_set1 && IsHeld(byte);
  if (set_ == Set::kSet1) return true;
  if (IsHighCodeOfSet2(byte)) return set_ == Set::kUnknown && IsHeld(byte);
  if (set_ == Set::kSet3) return !IsHighCodeOfSet3(byte);
  // Set 2 has no such code. If releases by f0 were seen, set 3 is still possible, unless the key of set 1 is down.
  bool may_be_set3 = set_ == Set::kSet2 && IsHighCodeOfSet3(byte) && !IsHeld(byte);
  return !may_be_set3;
}

void ScanCodeReader::Become(Set set) {
  // The held codes mean other keys in another set. If the set was unknown so far, they already belong to the new set.
  bool same_codes = set_ == Set::kUnknown || (set_ == Set::kSet1) == (set == Set::kSet1);
  if (!same_codes) held_.reset();
  set_ = set;
}

}  // namespace qte::decoders
