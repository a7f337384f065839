#include "qmp/message_reader.h"

#include <vector>

#include "catch.h"

namespace qte::qmp {
namespace {

using State = MessageReader::State;

struct Read {
  std::vector<std::string> messages;
  State last = State::kMore;
  size_t most_cost = 0;
};

Read ReadAll(std::string_view text) {
  MessageReader reader;
  Read read;
  for (char c : text) {
    read.last = reader.Add(c);
    read.most_cost = std::max(read.most_cost, reader.cost());
    if (read.last == State::kWhole) {
      read.messages.emplace_back(reader.text());
      reader.Reset();
    } else if (read.last != State::kMore) {
      break;
    }
  }
  return read;
}

TEST_CASE("Messages of a stream") {
  struct Case {
    std::string name, text;
    std::vector<std::string> want;
  };
  for (const Case& c : {
           Case{"none", " \r\n\t", {}},
           Case{"two", "{}\r\n{\"a\": 1}\r\n", {"{}", "{\"a\":1}"}},
           Case{"over several lines", "{\n    \"a\": [\n  1,\n 2\n]\n}\n", {"{\"a\":[1,2]}"}},
           Case{"half of one", "{\"a\": {", {}},
           Case{"braces and quotes in text", R"({"a": "}\"]\\"}{})", {R"({"a":"}\"]\\"})", "{}"}},
           Case{"an escape at the end", R"({"a": "\\"}{"b": 1})", {R"({"a":"\\"})", R"({"b":1})"}},
           Case{"blanks in text", "{\"a\": \" b \"}", {"{\"a\":\" b \"}"}},
           Case{"as deep as a drive's image",
                R"({"return": [{"inserted": {"image": {"virtual-size": 5}}}]})",
                {R"({"return":[{"inserted":{"image":{"virtual-size":5}}}]})"}},
           Case{"deeper, with text and lists in it", R"([{"b": "}"}])", {}},
           Case{"the deepest is left out",
                R"({"a": [{"b": {"c": {"d": {"e": ["}", {}]}, "f": [[]], "g": 1}}}]})",
                {R"({"a":[{"b":{"c":{"d":null,"f":null,"g":1}}}]})"}},
       }) {
    CAPTURE(c.name);
    CHECK(ReadAll(c.text).messages == c.want);
  }
}

TEST_CASE("What begins no object is none at once") {
  for (const char* text : {"QEMU 7.2", "[1]", "}", "\"", "5", "\xff", "{}x"}) {
    CAPTURE(text);
    CHECK(ReadAll(text).last == State::kNoObject);
  }
  CHECK(ReadAll(std::string_view("\0", 1)).last == State::kNoObject);
}

TEST_CASE("What is stored is bounded, whatever is sent") {
  std::string empty_objects = "{\"return\":[";
  for (int i = 0; i < 500'000; ++i) empty_objects += "{},";
  std::string nested = "{\"a\":";
  nested.append(20'000'000, '[');
  struct Case {
    std::string name, text;
    State want;
  };
  for (const Case& c : {
           Case{"a long string", "{\"a\": \"" + std::string(10 << 20, 'x'), State::kTooLong},
           Case{"a string of quotes", "{\"a\": \"" + std::string(10 << 20, '\\'), State::kTooLong},
           Case{"a long number", "{" + std::string(10 << 20, '1'), State::kTooLong},
           Case{"many small values", empty_objects, State::kTooLong},
           Case{"blanks", "{" + std::string(10 << 20, ' '), State::kMore},
           Case{"nesting", nested, State::kMore},
       }) {
    CAPTURE(c.name);
    Read read = ReadAll(c.text);
    CHECK(read.last == c.want);
    CHECK(read.messages.empty());
    CHECK(read.most_cost <= MessageReader::kMostCost + 2 * MessageReader::kValueCost);
  }
}

}  // namespace
}  // namespace qte::qmp
