// What the page at "/" loads where scripts may run: its script and style sheet, and the chart library of Debian's
// package libjs-dygraphs. All of it is compiled in.
#pragma once

#include <span>
#include <string_view>

namespace qte::page {

struct LiveFile {
  std::string_view path;  // "/live/page.js"
  std::string_view content_type;
  std::string_view content;
};

std::span<const LiveFile> LiveFiles();

}  // namespace qte::page
