// Decodes scan codes, the bytes that a PS/2 keyboard sends, into key presses.
//
// A key has one code in each of three sets, and the guest chooses the set:
//
//   set 2 (default)   press [e0] xx   release [e0] f0 xx   Pause e1 14 77 e1 f0 14 f0 77, all at the press
//   set 1             press [e0] xx   release [e0] xx|80   Pause e1 1d 45 e1 9d c5, all at the press
//   set 3             press xx        release f0 xx        no prefixes
//
// The set in use is detected from the bytes alone, because QEMU up to 5.2 does not log it. Print Screen comes with fake
// shifts (e0 12 in set 2, e0 2a in set 1), which are not keys. LANG1 and LANG2 are f2 and f1 without a release, but in
// set 1 up to QEMU 7.2 they are 72 and 71 with a release. While Alt is held, Print Screen is sent as Alt up, Alt down,
// SysRq, and is decoded as sent.
#pragma once

#include <bitset>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>

namespace qte::decoders {

class ScanCodeReader {
 public:
  // Reads the next byte. Returns the code of the key that it presses, with the bytes in order as one number (0x34,
  // 0xe075, 0xe11477), or 0 if it presses no key. A typematic repeat is a press.
  uint32_t Read(uint8_t byte);

  // Like those of Decoder, but Restore leaves a partial state behind if it throws.
  nlohmann::json Save() const;
  void Restore(const nlohmann::json& state);

 private:
  // kUnknown is read as set 2 until a byte shows the set. kSet2 also stands for set 3 until a byte shows the
  // difference.
  enum class Set : uint8_t { kUnknown, kSet1, kSet2, kSet3, kLast = kSet3 };
  enum class Prefix : uint8_t { kNone, kExtended, kPause, kLast = kPause };

  uint32_t ReadPlain(uint8_t byte);
  uint32_t ReadExtended(uint8_t byte);
  uint32_t ReadPause(uint8_t byte);
  void StartRelease();
  void EndRelease(uint8_t byte);
  bool IsReleaseOfSet1(uint8_t byte) const;
  void Become(Set set);
  bool IsHeld(uint8_t code) const { return held_[code & 0x7f]; }

  Set set_ = Set::kUnknown;
  Prefix prefix_ = Prefix::kNone;
  bool release_ = false;     // f0 was read, but not yet the code that it releases
  uint8_t pause_first_ = 0;  // first code of the Pause sequence, once it is read
  std::bitset<128> held_;    // keys that are down, by code without e0
};

}  // namespace qte::decoders
