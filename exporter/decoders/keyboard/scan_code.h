// Scan codes: the bytes that a PS/2 keyboard sends, read back into key presses.
//
// A key has one code in each of three sets, and the guest chooses the set:
//
//   set 2 (default)   press [e0] xx   release [e0] f0 xx   Pause e1 14 77 e1 f0 14 f0 77, all at the press
//   set 1             press [e0] xx   release [e0] xx|80   Pause e1 1d 45 e1 9d c5, all at the press
//   set 3             press xx        release f0 xx        no prefixes
//
// Which one is in use is told from the bytes alone, since QEMU up to 5.2 does not log it. Print Screen comes with fake
// shifts (e0 12 in set 2, e0 2a in set 1), which are no keys. LANG1 and LANG2 are f2 and f1 without a release, but
// 72 and 71 with one in set 1 up to 7.2. With Alt held, Print Screen is sent as Alt up, Alt down, SysRq, and is read as
// what was sent.
#pragma once

#include <bitset>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>

namespace qte::decoders {

class ScanCodeReader {
 public:
  // Takes the next byte. Returns the code of the key that was pressed by it, its bytes in order as one number (0x34,
  // 0xe075, 0xe11477), or 0 if it pressed none. A typematic repeat is a press.
  uint32_t Read(uint8_t byte);

  // As Decoder has them, but that Restore leaves a part behind when it throws.
  nlohmann::json Save() const;
  void Restore(const nlohmann::json& state);

 private:
  // kUnknown reads as set 2 until a byte tells; kSet2 stands for set 3 too until a byte tells.
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
  bool release_ = false;     // f0 was read, and the code that it releases was not
  uint8_t pause_first_ = 0;  // of the Pause sequence: its first code, when it was read
  std::bitset<128> held_;    // keys that are down, by code without e0
};

}  // namespace qte::decoders
