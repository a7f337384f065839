// Logs on stderr, one line an event, as logfmt or JSON.
#pragma once

#include <string>

namespace qte::daemon {

// `level` is debug, info, warn or error; `format` logfmt or json.
void SetUpLogging(const std::string& level, const std::string& format);

}  // namespace qte::daemon
