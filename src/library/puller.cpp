#include "library/puller.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace sarai::library {
namespace {

namespace status = protocols::ollama::status;

}  // namespace

Puller::Puller(Library& library, Sources sources, Patience patience)
    : library_(library), sources_(std::move(sources)), patience_(patience) {}

asio::awaitable<Result<Downloaded>> Puller::bring(RemoteFile file, Report report) {
    if (!file.digest || !library_.has_blob(*file.digest))
        co_return co_await download(library_, disk_, std::move(file), patience_, std::move(report));
    std::error_code ignored;
    const auto size = std::filesystem::file_size(*library_.blob_path(*file.digest), ignored);
    const Bytes whole{ignored ? 0 : static_cast<std::int64_t>(size)};
    if (report)
        report({.status = status::pulling(*file.digest), .digest = *file.digest, .total = whole, .completed = whole});
    co_return Downloaded{.digest = *file.digest, .hold = library_.hold(*file.digest)};
}

// What is still to come of it, where its size is known.
Bytes Puller::missing(const RemoteFile& file) const {
    if (!file.size || (file.digest && library_.has_blob(*file.digest))) return {};
    return std::max(Bytes{}, *file.size - library_.kept(name_for_later(file)));
}

asio::awaitable<Result<Manifest>> Puller::pull(std::string text, Report report, Admit admit, Prepare prepare) {
    const auto name = Name::parse(text);
    if (!name) co_return std::unexpected(name.error());
    if (report) report({.status = std::string(status::pulling_manifest)});
    const auto located = co_await locate(*name, sources_, patience_);
    if (!located) co_return std::unexpected(located.error());
    if (admit)
        if (auto admitted = admit(*located); !admitted) co_return std::unexpected(admitted.error());
    // Each download asks for its own: the second would be refused when the first has come.
    const auto model_misses = missing(located->model);
    const auto mmproj_misses = located->mmproj ? missing(*located->mmproj) : Bytes{};
    if (model_misses != Bytes{} && mmproj_misses != Bytes{})
        if (auto room = library_.check_room(model_misses + mmproj_misses); !room)
            co_return std::unexpected(room.error());
    const auto model = co_await bring(located->model, report);
    if (!model) co_return std::unexpected(model.error());
    Manifest manifest{.name = name->text(),
                      .created_at = std::chrono::system_clock::now(),
                      .model = model->digest,
                      .source = located->model.url};
    Hold projector;
    if (located->mmproj) {
        auto mmproj = co_await bring(*located->mmproj, report);
        if (!mmproj) co_return std::unexpected(mmproj.error());
        manifest.mmproj = std::move(mmproj->digest);
        projector = std::move(mmproj->hold);
    }
    if (prepare)
        if (auto prepared = co_await prepare(manifest); !prepared) co_return std::unexpected(prepared.error());
    if (report) report({.status = std::string(status::writing_manifest)});
    if (auto put = library_.put(manifest); !put) co_return std::unexpected(put.error());
    co_return manifest;
}

}  // namespace sarai::library
