#include "commands/top/samples.h"

#include <cmath>

#include "catch.h"

namespace qte::commands::top {

TEST_CASE("top: samples of the text format are read with their labels") {
  auto sample = ParseSample(R"(qemu_block_reads_total{vm="a b",device="C:\\x\"\n}"} 12.5)");
  REQUIRE(sample);
  CHECK(sample->name == "qemu_block_reads_total");
  CHECK(sample->series == R"(qemu_block_reads_total{vm="a b",device="C:\\x\"\n}"})");
  CHECK(*sample->Label("vm") == "a b");
  CHECK(*sample->Label("device") == "C:\\x\"\n}");
  CHECK(sample->Label("interface") == nullptr);
  CHECK(sample->value == 12.5);

  CHECK(ParseSample("up 1")->labels.empty());
  CHECK(ParseSample("up{} 1")->labels.empty());
  CHECK(ParseSample("up 1e+06 1795408738000")->value == 1e6);
  CHECK(std::isinf(ParseSample(R"(x_bucket{le="+Inf"} +Inf)")->value));
}

TEST_CASE("top: what is not a sample is none") {
  const auto text =
      GENERATE("", " ", "# HELP up Text.", "# TYPE up gauge", "up", "up ", "up one", "up{", "up{a", "up{a=\"",
               "up{a=\"b", "up{a=\"b\"", "up{a=\"b\"}", "up{a=\"b\"}1", "{a=\"b\"} 1", "up{a=\"b\\", "up 1x");
  CAPTURE(text);
  CHECK(!ParseSample(text));
}

}  // namespace qte::commands::top
