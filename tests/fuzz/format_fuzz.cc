// The format reader: whatever the format and the text, values lie in the text, and all ways to read agree.
//
// Input: a declaration, a newline, a text to read by it.
#include "trace/format.h"

#include <array>
#include <vector>

#include "fuzz.h"

using namespace qte;
using fuzz::Require;

namespace {

using Values = std::array<trace::Value, trace::kMaxArguments>;

void CheckValue(const trace::Value& value, std::string_view text) {
  if (value.kind == trace::ValueKind::kMissing) return;
  Require(value.data >= text.data(), "a value starts in the text");
  Require(value.data + value.size <= text.data() + text.size(), "a value ends in the text");
  Require(!value.negative || value.kind == trace::ValueKind::kInteger, "only integers are marked as negative");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest = fuzz::View(data, size);
  Result<trace::Declaration> declaration = trace::ParseDeclaration(fuzz::TakeLine(rest));
  if (!declaration) return 0;
  Result<trace::FormatReader> reader = trace::FormatReader::Compile(*declaration);
  if (!reader) return 0;
  fuzz::Padded blanks(rest, '\n', ' ');
  fuzz::Padded digits(rest, '\0', '1');
  std::string_view text = blanks.text();

  Values none;
  bool reads = reader->Read(text, none.data());
  for (const trace::Value& value : none) Require(!value.has_value(), "what is not selected is not stored");

  std::vector<trace::FormatReader::Selected> selected(declaration->arguments.size());
  for (size_t i = 0; i < selected.size(); ++i) selected[i] = {static_cast<uint8_t>(i), trace::ArgumentUse::kText};
  reader->SelectArguments(selected);
  Values texts;
  Require(reader->Read(text, texts.data()) == reads, "what is selected as a text does not change what fits");
  for (trace::FormatReader::Selected& each : selected) each.use = trace::ArgumentUse::kNumber;
  reader->SelectArguments(selected);
  Values all;
  Require(reader->Read(text, all.data()) == reads, "what is selected does not change what fits");
  for (size_t i = 0; reads && i < all.size(); ++i) {
    Require(all[i].has_value() == reader->Prints(i), "each argument that is printed has a value");
    CheckValue(all[i], text);
    Require(texts[i].kind == all[i].kind && texts[i].text() == all[i].text(), "a number's text is the same without it");
  }
  Values padded_otherwise;
  Require(reader->Read(digits.text(), padded_otherwise.data()) == reads, "what stands behind the text does not count");
  size_t mismatch = reader->FirstMismatch(text);
  Require(mismatch <= text.size(), "a mismatch lies in the text");
  Require(!reads || mismatch == text.size(), "FirstMismatch agrees with Read");
  return 0;
}
