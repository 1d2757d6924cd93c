// Every key of the configuration, as a table: its place, type, default, limits and meaning.
//
// The table is all there is to a key: reading, unknown keys, environment overrides and the reference documentation are
// derived from it, so a new setting is a new row. Rules between keys ("fallback needs path") are in assemble.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sarai::config {

struct Draft;
struct Value;

enum class Type : std::uint8_t {
    section,       // keys and values
    named,         // any name → a section; the row "<path>.*" describes it
    section_list,  // a list of sections; the row "<path>[]" describes them
    boolean,
    integer,
    number,    // with a fraction
    size,      // "12GiB"; a bare number is bytes
    size_gib,  // "12GiB"; a bare number is GiB
    duration,  // "2s"; a bare number is seconds
    text,
    prose,   // text that may have several lines, or be empty
    secret,  // text that is never printed
    choice,
    file,     // a path, relative to the configuration's folder
    program,  // a path, or a name without "/" to be looked up on PATH
    listen,   // "127.0.0.1:11435"
    url,
    text_list,
};

// In which models a key means something: in all, in those with a file here, in those whose file is a GGUF, in those
// that hear, in those on servers. A setting that would be ignored is reported instead.
enum class Scope : std::uint8_t { any, local, gguf, whisper, remote };

struct Key {
    std::string_view path;  // "models.*.endpoints[].url"
    Type type = Type::section;
    std::string_view fallback;  // the default, as it would be written; empty: none
    std::string_view description;
    void (*apply)(Draft&,
                  const Value&) = nullptr;  // puts a checked value in its place; null for sections and lists of them
    double min = 0;                         // integer and number: itself; sizes: bytes; durations: seconds
    double max = 0;                         // 0 with min 0: no limits
    std::string_view choices = {};          // "a|b"
    Scope scope = Scope::any;
    std::string_view alias = {};  // a second environment variable, weaker than the one made of the path
};

[[nodiscard]] std::span<const Key> keys();
// By its pattern, or null.
[[nodiscard]] const Key* find_key(std::string_view pattern);
// The last parts of the keys directly inside of `pattern` ("" is the top).
[[nodiscard]] std::vector<std::string_view> keys_inside(std::string_view pattern);

// The environment variables that override a key, strongest first: SARAI_<SECTION>_<KEY> for scalars of
// all sections but models, pipelines and estimates.
[[nodiscard]] std::vector<std::string> environment_of(const Key& key);
// "a whole number from 1 to 64".
[[nodiscard]] std::string expected_of(const Key& key);

}  // namespace sarai::config
