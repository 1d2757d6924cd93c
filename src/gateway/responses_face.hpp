// Answers as OpenAI's Responses API gives them: response objects and their events.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "gateway/face.hpp"
#include "gateway/response_store.hpp"
#include "protocols/responses.hpp"

namespace sarai::gateway {

// The identity of a response that is asked for now. Who knows an id may read what is kept under it, so nobody can guess
// one.
[[nodiscard]] protocols::responses::Birth response_born();

// Under what a response is kept: each key has its own, and sees no other's.
[[nodiscard]] std::string owned(std::string_view owner, std::string_view id);

// Where to look for the response that a request goes on with; the store outlives it.
[[nodiscard]] protocols::responses::Find find_in(ResponseStore& store, std::string owner = {});

// Puts the answer, once it is whole, into the store if its request wants that; the store outlives the face.
[[nodiscard]] std::unique_ptr<Face> make_responses_face(protocols::responses::Context context, ResponseStore& store,
                                                        std::string owner = {});

}  // namespace sarai::gateway
