#include "daemon/scrape_request.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <utility>
#include <vector>

#include "exposition/protobuf.h"
#include "exposition/text.h"
#include "http/header_list.h"

namespace qte::daemon {
namespace {

using exposition::Format;

constexpr std::string_view kVmLabel = "vm";

struct MediaType {
  std::string_view name;
  std::vector<std::pair<std::string_view, std::string_view>> parameters;

  // Empty where there is none.
  std::string_view operator[](std::string_view parameter) const {
    for (const auto& [name_of, value] : parameters) {
      if (http::EqualsIgnoringCase(name_of, parameter)) return value;
    }
    return {};
  }
};

// "application/openmetrics-text; version=1.0.0; q=0.8"
MediaType ReadMediaType(std::string_view item) {
  MediaType type{http::TakeListItem(item, ';'), {}};
  while (!item.empty()) {
    std::string_view parameter = http::TakeListItem(item, ';');
    std::string_view name = http::TakeListItem(parameter, '=');
    if (parameter.size() > 1 && parameter.front() == '"' && parameter.back() == '"') {
      parameter = parameter.substr(1, parameter.size() - 2);
    }
    type.parameters.emplace_back(name, parameter);
  }
  return type;
}

// False where it is none of ours.
bool FormatOf(const MediaType& type, Format& format) {
  auto is = [&](std::string_view name) { return http::EqualsIgnoringCase(type.name, name); };
  const std::string_view version = type["version"];
  if (is("application/vnd.google.protobuf")) {
    format = Format::kProtobuf;
    return type["proto"] == "io.prometheus.client.MetricFamily" && type["encoding"] == "delimited";
  }
  if (is("application/openmetrics-text")) {
    format = Format::kOpenMetrics;
    return version.empty() || version == "1.0.0" || version == "0.0.1";
  }
  format = Format::kText;
  return is("*/*") || is("text/*") || (is("text/plain") && (version.empty() || version == "0.0.4"));
}

double QualityOf(const MediaType& type) {
  const std::string_view text = type["q"];
  double quality = 1;
  if (!text.empty()) std::from_chars(text.data(), text.data() + text.size(), quality);
  return quality;
}

// "%2Fvm+1" is "/vm 1".
std::string Decode(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = 0;
    const char* digits = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() && std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2) {
      decoded += static_cast<char>(byte);
      i += 2;
    } else {
      decoded += text[i] == '+' ? ' ' : text[i];
    }
  }
  return decoded;
}

// Empty where there is none.
std::string_view VmOf(const metrics::Labels& labels) {
  for (const auto& [name, value] : labels) {
    if (name == kVmLabel) return value;
  }
  return {};
}

class VmFilter {
 public:
  explicit VmFilter(const std::set<std::string>& wanted) : wanted_(wanted) {}

  bool Wants(const metrics::Labels& labels) {
    const std::string_view vm = VmOf(labels);
    const bool is_wanted = wanted_.contains(std::string(vm));
    has_any_ = has_any_ || is_wanted;
    if (!vm.empty() && there_are_.size() <= kMostShown) there_are_.emplace(vm);
    return is_wanted;
  }

  Status Verdict() const {
    if (has_any_) return {};
    const bool are_all = there_are_.size() <= kMostShown;
    return Error{fmt::format("no VM is called {}; there {}: {}{}", fmt::join(wanted_, " or "),
                             there_are_.size() == 1 ? "is" : "are", fmt::join(there_are_, ", "),
                             there_are_.empty() ? "none" : are_all ? "" : ", and more")};
  }

 private:
  static constexpr size_t kMostShown = 20;

  const std::set<std::string>& wanted_;
  std::set<std::string> there_are_;
  bool has_any_ = false;
};

}  // namespace

Format FormatFor(std::string_view accept) {
  Format best = Format::kText;
  double best_quality = 0;
  while (!accept.empty()) {
    const MediaType type = ReadMediaType(http::TakeListItem(accept, ','));
    Format format = Format::kText;
    if (const double quality = QualityOf(type); FormatOf(type, format) && quality > best_quality) {
      best = format;
      best_quality = quality;
    }
  }
  return best;
}

Result<ScrapeRequest> ReadScrapeRequest(const http::Request& request) {
  ScrapeRequest scrape;
  scrape.format = FormatFor(request.accept);
  bool asks_for_groups = false;
  for (std::string_view query = request.query; !query.empty();) {
    std::string_view item = http::TakeListItem(query, '&');
    const std::string name = Decode(http::TakeListItem(item, '='));
    const std::string value = Decode(item);
    if (name == kVmLabel) {
      scrape.vms.insert(value);
    } else if (name == "created") {
      if (value != "true" && value != "false") return Error{"created is true or false, not \"" + value + "\""};
      scrape.with_created = value == "true";
    } else if (name == "collect[]") {
      if (!std::exchange(asks_for_groups, true)) scrape.guests = scrape.exporter = false;
      if (value != "guests" && value != "exporter") return Error{"collect[] is guests or exporter, not \"" + value + "\""};
      (value == "guests" ? scrape.guests : scrape.exporter) = true;
    }
  }
  return scrape;
}

std::string KeyOf(const ScrapeRequest& request) {
  std::string key = fmt::format("{} {} {} {}", static_cast<int>(request.format), request.with_created, request.guests, request.exporter);
  for (const std::string& vm : request.vms) key += fmt::format(" {}:{}", vm.size(), vm);
  return key;
}

Status Select(const ScrapeRequest& request, metrics::Snapshot& snapshot) {
  if (!request.vms.empty()) {
    VmFilter filter(request.vms);
    std::erase_if(snapshot.families, [&](const auto& family) { return !filter.Wants(*family.base); });
    for (auto& counts : snapshot.counts) {
      std::erase_if(counts.guests, [&](const auto& guest) { return !filter.Wants(*guest.base); });
    }
    for (auto& family : snapshot.plain) {
      std::erase_if(family.series, [&](const auto& series) { return !filter.Wants(*series.labels); });
    }
    if (Status verdict = filter.Verdict(); !verdict) return verdict;
  }
  if (!request.guests) {
    snapshot.families.clear();
    snapshot.counts.clear();
  }
  if (!request.exporter) snapshot.plain.clear();
  return {};
}

std::string Serialize(const ScrapeRequest& request, const metrics::Snapshot& snapshot) {
  switch (request.format) {
    case Format::kOpenMetrics:
      return exposition::ToOpenMetrics(snapshot, request.with_created);
    case Format::kProtobuf:
      return exposition::ToProtobuf(snapshot);
    case Format::kText:
      break;
  }
  return exposition::ToText(snapshot);
}

}  // namespace qte::daemon
