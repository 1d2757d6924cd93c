// The library as clients see it: they bring blobs, make models of them, copy, pull and delete them; each change is told
// to whoever serves the models.
//
// Belongs to the gateway's strand. Disks are waited for on a thread of its own. Made by the app, outlives the gateway.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "gateway/catalogue.hpp"
#include "gateway/pull_limits.hpp"
#include "library/library.hpp"
#include "library/puller.hpp"

namespace sarai::gateway {

class Shelf {
public:
    // Makes the models that are served those that are configured and those in the library. An error has changed
    // nothing.
    using Changed = std::function<Result<void>()>;
    using Report = library::Report;
    // The name of a model of the configuration as it stands there; nullopt: there is none.
    using Configured = std::function<std::optional<std::string>(std::string_view)>;

    // As they are now.
    using Limits = std::function<MemoryLimits()>;

    // Without `limits` models of any size are pulled.
    Shelf(library::Library& library, library::Sources sources, Catalogue& catalogue, Configured configured,
          Changed changed, Limits limits = {});

    [[nodiscard]] const library::Manifest* find(std::string_view model) const { return library_.find(model); }
    [[nodiscard]] bool has_blob(std::string_view digest) const { return library_.has_blob(digest); }

    // `next` gives the pieces of the body, an empty one at its end.
    using Next = std::function<boost::asio::awaitable<Result<std::string>>()>;
    [[nodiscard]] boost::asio::awaitable<Result<void>> take_blob(std::string digest, std::optional<Bytes> size,
                                                                 Next next);
    [[nodiscard]] boost::asio::awaitable<Result<void>> create(protocols::ollama::CreateRequest request, Report report);
    [[nodiscard]] boost::asio::awaitable<Result<void>> pull(std::string model, Report report);
    [[nodiscard]] Result<void> copy(std::string_view source, std::string_view destination);
    [[nodiscard]] Result<void> remove(std::string_view model);

private:
    struct Parts {
        std::string base = {};                   // as in a manifest, as are the others
        std::string model = {};                  // digest
        std::optional<std::string> mmproj = {};  // digest
        protocols::ollama::Recipe recipe = {};   // of the model that it is made from
    };
    boost::asio::awaitable<Result<Parts>> parts_of(const protocols::ollama::CreateRequest& request);
    // Refuses what no worker could ever load.
    [[nodiscard]] Result<void> admit(std::string_view model, const library::Located& located) const;
    // What its file is for.
    boost::asio::awaitable<Result<void>> describe(library::Manifest& manifest);
    // What a name stood for, kept until what takes its place is served.
    struct Before {
        std::string name;
        std::optional<library::Manifest> manifest;
        std::vector<library::Hold> holds;
    };
    [[nodiscard]] Before before(std::string_view name) const;
    [[nodiscard]] Result<void> tell(const Before& before);

    library::Library& library_;
    Catalogue& catalogue_;
    Configured configured_;
    Changed changed_;
    Limits limits_;
    library::Puller puller_;
    boost::asio::thread_pool disk_{1};
};

}  // namespace sarai::gateway
