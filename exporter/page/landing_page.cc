#include "page/landing_page.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include "base/printed.h"
#include "base/utf8.h"

namespace qte::page {
namespace {

constexpr std::string_view kHead = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'self'; style-src 'self' 'unsafe-inline'; img-src data:">
<title>qemu-trace-exporter</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="live/dygraph.css">
<link rel="stylesheet" href="live/page.css">
<noscript><meta http-equiv="refresh" content="15"></noscript>
<script src="live/dygraph.js" defer></script>
<script src="live/page.js" defer></script>
</head>
<body>
<main>
<h1>qemu-trace-exporter</h1>
)";

constexpr std::string_view kLinks = R"(<nav aria-label="Endpoints">
<ul>
<li><a href="{}" title="what Prometheus scrapes">{}</a></li>
<li><a href="api/v1/status" title="version, config and sources as JSON">/api/v1/status</a></li>
<li><a href="api/v1/events" title="every event seen, with a sample line, as JSON">/api/v1/events</a></li>
<li><a href="api/v1/history" title="what the charts show, as JSON">/api/v1/history</a></li>
<li><a href="-/healthy" title="whether the process answers">/-/healthy</a></li>
<li><a href="-/ready" title="whether what was there at the start has been read">/-/ready</a></li>
</ul>
</nav>
<p id="trouble" class="bad" role="status"></p>
<div id="live" hidden></div>
)";

constexpr std::string_view kNowHead = R"(<section id="now">
<h2 id="now-title">Now</h2>
<table aria-labelledby="now-title">
<thead><tr><th scope="col">What</th><th scope="col">Source</th><th scope="col">Device</th>
<th scope="col" class="n">Rate or mean</th></tr></thead>
<tbody>
)";

constexpr std::string_view kSourcesHead = R"(<section id="sources">
<h2 id="sources-title">Sources</h2>
<table aria-labelledby="sources-title">
<thead><tr><th scope="col">Path</th><th scope="col">State</th><th scope="col" class="n wide">Size in bytes</th>
<th scope="col" class="n">Bytes read</th><th scope="col" class="n">Behind</th></tr></thead>
<tbody>
)";

constexpr std::string_view kEventsHead = R"(<section id="events">
<h2 id="events-title">Trace events</h2>
<table aria-labelledby="events-title">
<thead><tr><th scope="col">Event</th><th scope="col" class="n">Seen</th><th scope="col" class="n">Per second</th>
<th scope="col">Used by a rule</th></tr></thead>
<tbody>
)";

constexpr std::string_view kTableEnd = "</tbody>\n</table>\n";
constexpr std::string_view kSectionEnd = "</section>\n";

constexpr size_t kMostEvents = 50;
constexpr size_t kMostActivities = 100;
constexpr size_t kMostSources = 100;
constexpr size_t kMostWarnings = 20;

// Paths may hold any bytes; the page is UTF-8.
std::string Escape(std::string_view text) {
  std::string valid(text);
  MakeValidUtf8(valid);
  std::string escaped;
  for (char c : valid) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

// 1234567 as "1.23 M", with three digits.
std::string Scaled(double value, std::span<const std::pair<double, const char*>> steps) {
  size_t step = 0;
  while (step + 1 < steps.size() && value < steps[step].first) ++step;
  return fmt::format("{:.3g} {}", value / steps[step].first, steps[step].second);
}

std::string ValueText(double value, const std::string& unit) {
  static constexpr std::pair<double, const char*> kLarge[] = {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}, {1, ""}};
  static constexpr std::pair<double, const char*> kTimes[] = {{1, "s"}, {1e-3, "ms"}, {1e-6, "µs"}};
  if (unit == "s") return Scaled(value, kTimes);
  std::string number = Scaled(value, kLarge);
  if (unit == "B/s") return number + unit;
  if (number.back() == ' ') number.pop_back();
  return number + "/s";
}

std::string ActivityRow(const LandingPage::Activity& activity) {
  return fmt::format(
      "<tr><td>{}</td><td class=\"path\">{}</td><td class=\"path\">{}</td><td class=\"n\">{}</td></tr>\n",
      Escape(activity.what), Escape(activity.source), Escape(activity.device),
      ValueText(activity.value, activity.unit));
}

uint64_t LagOf(const LandingPage::Source& source) {
  return source.size > source.offset ? source.size - source.offset : 0;
}

// In the order given; of too many those that need a look: what is down, then what is furthest behind.
std::vector<const LandingPage::Source*> ShownSources(const std::vector<LandingPage::Source>& sources) {
  std::vector<const LandingPage::Source*> shown;
  for (const LandingPage::Source& source : sources) shown.push_back(&source);
  if (shown.size() <= kMostSources) return shown;
  std::stable_sort(shown.begin(), shown.end(),
                   [](const auto* a, const auto* b) { return a->up != b->up ? b->up : LagOf(*a) > LagOf(*b); });
  shown.resize(kMostSources);
  return shown;
}

std::string SourceRow(const LandingPage::Source& source) {
  std::string state = source.up ? "<span class=\"good\">up</span>"
                                : "<span class=\"bad\">down</span> <small>" + Escape(source.error) + "</small>";
  return fmt::format(
      "<tr><td class=\"path\">{}</td><td>{}</td><td class=\"n wide\">{}</td><td class=\"n\">{}</td>"
      "<td class=\"n\">{}</td></tr>\n",
      Escape(source.path), state, Grouped(source.size), Grouped(source.offset), Grouped(LagOf(source)));
}

std::string EventRow(const LandingPage::Event& event) {
  return fmt::format(
      "<tr><td class=\"path\">{}</td><td class=\"n\">{}</td><td class=\"n\">{:.1f}</td><td>{}</td></tr>\n",
      Escape(event.name), Grouped(event.count), event.rate_per_second,
      event.used ? "yes" : "<span class=\"dim\">no</span>");
}

std::string WarningList(const std::vector<Warning>& warnings) {
  if (warnings.empty()) return {};
  std::string html = "<ul id=\"warnings\">\n";
  for (size_t i = 0; i < warnings.size() && i < kMostWarnings; ++i) {
    html += "<li class=\"bad\">" + Escape(warnings[i].Line()) + "</li>\n";
  }
  html += "</ul>\n";
  if (warnings.size() > kMostWarnings) {
    html += fmt::format("<p class=\"dim\">and {} more, in <a href=\"api/v1/status\">/api/v1/status</a></p>\n",
                        warnings.size() - kMostWarnings);
  }
  return html;
}

std::string Summary(const LandingPage& page) {
  std::string html = fmt::format("<div id=\"status\">\n<p class=\"dim\">version {} · config {} <small>{}</small></p>\n",
                                 Escape(page.version), Escape(page.config_file), Escape(page.config_hash));
  html += fmt::format("<p>{} · {} lines read · {} series</p>\n",
                      page.ready ? "<span class=\"good\">ready</span>"
                                 : "<span class=\"bad\">not ready</span>, reading what was there at the start: " +
                                       Escape(page.progress),
                      Grouped(page.lines), Grouped(page.series));
  if (!page.last_reload_successful) {
    html += "<p class=\"bad\">The last reload failed; the config before it is in use. See the log.</p>\n";
  }
  return html + WarningList(page.warnings) + "</div>\n";
}

std::string ActivityTable(const std::vector<LandingPage::Activity>& activities) {
  std::string html(kNowHead);
  if (activities.empty()) html += "<tr><td colspan=\"4\" class=\"dim\">Nothing moves.</td></tr>\n";
  for (size_t i = 0; i < activities.size() && i < kMostActivities; ++i) html += ActivityRow(activities[i]);
  html.append(kTableEnd);
  if (activities.size() > kMostActivities) {
    html += fmt::format("<p class=\"dim\">and {} more, in <a href=\"api/v1/history\">/api/v1/history</a></p>\n",
                        activities.size() - kMostActivities);
  }
  return html.append(kSectionEnd);
}

std::string SourceTable(const std::vector<LandingPage::Source>& sources) {
  std::string html(kSourcesHead);
  if (sources.empty()) html += "<tr><td colspan=\"5\" class=\"dim\">No file matches yet.</td></tr>\n";
  for (const LandingPage::Source* source : ShownSources(sources)) html += SourceRow(*source);
  html.append(kTableEnd);
  if (sources.size() > kMostSources) {
    html += fmt::format("<p class=\"dim\">and {} more, in <a href=\"api/v1/status\">/api/v1/status</a></p>\n",
                        sources.size() - kMostSources);
  }
  return html.append(kSectionEnd);
}

std::string EventTable(const std::vector<LandingPage::Event>& events) {
  std::string html(kEventsHead);
  if (events.empty()) html += "<tr><td colspan=\"4\" class=\"dim\">None yet.</td></tr>\n";
  for (size_t i = 0; i < events.size() && i < kMostEvents; ++i) html += EventRow(events[i]);
  html.append(kTableEnd);
  if (events.size() > kMostEvents) {
    html += fmt::format("<p class=\"dim\">and {} more, in <a href=\"api/v1/events\">/api/v1/events</a></p>\n",
                        events.size() - kMostEvents);
  }
  return html.append(kSectionEnd);
}

}  // namespace

std::string ToHtml(const LandingPage& page) {
  std::string html(kHead);
  html += Summary(page);
  html += fmt::format(kLinks, page.metrics_path.substr(1), page.metrics_path);
  html += ActivityTable(page.activities);
  html += SourceTable(page.sources);
  html += EventTable(page.events);
  return html + "</main>\n</body>\n</html>\n";
}

}  // namespace qte::page
