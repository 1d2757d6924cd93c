#include "config/worker_flags.hpp"

#include <algorithm>
#include <array>

namespace sarai::config {
namespace {

struct Row {
    std::string_view flags;  // separated by spaces
    OwnFlag own;
};
constexpr std::array own_flags{
    Row{"-c --ctx-size --fit -fit --fitc -fitc", {"context_length", ""}},
    Row{"-np --parallel -kvu --kv-unified --kv-unified-per-slot", {"parallel", ""}},
    Row{"-b --batch-size -ub --ubatch-size", {"batch", ""}},
    Row{"-t --threads -tb --threads-batch", {"threads", ""}},
    Row{"-cram --cache-ram --cache-idle-slots", {"prompt_cache", ""}},
    Row{"-ctk --cache-type-k -ctv --cache-type-v", {"kv_cache_type", ""}},
    Row{"-lm --load-mode --mlock --mmap --no-mmap -nr --no-repack --repack -dio --direct-io", {"load_mode", ""}},
    Row{"-m --model -mu --model-url -hf --hf-repo --models-dir --models-preset", {"path", ""}},
    Row{"-mm --mmproj -mmu --mmproj-url --mmproj-auto --image-max-tokens", {"mmproj", ""}},
    Row{"-ctxcp --ctx-checkpoints --swa-checkpoints --swa-full", {"", "the plan counts on them"}},
    Row{"-md --model-draft --spec-draft-model --lora --lora-scaled --control-vector --control-vector-scaled -mv "
        "--model-vocoder",
        {"", "further models are not in the plan"}},
    Row{"--embedding --embeddings --rerank --reranking", {"kind", ""}},
    Row{"--rpc", {"sharded", ""}},
    Row{"--host --port", {"", "workers listen on sarai's own sockets"}},
};

}  // namespace

std::optional<OwnFlag> own_flag(std::string_view argument) {
    const auto word = argument.substr(0, argument.find('='));
    for (const auto& row : own_flags) {
        for (std::size_t at = 0; at < row.flags.size();) {
            const auto end = std::min(row.flags.find(' ', at), row.flags.size());
            if (row.flags.substr(at, end - at) == word) return row.own;
            at = end + 1;
        }
    }
    return std::nullopt;
}

}  // namespace sarai::config
