// Header values that are lists, such as "gzip;q=0.5, br": their items, one by one, and words that ignore the case.
#pragma once

#include <string_view>

namespace qte::http {

// Takes the first item and the separator behind it from `list`; returns the item without blanks around it.
std::string_view TakeListItem(std::string_view& list, char separator);

// `word` is in lower case, letters and hyphens alone.
bool EqualsIgnoringCase(std::string_view text, std::string_view word);

bool ListHas(std::string_view list, std::string_view word);

}  // namespace qte::http
