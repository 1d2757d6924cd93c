// What the tests of this folder share: the recordings of a real Ollama and JSON literals.
#pragma once

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "llm/types.hpp"
#include "support/recorded_exchange.hpp"

namespace sarai::protocols::test {

namespace json = boost::json;

inline sarai::test::RecordedExchange recorded(std::string_view name) {
    return sarai::test::read_exchange(std::string(SARAI_TEST_DATA "/ollama-wire/") + std::string(name) + ".http");
}

inline const std::vector<sarai::test::RecordedExchange>& all_recorded() {
    static const auto all = sarai::test::read_exchanges(SARAI_TEST_DATA "/ollama-wire");
    return all;
}

inline json::object object(std::string_view text) { return json::parse(text).as_object(); }

inline llm::Request request_of(llm::Task task, std::string_view body) {
    llm::Request request{.task = task, .model = {}, .body = object(body), .id = "1"};
    request.model = request.body.contains("model") ? std::string(request.body.at("model").as_string()) : "m";
    if (const auto* stream = request.body.if_contains("stream")) request.stream = stream->as_bool();
    return request;
}

}  // namespace sarai::protocols::test
