// The catalogue of model files: what each says of itself, read by a child process and kept in memory until the file
// changes.
//
// One per process, made before the coroutines that use it and destroyed after them; called on their executor's thread.
// However many ask for a file, one child reads it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <filesystem>
#include <map>
#include <set>
#include <vector>

#include "config/config.hpp"
#include "gateway/catalogue.hpp"
#include "history/key.hpp"

namespace sarai::app {

// The files of its local models and fallbacks, projectors too, but not of those that are retired.
[[nodiscard]] std::vector<std::filesystem::path> model_files(const config::Config& config);

// What each file says of itself, in their order: a child for each, a few at a time, and an io_context of its own.
[[nodiscard]] std::vector<Result<memory::ModelFacts>> describe_files(const std::vector<std::filesystem::path>& files);

class Describer final : public gateway::Catalogue {
public:
    explicit Describer(boost::asio::any_io_executor executor);
    ~Describer() override;

    [[nodiscard]] gateway::ModelFile look(const std::filesystem::path& file) const override;
    [[nodiscard]] boost::asio::awaitable<Result<gateway::SharedFacts>> describe(std::filesystem::path file) override;

    // Reads all that are not known yet, one after the other, and forgets all others. A file that cannot be read is
    // logged.
    [[nodiscard]] boost::asio::awaitable<void> describe_all(std::vector<std::filesystem::path> files);

private:
    struct Known {
        history::Stamp stamp;  // of the file that was read
        Result<gateway::SharedFacts> facts;
    };

    std::map<std::filesystem::path, Known> known_;
    std::set<std::filesystem::path> asked_;  // a child is reading these
    boost::asio::steady_timer answered_;     // cancelled whenever one of them has ended
    boost::asio::thread_pool thread_{1};
};

}  // namespace sarai::app
