#include "exposition/landing_page.h"

#include <spdlog/fmt/fmt.h>

#include <string_view>

namespace qte::exposition {
namespace {

constexpr std::string_view kHead = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="15">
<title>qemu-trace-exporter</title>
<style>
:root { color-scheme: light dark; --line: #d0d7de; --dim: #59636e; --good: #1a7f37; --bad: #cf222e; --link: #0969da; }
@media (prefers-color-scheme: dark) {
  :root { --line: #30363d; --dim: #9198a1; --good: #3fb950; --bad: #f85149; --link: #4493f8; }
}
body { font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .25rem 0; } a { color: var(--link); } small, .dim { color: var(--dim); }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; color: var(--dim); } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
td.path { overflow-wrap: anywhere; } .good { color: var(--good); } .bad { color: var(--bad); }
</style>
</head>
<body>
)";

constexpr size_t kMostEvents = 50;

std::string Escape(std::string_view text) {
  std::string escaped;
  for (char c : text) {
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

// 1234567 as "1,234,567".
std::string Grouped(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string SourceRow(const LandingPage::Source& source) {
  uint64_t lag = source.size > source.offset ? source.size - source.offset : 0;
  std::string state = source.up ? "<span class=\"good\">up</span>"
                                : "<span class=\"bad\">down</span> <small>" + Escape(source.error) + "</small>";
  return fmt::format("<tr><td class=\"path\">{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
                     Escape(source.path), state, Grouped(source.offset), Grouped(lag));
}

std::string EventRow(const LandingPage::Event& event) {
  return fmt::format(
      "<tr><td class=\"path\">{}</td><td class=\"n\">{}</td><td class=\"n\">{:.1f}</td><td>{}</td></tr>\n",
      Escape(event.name), Grouped(event.count), event.rate_per_second,
      event.used ? "yes" : "<span class=\"dim\">no</span>");
}

}  // namespace

std::string ToHtml(const LandingPage& page) {
  std::string html(kHead);
  html += fmt::format("<h1>qemu-trace-exporter</h1>\n<p class=\"dim\">version {} · config {} <small>{}</small></p>\n",
                      Escape(page.version), Escape(page.config_file), Escape(page.config_hash));
  html += fmt::format("<p>{} · {} lines read · {} series</p>\n",
                      page.ready ? "<span class=\"good\">ready</span>"
                                 : "<span class=\"bad\">not ready</span>, reading what was there at the start",
                      Grouped(page.lines), Grouped(page.series));
  if (!page.last_reload_successful) {
    html += "<p class=\"bad\">The last reload failed; the config before it is in use. See the log.</p>\n";
  }
  html +=
      "<p><a href=\"/metrics\">Metrics</a> · <a href=\"/api/v1/status\">Status</a> · "
      "<a href=\"/api/v1/events\">Events</a> · <a href=\"/-/healthy\">Healthy</a> · "
      "<a href=\"/-/ready\">Ready</a></p>\n";
  html +=
      "<h2>Sources</h2>\n<table>\n<tr><th>Path</th><th>State</th><th class=\"n\">Bytes read</th>"
      "<th class=\"n\">Bytes behind</th></tr>\n";
  if (page.sources.empty()) html += "<tr><td colspan=\"4\" class=\"dim\">No file matches yet.</td></tr>\n";
  for (const LandingPage::Source& source : page.sources) html += SourceRow(source);
  html +=
      "</table>\n<h2>Trace events</h2>\n<table>\n<tr><th>Event</th><th class=\"n\">Seen</th>"
      "<th class=\"n\">Per second</th><th>Used by a rule</th></tr>\n";
  if (page.events.empty()) html += "<tr><td colspan=\"4\" class=\"dim\">None yet.</td></tr>\n";
  for (size_t i = 0; i < page.events.size() && i < kMostEvents; ++i) html += EventRow(page.events[i]);
  html += "</table>\n";
  if (page.events.size() > kMostEvents) {
    html += fmt::format("<p class=\"dim\">and {} more, in <a href=\"/api/v1/events\">/api/v1/events</a></p>\n",
                        page.events.size() - kMostEvents);
  }
  return html + "</body>\n</html>\n";
}

}  // namespace qte::exposition
