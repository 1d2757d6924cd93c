#include "library/sources.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "library/hugging_face.hpp"
#include "net/url.hpp"
#include "protocols/json.hpp"

namespace sarai::library {
namespace {

using protocols::excerpt;

constexpr Bytes longest_listing = MiB(8);  // a repository of a thousand files has 0.3
constexpr Bytes longest_sum = KiB(4);

std::string without_slash(std::string url) {
    while (url.ends_with('/')) url.pop_back();
    return url;
}

std::unexpected<Error> not_found(const Name& name, std::string_view why, std::string hint = {}) {
    return std::unexpected(Error{.code = Code::not_found,
                                 .message = fmt::format("model '{}' not found: {}", name.text(), why),
                                 .hint = std::move(hint),
                                 .field = "model"});
}

bool is_hugging_face(const Name& name) { return same(name.host, "hf.co") || same(name.host, "huggingface.co"); }

asio::awaitable<Result<Located>> locate_on_hub(Name name, std::string base, Patience patience) {
    base = without_slash(std::move(base));
    const auto repository = fmt::format("{}/{}", name.space, name.model);
    const auto answer =
        co_await fetch_text(fmt::format("{}/api/models/{}?blobs=true", base, repository), longest_listing, patience);
    if (!answer && answer.error().code == Code::not_found) co_return not_found(name, answer.error().message);
    if (!answer) co_return std::unexpected(answer.error());
    const auto value = protocols::parse_json(*answer);
    if (!value || !value->is_object())
        co_return fail(Code::upstream,
                       fmt::format("{} did not describe the repository {}: {}", base, repository, excerpt(*answer)));
    auto choice = choose_files(value->get_object(), name.tag);
    if (!choice) {
        auto error = std::move(choice.error());
        error.message = fmt::format("{}: {}", repository, error.message);
        co_return std::unexpected(std::move(error));
    }
    const auto remote = [&](HubFile file) {
        return RemoteFile{.url = fmt::format("{}/{}/resolve/main/{}", base, repository, net::escape_path(file.name)),
                          .digest = std::move(file.digest),
                          .size = file.size};
    };
    Located located{.model = remote(std::move(choice->model))};
    if (choice->mmproj) located.mmproj = remote(std::move(*choice->mmproj));
    co_return located;
}

asio::awaitable<Result<Located>> locate_in(Source source, Name name, Patience patience) {
    const auto tagged = fmt::format("{}-{}.gguf", name.model, name.tag);
    std::vector<std::string> candidates{tagged};
    // Only then: who asks for a tag does not want whatever there is.
    if (same(name.tag, "latest")) candidates.insert(candidates.begin(), name.model + ".gguf");
    std::vector<std::string> tried;
    for (const auto& candidate : candidates) {
        RemoteFile file{.url = fmt::format("{}/{}", without_slash(source.url), net::escape_path(candidate))};
        const auto head = co_await fetch_head(file.url, patience);
        if (!head && head.error().code == Code::not_found) {
            tried.push_back(std::move(file.url));
            continue;
        }
        if (!head) co_return std::unexpected(head.error());
        file.size = head->size;
        const auto sum = co_await fetch_text(file.url + ".sha256", longest_sum, patience);
        if (sum) {
            file.digest = digest_in_sum(*sum);
            if (!file.digest)
                co_return fail(Code::upstream,
                               fmt::format("{}.sha256 holds \"{}\"; expected 64 hexadecimal digits, as sha256sum "
                                           "prints them",
                                           file.url, excerpt(*sum)));
        } else if (sum.error().code != Code::not_found && sum.error().code != Code::denied_upstream) {
            // 403 is how a store without listings says that there is no such file.
            co_return std::unexpected(sum.error());
        }
        co_return Located{.model = std::move(file)};
    }
    co_return not_found(name, fmt::format("the source \"{}\" has none of {}", source.name, fmt::join(tried, ", ")));
}

}  // namespace

std::optional<std::string> digest_in_sum(std::string_view text) {
    const auto digest = parse_digest(fmt::format("sha256:{}", text.substr(0, text.find_first_of(" \t\r\n"))));
    return digest ? std::optional(*digest) : std::nullopt;
}

asio::awaitable<Result<Located>> locate(Name name, Sources sources, Patience patience) {
    if (is_hugging_face(name)) {
        auto base = std::move(sources.hugging_face);
        co_return co_await locate_on_hub(std::move(name), std::move(base), patience);
    }
    std::vector<std::string> known;
    for (auto& source : sources.sources) {
        if (name.host.empty() && same(source.name, name.space))
            co_return co_await locate_in(std::move(source), std::move(name), patience);
        known.push_back(source.name + "/…");
    }
    known.emplace_back("hf.co/ORG/REPO");
    co_return not_found(name, "no source has models of such a name",
                        fmt::format("Names that can be pulled: {}.", fmt::join(known, ", ")));
}

}  // namespace sarai::library
