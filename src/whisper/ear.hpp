// whisper.cpp's model in this process, and what it hears. One piece at a time: its owner sees to that.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "protocols/hearing.hpp"
#include "whisper.h"

namespace sarai::whisper {

struct FreeContext {
    void operator()(whisper_context* context) const { whisper_free(context); }
};
using Context = std::unique_ptr<whisper_context, FreeContext>;

// On the CPU, whatever else there is: what is planned is RAM.
[[nodiscard]] whisper_context_params context_parameters();

// The engine explains failures only in its log: from now on `lines` gets it, and errors go to standard error as well.
void keep_log(std::vector<std::string>& lines);
// The last line that tells of an error; "it did not say why".
[[nodiscard]] std::string reason_in(const std::vector<std::string>& lines);

class Ear {
public:
    // Errors: as of measure::read_whisper_file(); corrupt_file with the engine's reason.
    [[nodiscard]] static Result<Ear> load(const std::filesystem::path& model, int threads);

    // Errors: invalid_argument. Also while it hears.
    [[nodiscard]] Result<void> knows(std::string_view language) const;

    // In a language that it knows. `heard` gets each segment as it comes; `given_up` is asked often, and true ends it.
    // Errors: cancelled, internal with the engine's reason.
    [[nodiscard]] Result<protocols::hearing::End> hear(
        const protocols::hearing::Wish& wish, const std::function<void(const protocols::hearing::Segment&)>& heard,
        const std::function<bool()>& given_up);

private:
    [[nodiscard]] bool multilingual() const { return whisper_is_multilingual(context_.get()) != 0; }
    Ear(Context context, int threads) : context_(std::move(context)), threads_(threads) {}

    Context context_;
    int threads_;
};

}  // namespace sarai::whisper
