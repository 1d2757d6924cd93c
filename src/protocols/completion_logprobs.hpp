// Log-probabilities of completions in OpenAI's older form ({"tokens", "token_logprobs", "top_logprobs",
// "text_offset"}), made of the newer one ({"content": [{"token", "logprob", "top_logprobs"}]}), which llama-server
// gives for both. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <map>

namespace sarai::protocols {

class CompletionLogprobs {
public:
    // Changes the choices of a reply or of a stream's next chunk; what has the older form already stays as it is.
    // Offsets count characters (code points) of the choice's text, through all of its chunks.
    void convert(boost::json::object& reply);

private:
    std::map<std::int64_t, std::size_t> offsets_;  // by index of the choice
};

}  // namespace sarai::protocols
