#include "imports/worker_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "config/problem.hpp"
#include "config/worker_flags.hpp"

namespace sarai::imports {
namespace {

namespace fs = std::filesystem;

enum class Take : std::uint8_t {
    passed,  // to the worker as it stands
    ours,    // sarai sees to it, and nothing is lost
    context,
    parallel,
    batch,
    micro_batch,
    threads,
    prompt_cache,
    cache_k,
    cache_v,
    path,
    mmproj,
    embedding,
    rerank,
    copied,  // --no-mmap
    gpu,
    fetched,  // files that the engine would download
};

struct Row {
    std::string_view flags;  // separated by spaces
    Take take;
    bool has_value = true;
};
constexpr std::array rows{
    Row{"-c --ctx-size", Take::context},
    Row{"-np --parallel", Take::parallel},
    Row{"-b --batch-size", Take::batch},
    Row{"-ub --ubatch-size", Take::micro_batch},
    Row{"-t --threads", Take::threads},
    Row{"-cram --cache-ram", Take::prompt_cache},
    Row{"-ctk --cache-type-k", Take::cache_k},
    Row{"-ctv --cache-type-v", Take::cache_v},
    Row{"-m --model", Take::path},
    Row{"-mm --mmproj", Take::mmproj},
    Row{"--embedding --embeddings", Take::embedding, false},
    Row{"--rerank --reranking", Take::rerank, false},
    Row{"--no-mmap", Take::copied, false},
    Row{"-hf -hfr --hf-repo -hff --hf-file -mu --model-url -dr --docker-repo -mmu --mmproj-url", Take::fetched},
    Row{"-ngl --gpu-layers --n-gpu-layers -sm --split-mode -ts --tensor-split -mg --main-gpu -dev --device -ot "
        "--override-tensor -ncmoe --n-cpu-moe -fitt --fit-target",
        Take::gpu},
    Row{"-cmoe --cpu-moe", Take::gpu, false},
    Row{"--host --port --alias -a --api-key -hft --hf-token --sse-ping-interval -to --timeout --threads-http -lv "
        "--verbosity "
        "--log-verbosity --log-colors --log-file",
        Take::ours},
    Row{"--jinja --no-webui --no-ui --offline --no-slots --slots --metrics --log-disable -v --verbose -cb "
        "--cont-batching --no-mmproj --log-timestamps --log-prefix --mmproj-offload --no-mmproj-offload -kvo "
        "--kv-offload",
        Take::ours, false},
    Row{"--temp --temperature --top-k --top-p --min-p --typical --typical-p --top-nsigma --top-n-sigma -s --seed -n "
        "--predict --n-predict --keep --samplers --sampler-seq --sampling-seq --xtc-probability --xtc-threshold "
        "--repeat-last-n --repeat-penalty --presence-penalty --frequency-penalty --dry-multiplier --dry-base "
        "--dry-allowed-length --dry-penalty-last-n --dry-sequence-breaker --dynatemp-range --dynatemp-exp --mirostat "
        "--mirostat-lr --mirostat-ent -l --logit-bias --grammar --grammar-file -j --json-schema -r --reverse-prompt "
        "-fa --flash-attn --rope-scaling --rope-scale --rope-freq-base --rope-freq-scale --yarn-orig-ctx "
        "--yarn-ext-factor --yarn-attn-factor --yarn-beta-slow --yarn-beta-fast --override-kv --numa --prio "
        "--pooling --embd-normalize --cache-reuse --chat-template --chat-template-file --chat-template-kwargs "
        "--reasoning-format --reasoning-budget --reasoning-effort -rea --reasoning -sps --slot-prompt-similarity "
        "--image-min-tokens",
        Take::passed},
    Row{"--context-shift --no-context-shift --no-warmup --warmup -sp --special --ignore-eos --spm-infill "
        "--cache-prompt --no-cache-prompt --prefill-assistant --no-prefill-assistant --check-tensors",
        Take::passed, false},
};

const Row* row_of(std::string_view flag) {
    for (const auto& row : rows)
        for (std::size_t at = 0; at < row.flags.size();) {
            const auto end = std::min(row.flags.find(' ', at), row.flags.size());
            if (row.flags.substr(at, end - at) == flag) return &row;
            at = end + 1;
        }
    return nullptr;
}

// "-1" is a value, "-c" is not.
bool is_flag(std::string_view word) {
    return word.size() > 1 && word[0] == '-' && (word[1] < '0' || word[1] > '9') && word[1] != '.';
}

class CommandReader {
public:
    CommandReader(const fs::path& folder, std::string_view key) : folder_(folder), key_(key) {}

    WorkerCommand run(std::span<const std::string> words) {
        while (!words.empty()) {
            const std::string_view flag = words.front();
            words = words.subspan(1);
            const auto* row = row_of(flag);
            const bool may_have_value = !words.empty() && !is_flag(words.front());
            std::string value;
            if (may_have_value && is_flag(flag) && (row == nullptr || row->has_value)) {
                value = words.front();
                words = words.subspan(1);
            }
            if (row == nullptr)
                unknown(flag, value);
            else if (row->has_value && value.empty() && row->take != Take::passed)
                lose(flag, "", "has no value");
            else
                take(*row, flag, value);
        }
        finish();
        return std::move(out_);
    }

private:
    void lose(std::string_view flag, std::string_view value, std::string why, std::string instead = {}) {
        out_.losses.push_back({.key = fmt::format("{} {}", key_, config::printable(flag)),
                               .value = config::printable(value),
                               .why = std::move(why),
                               .instead = std::move(instead)});
    }

    void unknown(std::string_view flag, std::string_view value) {
        if (!is_flag(flag)) return lose(flag, value, "is no flag");
        const auto own = config::own_flag(flag);
        if (!own) return lose(flag, value, "is not known to the import", "put it into extra_args where it is needed");
        if (own->key.empty()) return lose(flag, value, std::string(own->why));
        lose(flag, value, "sarai decides it, for its plans to hold", fmt::format("see the key {}", own->key));
    }

    void number(int& into, std::string_view flag, std::string_view value, int least, int most, std::string_view ours) {
        int parsed = 0;
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), parsed);
        if (error == std::errc{} && end == value.data() + value.size() && parsed >= least && parsed <= most)
            into = parsed;
        else
            lose(flag, value, fmt::format("{} is from {} to {}", ours, least, most),
                 fmt::format("{} is {} here", ours, into));
    }

    void file(fs::path& into, std::string_view flag, std::string_view value) {
        if (is_writable(value))
            into = (folder_ / value).lexically_normal();
        else
            lose(flag, value, "is a name that no configuration can hold", "rename the file");
    }

    void take(const Row& row, std::string_view flag, const std::string& value) {
        auto& local = *out_.model.local;
        switch (row.take) {
            case Take::passed: return pass(row, flag, value);
            case Take::ours: return;
            case Take::context:
                out_.trained_context = value == "0";
                if (!out_.trained_context) number(local.context_length, flag, value, 1, 1 << 24, "context_length");
                return;
            case Take::parallel:
                if (value != "-1") number(local.parallel, flag, value, 1, 256, "parallel");
                return;
            case Take::batch: number(logical_, flag, value, 1, 1 << 24, "batch"); return;
            case Take::micro_batch: number(local.batch, flag, value, 32, 8192, "batch"); return;
            case Take::threads:
                if (value != "-1") number(local.threads, flag, value, 0, 1024, "threads");
                return;
            case Take::prompt_cache: {
                int mebibytes = 0;
                number(mebibytes, flag, value, 0, 1 << 24, "prompt_cache in MiB");
                local.prompt_cache = MiB(mebibytes);
                return;
            }
            case Take::cache_k: cache_type(local.kv_cache_type, flag, value); return;
            case Take::cache_v: cache_type(cache_v_, flag, value); return;
            case Take::path: file(local.path, flag, value); return;
            case Take::mmproj: file(local.mmproj.emplace(), flag, value); return;
            case Take::embedding:
                if (out_.model.kind == config::ModelKind::chat) out_.model.kind = config::ModelKind::embedding;
                return;
            case Take::rerank: out_.model.kind = config::ModelKind::rerank; return;
            case Take::copied: local.load_mode = "copy"; return;
            case Take::gpu:
                if (value != "0") lose(flag, value, "sarai plans and computes in RAM", "without a GPU nothing changes");
                return;
            case Take::fetched:
                lose(flag, value, "a worker downloads nothing",
                     "download the file and name it in path, or let sarai pull it: POST /api/pull");
                return;
        }
    }

    void pass(const Row& row, std::string_view flag, const std::string& value) {
        if (!is_writable(value)) return lose(flag, value, "holds what no configuration can", "put it into a file");
        auto& args = out_.model.local->extra_args;
        if (row.has_value && value.empty()) {
            if (flag != "-fa" && flag != "--flash-attn") return lose(flag, "", "has no value");
            args.insert(args.end(), {std::string(flag), "on"});  // as it was once written
            return;
        }
        args.emplace_back(flag);
        if (row.has_value) args.push_back(value);
        if (flag == "--pooling" && value == "rank") out_.model.kind = config::ModelKind::rerank;
    }

    void cache_type(std::string& into, std::string_view flag, const std::string& value) {
        if (std::ranges::contains(std::array<std::string_view, 4>{"f16", "bf16", "q8_0", "q4_0"}, value))
            into = value;
        else
            lose(flag, value, "kv_cache_type is f16, bf16, q8_0 or q4_0", fmt::format("it is {} here", into));
    }

    void finish() {
        auto& local = *out_.model.local;
        if (cache_v_ != local.kv_cache_type)
            lose("--cache-type-v", cache_v_, "both halves of the KV cache have one type here",
                 fmt::format("kv_cache_type is {} here", local.kv_cache_type));
        if (local.mmproj && local.mmproj->empty()) local.mmproj.reset();
        // Where it is smaller than the physical one the engine takes it for both.
        if (logical_ > 0 && logical_ < local.batch) local.batch = std::max(32, logical_);
    }

    const fs::path& folder_;
    std::string_view key_;
    WorkerCommand out_;
    int logical_ = 0;  // 0: not given
    std::string cache_v_ = "f16";
};

}  // namespace

std::string without_comments(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const auto line = text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);  // with its end
        const auto first = line.find_first_not_of(" \t");
        if (first == std::string_view::npos || line[first] != '#') out += line;
        text.remove_prefix(line.size());
    }
    return out;
}

std::vector<std::string> split_command(std::string_view text) {
    std::vector<std::string> words;
    std::string word;
    bool begun = false;  // also of an empty word in quotes
    char quote = '\0';
    const auto plain = without_comments(text);
    for (std::size_t i = 0; i < plain.size(); ++i) {
        const char c = plain[i];
        const bool escaped = c == '\\' && quote != '\'' && i + 1 < plain.size();
        if (escaped) {
            const char next = plain[++i];
            if (next == '\n') continue;  // the command goes on
            if (quote == '"' && next != '"' && next != '\\') word += c;
            word += next;
            begun = true;
        } else if (quote != '\0') {
            if (c == quote)
                quote = '\0';
            else
                word += c;
        } else if (c == '"' || c == '\'') {
            quote = c;
            begun = true;
        } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            if (begun) words.push_back(std::exchange(word, {}));
            begun = false;
        } else {
            word += c;
            begun = true;
        }
    }
    if (begun) words.push_back(std::move(word));
    return words;
}

bool is_llama_server(std::string_view program) {
    const auto slash = program.find_last_of("/\\");
    return program.substr(slash == std::string_view::npos ? 0 : slash + 1).starts_with("llama-server");
}

WorkerCommand read_worker_command(const std::vector<std::string>& words, const fs::path& folder, std::string_view key) {
    return CommandReader(folder, key).run(words);
}

}  // namespace sarai::imports
