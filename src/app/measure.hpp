// Plans models: what would this one take? From the history where it was asked before, else by the measuring child.
//
// One per process, made before the coroutines that use it and destroyed after them; called on their executor's thread.
// The disk is read and written on a thread of its own: a file's first page on a cold disk takes 10 ms, and a database
// that another process writes to can hold up a call for 200 ms, while the io thread has tokens to relay.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "config/config.hpp"
#include "history/store.hpp"
#include "memory/plan.hpp"

namespace sarai::app {

class Measurer {
public:
    explicit Measurer(const config::Engine& engine);
    ~Measurer();  // waits until all observations are written
    Measurer(const Measurer&) = delete;
    Measurer& operator=(const Measurer&) = delete;

    // With what was learned by earlier loads. Asks the child, `sarai-measure` or `sarai-whisper`, for at most 30 s
    // where the files, the shape or the engine are new; a broken or hostile file kills only that. Errors are not
    // remembered.
    [[nodiscard]] boost::asio::awaitable<Result<memory::ModelPlan>> measure(memory::EngineShape shape);

    // Returns at once.
    void observed(memory::Observation observation);

private:
    struct Known;
    [[nodiscard]] history::Store& store();
    [[nodiscard]] std::string server_of(const memory::EngineShape& shape) const;  // the program that will run it
    [[nodiscard]] Known look_up(const memory::EngineShape& shape);
    [[nodiscard]] Known keep(const memory::EngineShape& shape, Known before,
                             std::vector<std::filesystem::path> libraries, std::string_view printed);

    std::string server_binary_;
    std::filesystem::path folder_;
    std::optional<history::Store> store_;  // used by `thread_` alone
    boost::asio::thread_pool thread_{1};
};

}  // namespace sarai::app
