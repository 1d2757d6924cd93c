// FUZZ_TARGET(name) { … }: gets an input as `data` and `size`, and returns 0. For libFuzzer every target is a program
// of its own. Elsewhere one program has them all and replays inputs (replay.cpp), for most of what a program costs is
// to link it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sarai::fuzz {

class Target {
public:
    using Run = int (*)(const std::uint8_t* data, std::size_t size);

    Target(const char* name, Run function) : name_(name), run_(function), next_(first) { first = this; }

    // Null where there is no such target.
    static const Target* find(std::string_view name) {
        const auto* target = first;
        while (target != nullptr && target->name_ != name) target = target->next_;
        return target;
    }
    void run(const std::uint8_t* data, std::size_t size) const { (void)run_(data, size); }

private:
    // Targets exist from before main() to the end; a list of themselves needs no order of their construction.
    static inline const Target* first = nullptr;

    std::string_view name_;
    Run run_;
    const Target* next_;
};

}  // namespace sarai::fuzz

#ifdef SARAI_LIBFUZZER
#define FUZZ_TARGET(name) extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
#else
#define FUZZ_TARGET(name)                                                 \
    static int fuzz_##name(const std::uint8_t* data, std::size_t size);   \
    static const ::sarai::fuzz::Target target_##name{#name, fuzz_##name}; \
    static int fuzz_##name(const std::uint8_t* data, std::size_t size)
#endif
