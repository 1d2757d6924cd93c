// What /metrics tells (Prometheus text format 0.0.4). Counters are kept as things happen; gauges are read from the pool
// when somebody asks.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "llm/types.hpp"
#include "pool/pool.hpp"

namespace sarai::gateway {

struct FinishedRequest {
    std::string key = {};  // name of the API key; empty: none was asked for
    std::string model;     // "" where it never got so far
    std::string backend;   // gguf_native, ollama_http, openai_http; "" where none was reached
    int status = 0;        // HTTP; 499: the client left
    std::optional<std::chrono::duration<double>> time_to_first_token;
    std::chrono::duration<double> waited{};  // for its turn and for a load, until a backend took it
    std::chrono::duration<double> duration{};
    std::optional<llm::Usage> usage;
    bool fallback = false;        // not the first backend of the chain
    bool broke_off = false;       // ended by an in-stream error
    bool hedged = false;          // the local worker was asked beside a slow server
    bool hedge_won = false;       // and was faster
    std::int64_t read_ahead = 0;  // tokens that the local worker had read when it took over
    int failovers = 0;            // times that another backend went on with its answer in the middle
};

class Metrics {
public:
    explicit Metrics(std::string version);
    ~Metrics();
    void count(const FinishedRequest& request);
    // One that was not let in, by the kind of its error.
    void count_refused(std::string_view why);
    // What the router decided, what it was told of prompts that are being typed, and whether it was right.
    void count_route(std::string_view route, std::string_view model);
    void count_hint(bool loading);
    void count_feedback(std::string_view route, bool right);
    [[nodiscard]] std::string text(const pool::Pool& pool) const;

private:
    struct Families;
    std::unique_ptr<Families> families_;
};

}  // namespace sarai::gateway
