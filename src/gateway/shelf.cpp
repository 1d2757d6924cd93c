#include "gateway/shelf.hpp"

#include <fmt/format.h>

#include <chrono>

#include "config/config.hpp"
#include "library/modelfile.hpp"
#include "library/name.hpp"
#include "net/on_thread.hpp"

namespace sarai::gateway {
namespace {

namespace asio = boost::asio;
namespace ollama = protocols::ollama;
using asio::awaitable;

// What a request says wins over what its source says.
void add_to(ollama::Recipe& recipe, const ollama::Recipe& more) {
    if (!more.chat_template.empty()) recipe.chat_template = more.chat_template;
    if (!more.system.empty()) recipe.system = more.system;
    if (!more.licenses.empty()) recipe.licenses = more.licenses;
    if (!more.messages.empty()) recipe.messages = more.messages;
    for (const auto& [name, value] : more.parameters) recipe.parameters[name] = value;
}

// What a client brought is the client's: not a file of ours that is damaged. Nor need it know where we keep it.
Error of_client(Error error, const std::filesystem::path& file, std::string_view digest) {
    if (error.code == Code::corrupt_file || error.code == Code::unsupported) error.code = Code::invalid_argument;
    const auto path = file.string();
    for (std::size_t at = 0; (at = error.message.find(path, at)) != std::string::npos; at += digest.size())
        error.message.replace(at, path.size(), digest);
    error.field = "files";
    return error;
}

std::string_view kind_name(memory::FileKind kind) {
    if (kind == memory::FileKind::transcription) return config::name_of(config::ModelKind::transcription);
    if (kind == memory::FileKind::rerank) return config::name_of(config::ModelKind::rerank);
    return config::name_of(kind == memory::FileKind::embedding ? config::ModelKind::embedding
                                                               : config::ModelKind::chat);
}

}  // namespace

Shelf::Shelf(library::Library& library, library::Sources sources, Catalogue& catalogue, Configured configured,
             Changed changed, Limits limits)
    : library_(library),
      catalogue_(catalogue),
      configured_(std::move(configured)),
      changed_(std::move(changed)),
      limits_(std::move(limits)),
      puller_(library, std::move(sources)) {}

awaitable<Result<void>> Shelf::take_blob(std::string digest, std::optional<Bytes> size, Next next) {
    const auto parsed = library::parse_digest(digest);
    if (!parsed) co_return std::unexpected(parsed.error());
    auto opened = library_.new_blob({.digest = *parsed, .size = size});
    if (!opened) co_return std::unexpected(opened.error());
    // The thread's work shares it, and outlives whoever is cancelled.
    const auto writer = std::make_shared<library::BlobWriter>(std::move(*opened));
    for (;;) {
        auto piece = co_await next();
        if (!piece) co_return std::unexpected(piece.error());
        if (piece->empty()) break;
        auto written =
            co_await net::on_thread(disk_, [writer, text = std::move(*piece)] { return writer->write(text); });
        if (!written) co_return written;
    }
    const auto done = co_await net::on_thread(disk_, [writer] { return writer->finish(); });
    if (!done) co_return std::unexpected(done.error());
    co_return Result<void>{};
}

awaitable<Result<Shelf::Parts>> Shelf::parts_of(const ollama::CreateRequest& request) {
    Parts parts;
    std::vector<std::string> digests;
    for (const auto& [name, digest] : request.files) digests.push_back(digest);
    std::string from = request.from;
    if (!request.modelfile.empty()) {
        auto modelfile = library::parse_modelfile(request.modelfile);
        if (!modelfile) co_return std::unexpected(modelfile.error());
        parts.recipe = std::move(modelfile->recipe);
        for (const auto& source : modelfile->from) {
            // "@sha256:…" and "sha256:…" are blobs that the client has brought before.
            const auto digest = library::parse_digest(source.starts_with('@') ? source.substr(1) : source);
            if (digest)
                digests.push_back(*digest);
            else
                from = source;
        }
    }
    if (!from.empty()) {
        const auto* source = library_.find(from);
        auto base = configured_(from);
        if (source == nullptr && !base)
            co_return std::unexpected(
                Error{.code = Code::not_found,
                      .message = fmt::format("model '{}' not found", from.substr(0, 128)),
                      .hint = "A model can be made from one of the configuration or of the library; pull it first.",
                      .field = "from"});
        if (base) {  // as the one that is served under that name
            if (!digests.empty())
                co_return fail_field("files", fmt::format("'files' beside 'from': the files of '{}' are those that the "
                                                          "configuration names",
                                                          *base));
            parts.base = std::move(*base);
            co_return parts;
        }
        parts.base = source->base;
        parts.model = source->model;
        parts.mmproj = source->mmproj;
        const auto own = std::exchange(parts.recipe, source->recipe);
        add_to(parts.recipe, own);
        if (!parts.base.empty() && digests.empty()) co_return parts;
        parts.base.clear();
    }
    for (const auto& digest : digests) {
        const auto file = library_.existing_blob(digest);
        if (!file) co_return std::unexpected(file.error());
        const auto facts = co_await catalogue_.describe(*file);
        if (!facts) co_return std::unexpected(of_client(facts.error(), *file, digest));
        const auto whole = library::parse_digest(digest);
        if (!whole) co_return std::unexpected(whole.error());
        const bool projector = memory::kind_of(**facts) == memory::FileKind::projector;
        (projector ? parts.mmproj.emplace() : parts.model) = *whole;
    }
    if (parts.model.empty())
        co_return fail_field("files", digests.empty() ? "neither 'from' or 'files' was specified"
                                                      : "'files' has a projector alone; expected a model as well");
    co_return parts;
}

awaitable<Result<void>> Shelf::describe(library::Manifest& manifest) {
    if (!manifest.base.empty()) co_return Result<void>{};
    const auto file = library_.existing_blob(manifest.model);
    if (!file) co_return std::unexpected(file.error());
    const auto facts = co_await catalogue_.describe(*file);
    if (!facts) co_return std::unexpected(of_client(facts.error(), *file, manifest.model));
    if (memory::kind_of(**facts) == memory::FileKind::projector)
        co_return fail_field("files", "the file is a projector, a part of a model; expected a model");
    manifest.details["kind"] = kind_name(memory::kind_of(**facts));
    co_return Result<void>{};
}

Shelf::Before Shelf::before(std::string_view name) const {
    Before before{.name = std::string(name), .manifest = {}, .holds = {}};
    const auto* manifest = library_.find(name);
    if (manifest == nullptr) return before;
    before.manifest = *manifest;
    if (!manifest->model.empty()) before.holds.push_back(library_.hold(manifest->model));
    if (manifest->mmproj) before.holds.push_back(library_.hold(*manifest->mmproj));
    return before;
}

Result<void> Shelf::tell(const Before& before) {
    auto told = changed_();
    // All or nothing: what cannot be served is not there.
    if (!told) (void)(before.manifest ? library_.put(*before.manifest) : library_.remove(before.name));
    return told;
}

awaitable<Result<void>> Shelf::create(ollama::CreateRequest request, Report report) {
    if (auto name = library::Name::parse(request.model); !name) co_return std::unexpected(name.error());
    report({.status = std::string(ollama::status::parsing)});
    auto parts = co_await parts_of(request);
    if (!parts) co_return std::unexpected(parts.error());
    std::vector<library::Hold> holds;
    if (!parts->model.empty()) {
        holds.push_back(library_.hold(parts->model));
        report({.status = std::string(ollama::status::verifying_conversion)});
        report({.status = request.from.empty() ? ollama::status::new_layer(parts->model)
                                               : ollama::status::existing_layer(parts->model)});
    }
    if (parts->mmproj) holds.push_back(library_.hold(*parts->mmproj));
    if (parts->mmproj) report({.status = ollama::status::new_layer(*parts->mmproj)});
    add_to(parts->recipe, request.recipe);
    report({.status = std::string(ollama::status::writing_manifest)});
    library::Manifest manifest{.name = request.model,
                               .created_at = std::chrono::system_clock::now(),
                               .model = parts->model,
                               .mmproj = parts->mmproj,
                               .base = parts->base,
                               .recipe = std::move(parts->recipe)};
    if (auto described = co_await describe(manifest); !described) co_return described;
    const auto old = before(request.model);
    if (auto put = library_.put(std::move(manifest)); !put) co_return put;
    co_return tell(old);
}

Result<void> Shelf::admit(std::string_view model, const library::Located& located) const {
    const auto& [url, digest, size] = located.model;
    // What is here already may stay: it costs nothing.
    if (!limits_ || !size || (digest && library_.has_blob(*digest))) return {};
    return check_memory(model, *size, limits_());
}

awaitable<Result<void>> Shelf::pull(std::string model, Report report) {
    const auto old = before(model);
    auto manifest = co_await puller_.pull(
        model, std::move(report), [this, &model](const library::Located& located) { return admit(model, located); },
        [this](library::Manifest& fresh) { return describe(fresh); });
    if (!manifest) co_return std::unexpected(manifest.error());
    co_return tell(old);
}

Result<void> Shelf::copy(std::string_view source, std::string_view destination) {
    if (auto base = configured_(source); base && library_.find(source) == nullptr) {
        const auto old = before(destination);
        library::Manifest variant{
            .name = std::string(destination), .created_at = std::chrono::system_clock::now(), .base = std::move(*base)};
        if (auto put = library_.put(std::move(variant)); !put) return put;
        return tell(old);
    }
    if (auto copied = library_.copy(source, destination, std::chrono::system_clock::now()); !copied) return copied;
    return changed_();
}

Result<void> Shelf::remove(std::string_view model) {
    if (auto removed = library_.remove(model); !removed) return removed;
    return changed_();
}

}  // namespace sarai::gateway
