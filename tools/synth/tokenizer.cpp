#include "tokenizer.hpp"

#include <algorithm>
#include <cstdint>
#include <format>
#include <string_view>
#include <unordered_set>

#include "llama.h"
#include "noise.hpp"

namespace synth {
namespace {

constexpr std::string_view tools_template =
    "{% if tools %}{{ '<|im_start|>system\\n# Tools\\n\\n<tools>' }}{% for tool in tools %}{{ '\\n' }}{{ tool | tojson "
    "}}"
    "{% endfor %}{{ '\\n</tools>\\n\\nFor each call answer with a JSON object within <tool_call></tool_call>:\\n"
    "<tool_call>\\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\\n</tool_call><|im_end|>\\n' }}{% "
    "endif %}";
constexpr std::string_view chat_template =
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

constexpr std::string_view spm_space = "\u2581";

struct Tokens {
    std::vector<std::string> text;
    std::vector<std::int32_t> type;
    std::vector<float> score;
    std::vector<float> strength;

    void add(std::string token, llama_token_type kind, float how_strong) {
        score.push_back(kind == LLAMA_TOKEN_TYPE_NORMAL ? -static_cast<float>(text.size()) : 0);
        text.push_back(std::move(token));
        type.push_back(kind);
        strength.push_back(how_strong);
    }
};

constexpr float weak = 0.05F, rare = 0.35F, usual = 1, spaces = 1.2F;

// Strength of plain text: letters are likely, other printable ASCII rare, all the rest as good as never chosen.
float strength_of(std::string_view plain) {
    float strength = plain == " " ? spaces : usual;
    for (const unsigned char c : plain) {
        if (c < 0x20 || c > 0x7e) return weak;
        if (c != ' ' && (c < 'a' || c > 'z')) strength = rare;
    }
    return strength;
}

void append_utf8(std::string& out, unsigned code) {
    if (code < 0x80) {
        out += static_cast<char>(code);
    } else {
        out += static_cast<char>(0xc0 | (code >> 6));
        out += static_cast<char>(0x80 | (code & 0x3f));
    }
}

// GPT-2's printable stand-in for a byte: itself where Latin-1 prints it, else the next code point from U+0100.
std::string gpt2_byte(unsigned byte) {
    const auto prints = [](unsigned b) { return (b > 0x20 && b < 0x7f) || (b > 0xa0 && b != 0xad); };
    unsigned code = byte;
    if (!prints(byte)) {
        code = 0x100;
        for (unsigned b = 0; b < byte; ++b) code += prints(b) ? 0 : 1;
    }
    std::string out;
    append_utf8(out, code);
    return out;
}

// Grows the vocabulary to `size` by pairing tokens made before; every pair can be reached by merging.
std::vector<std::string> grow(Tokens& tokens, std::vector<std::pair<std::string, std::string>> pieces, std::size_t size,
                              std::uint64_t seed) {
    std::vector<std::string> merges;
    std::unordered_set<std::string> seen(tokens.text.begin(), tokens.text.end());
    Random random(seed ^ 0x746f6b656eULL);
    // Frequent English pairs first, so that even a small vocabulary merges ordinary text.
    constexpr std::string_view frequent = "theheinanerrerandontiesstenatedorasarteiset";
    std::size_t at = 0;
    const auto find = [&](char letter) {
        return std::ranges::find(pieces, std::string(1, letter), &std::pair<std::string, std::string>::second);
    };
    while (tokens.text.size() < size) {
        // Only early, short pieces pair: among all of them most pairs would be too long.
        auto left =
            pieces.begin() + static_cast<std::ptrdiff_t>(random.below(std::min<std::size_t>(pieces.size(), 16384)));
        auto right =
            pieces.begin() + static_cast<std::ptrdiff_t>(random.below(std::min<std::size_t>(pieces.size(), 512)));
        if (at + 1 < frequent.size()) {
            left = find(frequent[at]);
            right = find(frequent[at + 1]);
            ++at;
        }
        // A space may only lead, as pre-tokenizers split words.
        if (left->second.size() + right->second.size() > 12 || right->second.starts_with(' ')) continue;
        auto text = left->first + right->first;
        auto plain = left->second + right->second;
        if (!seen.insert(text).second) continue;
        merges.push_back(left->first + " " + right->first);
        tokens.add(text, LLAMA_TOKEN_TYPE_NORMAL, strength_of(plain));
        pieces.emplace_back(std::move(text), std::move(plain));
    }
    return merges;
}

void set_strings(gguf_context* gguf, const char* key, const std::vector<std::string>& values) {
    std::vector<const char*> pointers;
    pointers.reserve(values.size());
    for (const auto& value : values) pointers.push_back(value.c_str());
    gguf_set_arr_str(gguf, key, pointers.data(), pointers.size());
}

}  // namespace

std::int64_t add_tokenizer(Model& model, const Vocabulary& vocabulary) {
    const bool spm = vocabulary.family == Family::spm;
    Tokens tokens;
    std::vector<std::string> controls = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
    controls.insert(controls.end(), vocabulary.controls.begin(), vocabulary.controls.end());
    if (spm) {
        tokens.add("<unk>", LLAMA_TOKEN_TYPE_UNKNOWN, weak);
        tokens.add("<s>", LLAMA_TOKEN_TYPE_CONTROL, weak);
        tokens.add("</s>", LLAMA_TOKEN_TYPE_CONTROL, weak);
    }
    const auto first_control = static_cast<std::uint32_t>(tokens.text.size());
    for (const auto& control : controls) tokens.add(control, LLAMA_TOKEN_TYPE_CONTROL, weak);

    std::vector<std::pair<std::string, std::string>> pieces;  // as stored, as read
    if (spm) {
        for (unsigned byte = 0; byte < 256; ++byte) {
            tokens.add(std::format("<0x{:02X}>", byte), LLAMA_TOKEN_TYPE_BYTE, weak);
        }
        pieces.emplace_back(spm_space, " ");
        for (char c = 0x21; c < 0x7f; ++c) pieces.emplace_back(std::string(1, c), std::string(1, c));
    } else {
        for (unsigned byte = 0; byte < 256; ++byte) {
            pieces.emplace_back(gpt2_byte(byte), std::string(1, static_cast<char>(byte)));
        }
    }
    for (const auto& [text, plain] : pieces) tokens.add(text, LLAMA_TOKEN_TYPE_NORMAL, strength_of(plain));

    std::vector<std::string> merges;
    if (model.request().tokenizer == TokenizerKind::merging) {
        std::erase_if(pieces, [](const auto& piece) {  // words are made of letters, with a space in front
            return piece.second != " " && (piece.second[0] < 'a' || piece.second[0] > 'z');
        });
        merges = grow(tokens, std::move(pieces), vocabulary.size, model.request().seed);
    }

    auto* gguf = model.metadata();
    model.set_key("tokenizer.ggml.model", std::string(spm ? "llama" : "gpt2"));
    model.set_key("tokenizer.ggml.pre", spm ? "default" : vocabulary.pre);
    set_strings(gguf, "tokenizer.ggml.tokens", tokens.text);
    gguf_set_arr_data(gguf, "tokenizer.ggml.token_type", GGUF_TYPE_INT32, tokens.type.data(), tokens.type.size());
    if (spm) {
        gguf_set_arr_data(gguf, "tokenizer.ggml.scores", GGUF_TYPE_FLOAT32, tokens.score.data(), tokens.score.size());
        model.set_key("tokenizer.ggml.unknown_token_id", std::uint32_t{0});
        model.set_key("tokenizer.ggml.add_space_prefix", false);
    } else {
        set_strings(gguf, "tokenizer.ggml.merges", merges);
    }
    model.set_key("tokenizer.ggml.bos_token_id", spm ? 1U : first_control);
    model.set_key("tokenizer.ggml.eos_token_id", vocabulary.chat ? first_control + 2 : spm ? 2U : first_control);
    model.set_key("tokenizer.ggml.padding_token_id", first_control);
    model.set_key("tokenizer.ggml.add_bos_token", vocabulary.adds_bos);
    model.set_key("tokenizer.ggml.add_eos_token", vocabulary.adds_eos);
    if (vocabulary.chat) {
        model.set_key("tokenizer.chat_template",
                      std::string(vocabulary.tools ? tools_template : "") + std::string(chat_template));
        model.token_strength = std::move(tokens.strength);
    }
    return static_cast<std::int64_t>(tokens.text.size());
}

}  // namespace synth
