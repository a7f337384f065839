#include "decoders/disk/image_name.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

namespace qte::decoders {
namespace {

using nlohmann::json;

// More layers than any real node has. Bounds the work for a malicious name.
constexpr int kMaxLayers = 64;

const json* ObjectAt(const json& from, const char* key) {
  auto found = from.find(key);
  return found != from.end() && found->is_object() ? &*found : nullptr;
}

std::string FileOf(const json& node, int layers) {
  if (!node.is_object() || layers == kMaxLayers) return {};
  if (auto name = node.find("filename"); name != node.end() && name->is_string()) return name->get<std::string>();
  std::string file;
  for (const char* child : {"file", "image"}) {
    const json* below = ObjectAt(node, child);
    if (file.empty() && below != nullptr) file = FileOf(*below, layers + 1);
  }
  const json* backing = ObjectAt(node, "backing");
  if (backing == nullptr || !IsTemporaryImage(file)) return file;
  std::string image = FileOf(*backing, layers + 1);
  return image.empty() ? file : image;
}

}  // namespace

std::string_view PlainImageName(std::string_view name, std::string& buffer) {
  constexpr std::string_view kJson = "json:";
  if (!name.starts_with(kJson)) return name;
  buffer = FileOf(json::parse(name.substr(kJson.size()), nullptr, /*allow_exceptions=*/false), 0);
  return buffer.empty() ? name : std::string_view(buffer);
}

bool IsTemporaryImage(std::string_view file) {
  constexpr std::string_view kPrefix = "vl.";
  constexpr size_t kRandom = 6;
  std::string_view name = file.substr(file.rfind('/') + 1);
  return file.starts_with('/') && name.size() == kPrefix.size() + kRandom && name.starts_with(kPrefix) &&
         std::all_of(name.begin() + kPrefix.size(), name.end(), [](unsigned char c) { return std::isalnum(c) != 0; });
}

bool IsSameImage(std::string_view a, std::string_view b) {
  return a.empty() == b.empty() && (a.ends_with(b) || b.ends_with(a));
}

}  // namespace qte::decoders
