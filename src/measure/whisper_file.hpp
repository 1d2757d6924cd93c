// A file of whisper.cpp (ggml-base.bin), checked before the engine sees it: a value, the file is closed again.
//
// The engine's loader checks nothing that it reads: it takes a file that ends in the middle of a tensor, and one that
// has none at all. Here every tensor must lie within the file and be one of those that the hyper-parameters announce.
// The format has no description but models/convert-pt-to-ggml.py and whisper_model_load() of whisper.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "ggml.h"

namespace sarai::measure {

struct WhisperTensor {
    std::string name;
    ggml_type type = GGML_TYPE_F32;
    std::vector<std::int64_t> shape;  // the fastest first
    std::uint64_t begin = 0;          // of its values, in bytes from the start of the file
    std::uint64_t size = 0;           // of them, in bytes
};

struct WhisperFile {
    // In the file's order.
    std::int32_t vocabulary = 0, sound_context = 0, sound_width = 0, sound_heads = 0, sound_layers = 0;
    std::int32_t text_context = 0, text_width = 0, text_heads = 0, text_layers = 0, mels = 0, file_type = 0;
    std::vector<WhisperTensor> tensors;

    [[nodiscard]] bool multilingual() const { return vocabulary >= 51865; }  // else it knows English alone
    // As of memory::quantisation_name().
    [[nodiscard]] std::int64_t quantisation() const { return file_type % 1000; }
};

// Does it begin as such a file does?
[[nodiscard]] bool is_whisper_file(const std::filesystem::path& path);

// Errors: as of size_of_file(); corrupt_file for what is none, is damaged or truncated.
[[nodiscard]] Result<WhisperFile> read_whisper_file(const std::filesystem::path& path);

}  // namespace sarai::measure
