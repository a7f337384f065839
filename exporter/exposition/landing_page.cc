#include "exposition/landing_page.h"

#include <spdlog/fmt/fmt.h>

#include <string_view>

#include "base/utf8.h"

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
th, td { text-align: left; padding: .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; color: var(--dim); } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
th + th, td + td { padding-left: 1.25rem; } td.path { min-width: 8rem; }
/* The size is what was read and what is behind. */
@media (max-width: 45rem) { .wide { display: none; } }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: 1rem 0; } dd { margin: 0; }
td.path { overflow-wrap: anywhere; } .good { color: var(--good); } .bad { color: var(--bad); }
</style>
</head>
<body>
<main>
<h1>qemu-trace-exporter</h1>
)";

constexpr std::string_view kLinks = R"(<nav aria-label="Endpoints">
<dl>
<dt><a href="/metrics">/metrics</a></dt><dd>what Prometheus scrapes</dd>
<dt><a href="/api/v1/status">/api/v1/status</a></dt><dd>version, config and sources as JSON</dd>
<dt><a href="/api/v1/events">/api/v1/events</a></dt><dd>every event seen, with a sample line, as JSON</dd>
<dt><a href="/-/healthy">/-/healthy</a></dt><dd>whether the process answers</dd>
<dt><a href="/-/ready">/-/ready</a></dt><dd>whether what was there at the start has been read</dd>
</dl>
</nav>
)";

constexpr std::string_view kSourcesHead = R"(<h2 id="sources">Sources</h2>
<table aria-labelledby="sources">
<thead><tr><th scope="col">Path</th><th scope="col">State</th><th scope="col" class="n wide">Size in bytes</th>
<th scope="col" class="n">Bytes read</th><th scope="col" class="n">Behind</th></tr></thead>
<tbody>
)";

constexpr std::string_view kEventsHead = R"(<h2 id="events">Trace events</h2>
<table aria-labelledby="events">
<thead><tr><th scope="col">Event</th><th scope="col" class="n">Seen</th><th scope="col" class="n">Per second</th>
<th scope="col">Used by a rule</th></tr></thead>
<tbody>
)";

constexpr std::string_view kTableEnd = "</tbody>\n</table>\n";

constexpr size_t kMostEvents = 50;

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
  return fmt::format(
      "<tr><td class=\"path\">{}</td><td>{}</td><td class=\"n wide\">{}</td><td class=\"n\">{}</td>"
      "<td class=\"n\">{}</td></tr>\n",
      Escape(source.path), state, Grouped(source.size), Grouped(source.offset), Grouped(lag));
}

std::string EventRow(const LandingPage::Event& event) {
  return fmt::format(
      "<tr><td class=\"path\">{}</td><td class=\"n\">{}</td><td class=\"n\">{:.1f}</td><td>{}</td></tr>\n",
      Escape(event.name), Grouped(event.count), event.rate_per_second,
      event.used ? "yes" : "<span class=\"dim\">no</span>");
}

std::string Summary(const LandingPage& page) {
  std::string html = fmt::format("<p class=\"dim\">version {} · config {} <small>{}</small></p>\n",
                                 Escape(page.version), Escape(page.config_file), Escape(page.config_hash));
  html += fmt::format("<p>{} · {} lines read · {} series</p>\n",
                      page.ready ? "<span class=\"good\">ready</span>"
                                 : "<span class=\"bad\">not ready</span>, reading what was there at the start",
                      Grouped(page.lines), Grouped(page.series));
  if (!page.last_reload_successful) {
    html += "<p class=\"bad\">The last reload failed; the config before it is in use. See the log.</p>\n";
  }
  return html;
}

std::string SourceTable(const std::vector<LandingPage::Source>& sources) {
  std::string html(kSourcesHead);
  if (sources.empty()) html += "<tr><td colspan=\"5\" class=\"dim\">No file matches yet.</td></tr>\n";
  for (const LandingPage::Source& source : sources) html += SourceRow(source);
  return html.append(kTableEnd);
}

std::string EventTable(const std::vector<LandingPage::Event>& events) {
  std::string html(kEventsHead);
  if (events.empty()) html += "<tr><td colspan=\"4\" class=\"dim\">None yet.</td></tr>\n";
  for (size_t i = 0; i < events.size() && i < kMostEvents; ++i) html += EventRow(events[i]);
  html.append(kTableEnd);
  if (events.size() > kMostEvents) {
    html += fmt::format("<p class=\"dim\">and {} more, in <a href=\"/api/v1/events\">/api/v1/events</a></p>\n",
                        events.size() - kMostEvents);
  }
  return html;
}

}  // namespace

std::string ToHtml(const LandingPage& page) {
  std::string html(kHead);
  html += Summary(page);
  html += kLinks;
  html += SourceTable(page.sources);
  html += EventTable(page.events);
  return html + "</main>\n</body>\n</html>\n";
}

}  // namespace qte::exposition
