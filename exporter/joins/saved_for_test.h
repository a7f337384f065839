// What tests of saved state share.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

namespace qte::joins {

// As a checkpoint keeps it.
inline nlohmann::json ThroughCbor(const nlohmann::json& saved) {
  return nlohmann::json::from_cbor(nlohmann::json::to_cbor(saved));
}

}  // namespace qte::joins
