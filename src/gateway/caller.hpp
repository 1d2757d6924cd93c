// The one request that a connection is busy with, as far as every endpoint cares: who sent it, under which id it is
// known, and what the access log will say of it.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "access/keyring.hpp"
#include "base/error.hpp"
#include "gateway/trace_context.hpp"
#include "llm/types.hpp"

namespace sarai::gateway {

struct Caller {
    access::Visit visit;
    std::string name;  // of the key; empty: none is asked for
    std::string id;    // x-request-id
    std::optional<TraceContext> trace = {};
    std::chrono::steady_clock::time_point arrived = std::chrono::steady_clock::now();
    int status = 0;               // where it is another one than the client saw: 499, or of an error in mid-stream
    std::string why_routed = {};  // the router's reason for its choice; empty: the client named the model
    std::vector<std::pair<std::string, std::string>> notes = {};  // further fields of its line in the log
    std::string pipeline = {};                                    // whose step it is; empty: of none
    boost::json::object to_tell = {};                             // further fields of the answer's first part
    std::string thought = {};              // what a whole answer has as its reasoning, if it has none of its own
    std::optional<Error> failure = {};     // why there is no answer, or not the whole of it
    std::optional<llm::Usage> usage = {};  // of the answer
    std::int64_t tokens_spent = 0;         // for the key's limit, also of an answer that was cut
};

}  // namespace sarai::gateway
