// Checks of what is given to a flag, for the parser of the command line.
#pragma once

#include <CLI/CLI.hpp>
#include <string_view>
#include <vector>

namespace qte::commands {

enum class Zero { kRefused, kAllowed };

// Turns "1m30s" into the milliseconds that the option's number holds.
CLI::Validator Milliseconds(Zero zero);

// One of these words.
CLI::Validator OneOf(std::vector<std::string_view> words);

// A whole number from 1.
CLI::Validator Positive();

}  // namespace qte::commands
