// What `sarai doctor` found, as people and scripts read it. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "cli/plan_view.hpp"

namespace sarai::cli {

enum class CheckState : std::uint8_t { ok, warn, fail };
[[nodiscard]] std::string_view name_of(CheckState state);

// One thing that was looked at.
struct Check {
    std::string group;  // "machine", "engine", …: checks of one follow each other
    std::string name;   // "swap", or that of a model, a server
    CheckState state = CheckState::ok;
    std::string text;         // what was found, a sentence
    std::string advice = {};  // what to do, or the line to write; empty: nothing
    std::string place = {};   // "FILE:LINE" that the advice is about; empty: none
};

// Grouped and aligned, with advice below the checks that have some, folded to the screen's width.
[[nodiscard]] std::string doctor_text(std::span<const Check> checks, const Screen& screen);

// {checks: [{group, name, state, text, advice, place}], ok}; what is empty is null.
[[nodiscard]] std::string doctor_json(std::span<const Check> checks);

// 0, or 1 where something fails; warnings do not count.
[[nodiscard]] int doctor_status(std::span<const Check> checks);

}  // namespace sarai::cli
