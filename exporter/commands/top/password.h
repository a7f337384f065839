// Passwords for a daemon that asks for one: from a file, or typed.
#pragma once

#include <string>

#include "base/result.h"

namespace qte::commands::top {

// The first line of a file.
Result<std::string> ReadPasswordFile(const std::string& path);

// What a person types at the terminal, which does not show it. The error says that there is none.
Result<std::string> AskForPassword(const std::string& prompt);

}  // namespace qte::commands::top
