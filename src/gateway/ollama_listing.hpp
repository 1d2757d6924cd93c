// Ollama's listings: which models there are, which are in memory, and what is known of one.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/answer.hpp"
#include "gateway/catalogue.hpp"

namespace sarai::gateway {

// The list has what `key` may use; null: everything.
[[nodiscard]] boost::json::object ollama_tags_json(const Shared& shared, const config::ApiKey* key);
[[nodiscard]] boost::json::object ollama_ps_json(const Shared& shared, const config::ApiKey* key = nullptr);
// Waits until the model's file is described, where it is not yet. `body`: the request's, for its flag "verbose".
[[nodiscard]] boost::asio::awaitable<Result<boost::json::object>> ollama_show_json(Shared shared, std::string model,
                                                                                   std::string_view body);

// What a model can do, as Ollama names it, by its kind and by what is known of its files (null: nothing).
[[nodiscard]] std::vector<std::string> capabilities_of(const config::Model& model, const memory::ModelFacts* facts,
                                                       const memory::ModelFacts* projector);

// A file's metadata as /api/show gives it: an array of more than a few elements is null. `verbose`: only where it is so
// long that the catalogue does not have it.
[[nodiscard]] boost::json::object model_info_of(const memory::ModelFacts& facts, bool verbose);

}  // namespace sarai::gateway
