// Which files of a repository of huggingface.co make the model that was asked for. Pure.
//
// Its API answers GET /api/models/ORG/REPO?blobs=true with {"siblings": [{"rfilename", "size", "lfs": {"sha256",
// "size"}}]}; a file is at /ORG/REPO/resolve/main/FILE (huggingface.co/docs/hub/api).
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace sarai::library {

struct HubFile {
    std::string name;                        // may be in a folder
    std::optional<std::string> digest = {};  // "sha256:…"; small files have none
    std::optional<Bytes> size = {};
};

struct HubChoice {
    HubFile model;
    std::optional<HubFile> mmproj = {};
};

// `quantisation`: "Q4_K_M", in any case, or a file's name without folders; "latest" is Q4_K_M, or the only file there
// is. Errors: not_found, which lists what there is; unsupported for a model in several files.
[[nodiscard]] Result<HubChoice> choose_files(const boost::json::object& answer, std::string_view quantisation);

}  // namespace sarai::library
