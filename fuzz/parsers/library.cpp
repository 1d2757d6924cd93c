// What the library reads: names of models, digests, its own manifests, and what huggingface.co says of a repository.
// The first line is a name or a digest, then comes the JSON.
#include <boost/json/value.hpp>

#include "library/hugging_face.hpp"
#include "library/manifest.hpp"
#include "library/name.hpp"
#include "library/sources.hpp"
#include "parsers.hpp"
#include "protocols/json.hpp"
#include "support/check.hpp"

namespace sarai::fuzz {
namespace {

void check_name(std::string_view text) {
    const auto name = library::Name::parse(text);
    if (!name) return require_plain(name.error(), "the refusal of a name");
    const auto again = library::Name::parse(name->text());
    require(again && again->text() == name->text() && again->key() == name->key(),
            "a name that is written is the same");
    require(!name->key().contains("..") || text.contains(".."), "a name becomes no path");
}

void check_digest(std::string_view text) {
    const auto digest = library::parse_digest(text);
    if (digest)
        require(digest->starts_with("sha256:") && digest->size() == 71, "a digest has one form");
    else
        require_plain(digest.error(), "the refusal of a digest");
    (void)library::digest_in_sum(text);
}

void check_manifest(std::string_view text) {
    const auto manifest = library::decode_manifest(text);
    if (!manifest) return require_plain(manifest.error(), "the refusal of a manifest");
    const auto written = library::encode_manifest(*manifest);
    const auto again = library::decode_manifest(written);
    require(again.has_value(), "a manifest that is written can be read");
    require(same(require_json(library::encode_manifest(*again), "a manifest"), require_json(written, "a manifest")),
            "a manifest that is written is the same");
}

void check_repository(std::string_view text, std::string_view quantisation) {
    const auto value = protocols::parse_json(text);
    if (!value || !value->is_object()) return;
    const auto choice = library::choose_files(value->get_object(), quantisation);
    if (!choice) return require_plain(choice.error(), "why a repository has no file for a model");
    for (const auto* file : {&choice->model, choice->mmproj ? &*choice->mmproj : nullptr})
        if (file != nullptr) require(!file->size || file->size->count >= 0, "a file's size is no deficit");
}

}  // namespace

void library(Input input) {
    const auto word = input.line();
    check_name(word);
    check_digest(word);
    check_manifest(input.rest());
    // A quantisation is a name's tag, which was checked.
    if (const auto name = library::Name::parse(word)) check_repository(input.rest(), name->tag);
    check_repository(input.rest(), "latest");
}

}  // namespace sarai::fuzz
