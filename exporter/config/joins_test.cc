#include "config/joins.h"

#include "config/test_support.h"

namespace qte::config {

TEST_CASE("Lookups and spans") {
  Config config = ParseGood(R"(
lookups:
  image: {event: bdrv_open_common, key: bs, value: filename}
  pair:
    event: e
    key: [a, b]
    value: c
  reason: {names: {2: io, 0x6: mmio, "b": byte}}
spans:
  virtqueue_element: {start: virtqueue_pop, end: virtqueue_fill, key: [vq, elem]}
  io: {start: [read, write], end: [done], key: req, timeout: 500ms}
)");
  REQUIRE(config.lookups.size() == 3);
  CHECK(config.lookups[0].name.value == "image");
  CHECK(config.lookups[0].name.place.line == 3);
  CHECK(config.lookups[0].event.value == "bdrv_open_common");
  CHECK(Values(config.lookups[0].key) == Strings{"bs"});
  CHECK(config.lookups[0].value.value == "filename");
  CHECK(Values(config.lookups[1].key) == Strings{"a", "b"});
  REQUIRE(config.lookups[2].names.size() == 3);
  CHECK(config.lookups[2].names[1].first.value == "0x6");
  CHECK(config.lookups[2].names[1].first.place.column == 27);
  CHECK(config.lookups[2].names[1].second == "mmio");
  CHECK(config.lookups[2].key_size() == 1);
  REQUIRE(config.spans.size() == 2);
  CHECK(config.spans[0].name.value == "virtqueue_element");
  CHECK(Values(config.spans[0].start) == Strings{"virtqueue_pop"});
  CHECK(Values(config.spans[0].end) == Strings{"virtqueue_fill"});
  CHECK(Values(config.spans[0].key) == Strings{"vq", "elem"});
  CHECK(!config.spans[0].timeout);
  CHECK(Values(config.spans[1].start) == Strings{"read", "write"});
  CHECK(config.spans[1].timeout == std::chrono::milliseconds(500));
}

TEST_CASE("Bad lookups and spans") {
  CheckAll({
      {"lookups:\n  image: {key: b}",
       "x.yaml:2:3: lookup \"image\" needs \"event\": the event that tells the value\n"
       "x.yaml:2:3: lookup \"image\" needs \"value\": the argument to remember"},
      {"lookups:\n  image: {event: [a, b], key: b, value: c}",
       "x.yaml:2:11: \"event\" must be an event's name, not a list"},
      {"lookups:\n  image: {event: a, key: {b: c}, value: c}",
       "x.yaml:2:21: \"key\" must be an argument's name or a list of names, not a map"},
      {"lookups:\n  image: {event: a, key: [], value: c}",
       "x.yaml:2:21: \"key\" must be an argument's name or a list of names, not an empty list"},
      {"lookups:\n  image: {event: a, key: [b, ''], value: c}",
       "x.yaml:2:30: \"key\" must be an argument's name or a list of names, not \"\""},
      {"lookups:\n  image: x", "x.yaml:2:10: lookup \"image\" must be a map with event, key, value, names, not \"x\""},
      {"lookups:\n  image: {event: a, key: b, value: c}\n  image: {event: a, key: b, value: c}",
       "x.yaml:3:3: duplicate key \"image\"; the first is in line 2"},
      {"lookups:\n  im-age: {event: a, key: b, value: c}",
       "x.yaml:2:3: \"im-age\" is not a valid name: it takes letters, digits and \"_\", no digit first"},
      {"lookups:\n  n: {names: {}}", "x.yaml:2:7: \"names\" must be a map of an argument's values to their names"},
      {"lookups:\n  n: {names: }", "x.yaml:2:7: \"names\" must be a map of an argument's values to their names"},
      {"lookups:\n  n: {names: [a]}",
       "x.yaml:2:7: \"names\" must be a map of an argument's values to their names, not a list"},
      {"lookups:\n  n: {names: {1: [a]}}", "x.yaml:2:15: \"1\" must be a name, not a list"},
      {"lookups:\n  n: {names: {1: a, 1: b}}", "x.yaml:2:21: duplicate key \"1\"; the first is in line 2"},
      {"lookups:\n  n: {names: {1: a}, key: b}", "x.yaml:2:22: \"key\" learns names, which \"names\" gives"},
      {"spans:\n  s: {start: a}",
       "x.yaml:2:3: span \"s\" needs \"end\": an event's name or a list of names\n"
       "x.yaml:2:3: span \"s\" needs \"key\": an argument's name or a list of names"},
      {"spans:\n  s: {start: a, end: b, key: c, timeout: 60}",
       "x.yaml:2:42: \"timeout\" must be a duration such as 500ms, 60s or 10m, not \"60\""},
      {"spans:\n  s: {start: a, end: b, key: c, timeout: [60s]}",
       "x.yaml:2:33: \"timeout\" must be a duration such as 500ms, 60s or 10m, not a list"},
      {"spans:\n  s*: {start: a, end: b, key: c}",
       "x.yaml:2:3: \"s*\" is not a valid name: it takes letters, digits and \"_\", no digit first"},
  });
}

}  // namespace qte::config
