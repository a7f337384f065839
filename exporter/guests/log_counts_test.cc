// What a log has given over its rotations, and whether its QEMU may be running.
#include <chrono>

#include "guests/guests_for_test.h"

namespace qte::guests {
namespace {

using std::chrono::seconds;

constexpr const char* kLog = "/log/vm1.log";
const std::string kConfig = "metrics: [{name: keys_total, type: counter, event: ps2_put_keycode}]\n";
const std::string kKey = "7@1795408732.250000:ps2_put_keycode 0x55 keycode 0x1c\n";
const std::string kEnd = "2026-11-23 04:41:06.310+0000: shutting down, reason=destroyed\n";

uint64_t NotEvents(const Guests::LogReport& report) {
  return report.counts.unparsed[static_cast<size_t>(Unparsed::kNotAnEvent)];
}

Guests::LogReport ReportOf(GuestsForTest& guests, const std::string& path) {
  Guests::LogReports reports = guests->Reports();
  REQUIRE(reports.contains(path));
  return reports.at(path);
}

bool IsUp(GuestsForTest& guests) {
  Guests::UpList list = guests->Up();
  REQUIRE(list.size() == 1);
  return list[0].second;
}

}  // namespace

TEST_CASE("Counts of a log go on over its rotations and a restart, one for each path") {
  GuestsForTest guests(kConfig);
  guests->OnOpen(1, 0, "/log/other.log", 0);
  guests.Feed(kKey, std::string::npos, 1);
  guests->OnOpen(2, 0, "/log/other.log", 1);
  guests.Feed("8@1795408733.500000:new_event_of_qemu 1\nmore text\n", std::string::npos, 2);
  guests.Feed(kKey, std::string::npos, 1);  // a late line
  CHECK(ReportOf(guests, "/log/other.log").counts.lines == 4);
  CHECK(NotEvents(ReportOf(guests, "/log/other.log")) == 1);
  CHECK(ReportOf(guests, "/log/other.log").counts.LastEventTime() == 1'795'408'732'250'000);
  CHECK(ReportOf(guests, kLog).counts.lines == 0);
  guests->OnOpen(3, 0, "/log/other.log.1", 2);
  CHECK(ReportOf(guests, "/log/other.log.1").counts.lines == 0);
  CHECK(guests->Reports().size() == 3);

  auto next = guests.Resume(kConfig);
  CHECK(ReportOf(*next, "/log/other.log").counts.lines == 4);
  CHECK(ReportOf(*next, "/log/other.log").counts.LastEventTime() == 1'795'408'732'250'000);
  next->Feed(kKey + "\n", std::string::npos, 1);
  CHECK(ReportOf(*next, "/log/other.log").counts.lines == 6);
  CHECK(NotEvents(ReportOf(*next, "/log/other.log")) == 2);
  (*next)->OnClose(1);
  CHECK(ReportOf(*next, "/log/other.log").counts.lines == 6);
  (*next)->OnClose(2);
  CHECK_FALSE((*next)->Reports().contains("/log/other.log"));
}

TEST_CASE("What a log's end leaves unfinished counts as the log's") {
  GuestsForTest guests(kConfig);
  guests.Feed(kKey + "7@1795408732.2");
  guests->EndOfRecording(0);
  CHECK(ReportOf(guests, kLog).counts.unparsed[static_cast<size_t>(Unparsed::kPartialLine)] == 1);
}

TEST_CASE("The envelopes of a log are told") {
  GuestsForTest guests(kConfig);
  guests.Feed(kKey);
  CHECK(ReportOf(guests, kLog).envelopes == 0);
  guests.Feed("2026-11-23T04:38:20.000000001Z stderr F " + kKey);
  CHECK(ReportOf(guests, kLog).envelopes == 1U << static_cast<unsigned>(trace::Envelope::kCri));
}

TEST_CASE("A QEMU may be up until its end is told") {
  GuestsForTest guests(kConfig);
  CHECK(IsUp(guests));
  guests.Feed(kKey);
  CHECK(IsUp(guests));
  SECTION("libvirt tells of the end and of the next start") {
    guests.Feed(kEnd);
    CHECK_FALSE(IsUp(guests));
    guests.Feed("2026-11-23 04:45:06.310+0000: starting up libvirt version: 9.0.0\n");
    CHECK(IsUp(guests));
  }
  SECTION("QMP does") {
    guests->EndProcess(0);
    CHECK_FALSE(IsUp(guests));
    guests->BeginProcess(0);
    CHECK(IsUp(guests));
  }
  SECTION("lines right after the end are of the time before, later ones are not") {
    const Clock::Time start{seconds(1000)};
    guests->EndProcess(0);
    guests->ExpireIdle(start);
    guests.Feed(kKey);
    guests->ExpireIdle(start + seconds(1));
    CHECK_FALSE(IsUp(guests));
    guests->ExpireIdle(start + seconds(60));
    CHECK_FALSE(IsUp(guests));
    guests.Feed(kKey);
    guests->ExpireIdle(start + seconds(61));
    CHECK(IsUp(guests));
  }
  SECTION("over a rotation and a restart") {
    guests->OnOpen(1, 0, kLog, 0);
    guests->OnClose(0);
    guests.Feed(kEnd, std::string::npos, 1);
    guests->OnOpen(2, 0, kLog, 1);
    guests->OnClose(1);
    CHECK_FALSE(IsUp(guests));
    auto next = guests.Resume(kConfig);
    CHECK_FALSE(IsUp(*next));
  }
  SECTION("its log is gone") {
    guests->OnClose(0);
    CHECK_FALSE(IsUp(guests));
  }
}

}  // namespace qte::guests
