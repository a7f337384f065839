// What a file holds, known by its first bytes and never by its name: text, or something that must not be read as text.
#pragma once

#include <string>
#include <string_view>

namespace qte {

enum class Content { kText, kCompressed, kSimpletrace };

// So many first bytes tell all kinds apart.
inline constexpr size_t kContentHeadBytes = 16;

struct ContentKind {
  Content content = Content::kText;
  std::string_view name;  // "gzip"; empty for text
};

ContentKind ContentOf(std::string_view head);

// Why a log with this content is not followed, and what to do: "is compressed (gzip), so ...".
std::string RefusalOf(const ContentKind& kind);

}  // namespace qte
