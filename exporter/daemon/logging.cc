#include "daemon/logging.h"

#include <fmt/chrono.h>
#include <spdlog/formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>

namespace qte::daemon {
namespace {

std::string Quote(std::string_view text) {
  return nlohmann::json(std::string(text)).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

class LineFormatter final : public spdlog::formatter {
 public:
  explicit LineFormatter(bool json) : json_(json) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    auto millis = std::chrono::time_point_cast<std::chrono::milliseconds>(message.time);
    auto fraction = millis.time_since_epoch().count() % 1000;
    std::string time = fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                                   fmt::gmtime(std::chrono::system_clock::to_time_t(message.time)), fraction);
    auto level = spdlog::level::to_string_view(message.level);
    std::string_view name(level.data(), level.size());
    if (name == "warning") name = "warn";
    std::string text = Quote({message.payload.data(), message.payload.size()});
    const char* pattern = json_ ? "{{\"ts\":\"{}\",\"level\":\"{}\",\"msg\":{}}}\n" : "ts={} level={} msg={}\n";
    std::string line = fmt::format(fmt::runtime(pattern), time, name, text);
    out.append(line.data(), line.data() + line.size());
  }

  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<LineFormatter>(json_); }

 private:
  bool json_;
};

}  // namespace

void SetUpLogging(const std::string& level, const std::string& format) {
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto logger = std::make_shared<spdlog::logger>("", std::move(sink));
  logger->set_formatter(std::make_unique<LineFormatter>(format == "json"));
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace qte::daemon
