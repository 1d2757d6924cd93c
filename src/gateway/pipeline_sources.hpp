// What a pipeline's steps that search find: passages numbered over the whole run, so that an answer can cite them.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/json/array.hpp>
#include <string>
#include <vector>

#include "gateway/caller.hpp"
#include "gateway/models.hpp"
#include "net/http_server.hpp"
#include "pipelines/step_request.hpp"

namespace sarai::gateway {

class PipelineSources {
public:
    // All outlive it.
    PipelineSources(net::Exchange& client, Caller& caller, Shared shared, std::string language)
        : client_(client), caller_(caller), shared_(shared), language_(std::move(language)) {}

    struct Found {
        std::string text;           // "[1] docs/a.md:12-20 (Install)\n…\n\n[2] …"; empty: nothing
        boost::json::object about;  // for the list of steps
    };
    // A web that cannot be searched ends nothing: there are no passages then, and a note says so.
    // Errors: those of the collection and its embedding model, of the audit log; cancelled.
    [[nodiscard]] boost::asio::awaitable<Result<Found>> search(const config::PipelineStep& step,
                                                               pipelines::Search what);

    // What the step that answers, the preface and the closing read.
    [[nodiscard]] std::string list() const;   // "- [1] docs/a.md:12-20" a line each
    [[nodiscard]] std::string notes() const;  // sentences in the user's language; empty: everything went as planned
    [[nodiscard]] const boost::json::array& citations() const { return citations_; }

private:
    boost::asio::awaitable<Result<Found>> search_documents(const config::PipelineStep& step, pipelines::Search what);
    boost::asio::awaitable<Result<Found>> search_web(const config::PipelineStep& step, pipelines::Search what);
    void note(std::string_view spanish, std::string_view english);
    // Its number.
    std::size_t cite(boost::json::object citation);

    net::Exchange& client_;
    Caller& caller_;
    Shared shared_;
    std::string language_;
    boost::json::array citations_;
    std::vector<std::string> notes_;
};

}  // namespace sarai::gateway
