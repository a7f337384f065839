// top: what VMs and their disks do now, in a terminal or as plain text.
#include <chrono>
#include <csignal>
#include <iostream>
#include <memory>

#include "commands/commands.h"
#include "commands/top/activity.h"
#include "commands/top/feed.h"
#include "commands/top/keys.h"
#include "commands/top/password.h"
#include "commands/top/sampler.h"
#include "commands/top/terminal.h"
#include "commands/top/view.h"

namespace qte::commands {
namespace {

using namespace top;
using Clock = std::chrono::steady_clock;

int Fail(const std::string& why) {
  std::cerr << "qemu-trace-exporter: " << why << '\n';
  return kExitBadInput;
}

View ViewOf(const Options& options, const Feed& feed) {
  View view;
  view.sort = SortKeyOf(options.top.sort);
  view.vm = options.top.vm;
  view.source = feed.name();
  return view;
}

// The first answer. A daemon that was just started may end at once, over a bad config: that has to be told before the view
// begins. Asks for a password where one is needed.
Scrape FirstScrape(Feed& feed, const Options& options, int cancel) {
  constexpr std::chrono::milliseconds kBetween{20};
  constexpr std::chrono::seconds kLongestStart{10};
  const Clock::time_point end = Clock::now() + kLongestStart;
  Scrape scrape = feed.Get(cancel);
  while (scrape.state == Scrape::State::kWaiting && !feed.has_answered() && Clock::now() < end) {
    if (!SleepUntil(Clock::now() + kBetween, cancel)) return {Scrape::State::kCancelled, {}, {}, {}};
    scrape = feed.Get(cancel);
  }
  const bool may_ask = !options.top.user.empty() && options.top.password_file.empty();
  if (!feed.needs_password() || !may_ask) return scrape;
  Result<std::string> password = AskForPassword("Password of " + options.top.user + ": ");
  if (!password) return {Scrape::State::kFailed, password.error(), {}, {}};
  feed.SetPassword(std::move(*password));
  return feed.Get(cancel);
}

std::string NotTheExporter(const Feed& feed) {
  return feed.name() + " answers, but it is not qemu-trace-exporter; name another address by --address";
}

// Prints a table for each interval until it is interrupted.
class Batch {
 public:
  Batch(Feed& feed, const Options& options, const EndSignals& signals)
      : feed_(feed), options_(options), signals_(signals), view_(ViewOf(options, feed)) {}

  int Run(Scrape scrape) {
    int64_t printed = 0;
    for (Clock::time_point next = Clock::now();; scrape = feed_.Get(signals_.fd())) {
      if (scrape.state == Scrape::State::kCancelled) return kExitFine;
      if (scrape.state == Scrape::State::kFailed) return Fail(scrape.text);
      if (scrape.state == Scrape::State::kMetrics) {
        const Activity activity = meter_.Read(scrape.text, scrape.at);
        if (!activity.is_exporters) return Fail(NotTheExporter(feed_));
        if (activity.seconds > 0 && !Print(activity, scrape, printed++ > 0)) return kExitFine;
        if (options_.top.iterations > 0 && printed == options_.top.iterations) return kExitFine;
      }
      const bool waits = scrape.state == Scrape::State::kWaiting;
      next = waits ? Clock::now() + kWhileWaiting : std::max(next, Clock::now() - Interval()) + Interval();
      if (!SleepUntil(next, signals_.fd())) return kExitFine;
    }
  }

 private:
  static constexpr std::chrono::milliseconds kWhileWaiting{100};

  std::chrono::milliseconds Interval() const { return std::chrono::milliseconds(options_.top.interval_ms); }

  // False once no one reads the output.
  bool Print(const Activity& activity, const Scrape& scrape, bool has_one_before) {
    view_.time = scrape.time;
    if (has_one_before) std::cout << '\n';
    for (const Line& line : Draw(activity, view_, {0, 0, Notation::kPlain, false})) {
      std::cout << line.text.substr(0, line.text.find_last_not_of(' ') + 1) << '\n';
    }
    return static_cast<bool>(std::cout.flush());
  }

  Feed& feed_;
  const Options& options_;
  const EndSignals& signals_;
  View view_;
  ActivityMeter meter_;
};

// Draws on the terminal until it is left.
class Session {
 public:
  Session(Feed& feed, const Options& options, Terminal& terminal, Scrape::State first)
      : options_(options),
        terminal_(terminal),
        view_(ViewOf(options, feed)),
        sampler_(feed, std::chrono::milliseconds(options.top.interval_ms), first) {}

  void Run(Scrape scrape) {
    Take(std::move(scrape));
    while (!is_over_) {
      Show();
      switch (terminal_.Wait(sampler_.fd())) {
        case Terminal::Event::kEnd:
          return;
        case Terminal::Event::kTyped:
          while (auto key = TakeKey(terminal_.typed())) Press(*key);
          break;
        case Terminal::Event::kNone:
          if (auto arrived = sampler_.Take()) Take(std::move(*arrived));
          break;
        case Terminal::Event::kChanged:
          break;
      }
    }
  }

 private:
  void Take(Scrape&& scrape) {
    view_.notice.clear();
    waits_for_.clear();
    if (scrape.state == Scrape::State::kFailed) view_.notice = scrape.text;
    if (scrape.state == Scrape::State::kWaiting) waits_for_ = scrape.text;
    if (scrape.state != Scrape::State::kMetrics) return;
    Activity activity = meter_.Read(scrape.text, scrape.at);
    if (activity.seconds > 0) ++updates_;
    is_over_ = options_.top.iterations > 0 && updates_ >= options_.top.iterations;
    if (view_.is_paused) return;
    activity_ = std::move(activity);
    view_.time = scrape.time;
  }

  void Show() {
    const Screen screen = terminal_.screen();
    terminal_.Show(waits_for_.empty() ? Draw(activity_, view_, screen) : DrawWaiting(view_, screen, waits_for_));
  }

  void Press(Key key) {
    switch (key) {
      case Key::kQuit:
        is_over_ = true;
        break;
      case Key::kSort:
        view_.sort = NextOf(view_.sort);
        break;
      case Key::kPause:
        view_.is_paused = !view_.is_paused;
        break;
      case Key::kVm:
        view_.vm = view_.vm.empty() ? Selected(activity_, view_, 0) : "";
        break;
      case Key::kUp:
      case Key::kDown:
        view_.selected = Selected(activity_, view_, key == Key::kUp ? -1 : 1);
        break;
      case Key::kOther:
        break;
    }
  }

  const Options& options_;
  Terminal& terminal_;
  View view_;
  ActivityMeter meter_;
  Activity activity_;
  std::string waits_for_;
  int64_t updates_ = 0;
  bool is_over_ = false;
  Sampler sampler_;  // the last, since its thread begins at once
};

int RunSession(Feed& feed, const Options& options, const EndSignals& signals, Scrape first) {
  if (first.state == Scrape::State::kCancelled) return kExitFine;
  if (first.state == Scrape::State::kFailed) return Fail(first.text);
  if (first.state == Scrape::State::kMetrics && !ActivityMeter().Read(first.text, first.at).is_exporters) {
    return Fail(NotTheExporter(feed));
  }
  Result<std::unique_ptr<Terminal>> terminal = Terminal::Open(signals);
  if (!terminal) return Fail(terminal.error());
  const Scrape::State state = first.state;
  Session(feed, options, **terminal, state).Run(std::move(first));
  return kExitFine;
}

}  // namespace

int Top(const Options& options) {
  if (!options.top.is_batch) {
    if (Status status = Terminal::Check(); !status) return Fail(status.error());
  }
  std::signal(SIGPIPE, SIG_IGN);  // a reader that has enough is not a failure
  Result<std::unique_ptr<Feed>> feed = Feed::Open(options);
  if (!feed) return Fail(feed.error());
  const EndSignals signals;
  Scrape first = FirstScrape(**feed, options, signals.fd());
  if (options.top.is_batch) return Batch(**feed, options, signals).Run(std::move(first));
  return RunSession(**feed, options, signals, std::move(first));
}

}  // namespace qte::commands
