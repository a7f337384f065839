#include "page/landing_page.h"

#include "catch.h"
#include "page/live_files.h"

using namespace qte::page;

TEST_CASE("The page shows figures and escapes every text") {
  LandingPage page;
  page.version = "1.2.3";
  page.config_file = "<script>alert(1)</script>";
  page.ready = true;
  page.lines = 1234567;
  page.sources = {{"/log/a&b.log", true, "", 5, 1005}, {"/log/\"x\".log", false, "it's <gone>", 0, 0}};
  page.events = {{"pci_cfg_read", 12, 0.25, true}};
  page.activities = {
      {"DMA: Read", "vm", "d<0>", 1234, "B/s"}, {"L", "vm", "", 0.00025, "s"}, {"K", "", "", 12.5, "1/s"}};
  std::string html = ToHtml(page);
  for (const char* piece : {"1,234,567 lines", "/log/a&amp;b.log", ">1,005<", ">1,000<", "it&#39;s &lt;gone&gt;",
                            "pci_cfg_read", "&lt;script&gt;", ">1.23 kB/s<", ">250 µs<", ">12.5/s<", "d&lt;0&gt;"}) {
    CAPTURE(piece);
    CHECK(html.find(piece) != std::string::npos);
  }
  CHECK(html.find("<script>") == std::string::npos);
  CHECK(html.find("//") == std::string::npos);  // no request leaves for anywhere
}

TEST_CASE("Warnings are listed, but not all of very many") {
  LandingPage page;
  CHECK(ToHtml(page).find("warnings") == std::string::npos);
  page.warnings = {{"/log/<a>", "no file matches"}, {"", "the rest"}};
  std::string html = ToHtml(page);
  CHECK(html.find("<li class=\"bad\">/log/&lt;a&gt;: no file matches</li>") != std::string::npos);
  CHECK(html.find("<li class=\"bad\">the rest</li>") != std::string::npos);
  page.warnings.resize(25, {"a", "b"});
  html = ToHtml(page);
  CHECK(html.find("and 5 more") != std::string::npos);
}

TEST_CASE("A path that is no UTF-8 does not make the page invalid") {
  LandingPage page;
  page.sources = {{"/log/a\xff.log", true, "", 5, 5}};
  CHECK(ToHtml(page).find("/log/a\xef\xbf\xbd.log") != std::string::npos);
}

TEST_CASE("An empty page and a failed reload say so") {
  LandingPage page;
  page.last_reload_successful = false;
  std::string html = ToHtml(page);
  CHECK(html.find("No file matches yet") != std::string::npos);
  CHECK(html.find("last reload failed") != std::string::npos);
  CHECK(html.find("not ready") != std::string::npos);
  CHECK(html.find("Nothing moves") != std::string::npos);
}

TEST_CASE("Every file that the page loads is there") {
  std::string html = ToHtml({});
  size_t loaded = 0;
  for (const LiveFile& file : LiveFiles()) {
    CAPTURE(file.path);
    CHECK(file.content.size() > 1000);
    std::string reference = "=\"" + std::string(file.path.substr(1)) + "\"";  // relative: a proxy may add a prefix
    loaded += html.find(reference) != std::string::npos;
  }
  CHECK(loaded == LiveFiles().size());
}

TEST_CASE("Each tag that is opened is closed") {
  LandingPage page;
  page.last_reload_successful = false;
  page.sources = {{"a", true, "", 1, 2}, {"b", false, "why", 3, 4}};
  page.events = {{"e", 1, 2, true}, {"f", 1, 2, false}};
  std::string html = ToHtml(page);
  auto count = [&](const std::string& piece) {
    size_t found = 0;
    for (size_t at = 0; (at = html.find(piece, at)) != std::string::npos; ++at) ++found;
    return found;
  };
  for (const std::string tag :
       {"html", "head", "title", "script", "noscript", "body",  "main",  "nav", "ul", "li", "h1",   "section",
        "div",  "h2",   "p",     "a",      "table",    "thead", "tbody", "tr",  "th", "td", "span", "small"}) {
    CAPTURE(tag);
    CHECK(count("</" + tag + ">") > 0);
    CHECK(count("<" + tag + ">") + count("<" + tag + " ") == count("</" + tag + ">"));
  }
  CHECK(count("<th ") == count("<th scope=\"col\""));
}

TEST_CASE("Only the busiest events are listed") {
  LandingPage page;
  for (int i = 0; i < 70; ++i) page.events.push_back({"e_" + std::to_string(i), 1, 0, false});
  std::string html = ToHtml(page);
  CHECK(html.find("e_49<") != std::string::npos);
  CHECK(html.find("e_50<") == std::string::npos);
  CHECK(html.find("and 20 more") != std::string::npos);
}

TEST_CASE("Of many sources those that need a look are listed") {
  LandingPage page;
  for (uint64_t i = 0; i < 10'000; ++i) page.sources.push_back({"/log/" + std::to_string(i) + ".log", true, "", 5, 5});
  page.sources[7'000].size = 6;
  page.sources[8'000].size = 7;
  page.sources[9'000].up = false;
  std::string html = ToHtml(page);
  size_t down = html.find("/9000.log");
  size_t furthest = html.find("/8000.log");
  size_t behind = html.find("/7000.log");
  REQUIRE(behind != std::string::npos);
  CHECK(down < furthest);
  CHECK(furthest < behind);
  CHECK(behind < html.find("/0.log"));
  CHECK(html.find("/96.log") != std::string::npos);
  CHECK(html.find("/97.log") == std::string::npos);
  CHECK(html.find("and 9900 more") != std::string::npos);
  CHECK(html.size() < 50'000);
}
