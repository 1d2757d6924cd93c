#include "protocols/ollama_library.hpp"

#include <gtest/gtest.h>

#include "protocols/ollama_server.hpp"
#include "recordings.hpp"

namespace sarai::protocols::ollama::ollama_library_test {
namespace {

using protocols::test::object;
using protocols::test::recorded;

std::string error_of(std::string_view body) {
    const auto decoded = decode_create(body);
    return decoded ? "none" : decoded.error().message;
}

}  // namespace

TEST(OllamaLibrary, ReadsWhatClientsWereRecordedToSend) {
    const auto create = decode_create(recorded("04-create-solar-stream").request_body);
    ASSERT_TRUE(create.has_value()) << create.error().message;
    EXPECT_EQ(create->model, "tiny-solar");
    ASSERT_EQ(create->files.size(), 1U);
    EXPECT_EQ(create->files[0].first, "tiny-solar.gguf");
    EXPECT_EQ(create->files[0].second, "sha256:5f7db0967166b4389ddecbca363cba4e6e31f50e1ee5949faaa97fbf6643a26f");
    EXPECT_EQ(create->recipe.parameters, object(R"({"num_predict":24})"));
    EXPECT_TRUE(create->stream);
    EXPECT_FALSE(decode_create(recorded("05-create-solar-nostream").request_body)->stream);

    const auto copy = decode_copy(recorded("143-copy").request_body);
    EXPECT_EQ(copy->source, "tiny-solar");
    EXPECT_EQ(copy->destination, "tiny-copy");
    EXPECT_EQ(decode_delete(recorded("142-delete").request_body).value(), "tiny-solar2");
    EXPECT_EQ(decode_delete(R"({"name":"old"})").value(), "old") << "of older clients";
    const auto pull = decode_pull(R"({"name":"hf.co/a/b","insecure":true,"stream":false})");
    EXPECT_EQ(pull->model, "hf.co/a/b");
    EXPECT_TRUE(pull->insecure);
    EXPECT_FALSE(pull->stream);
    EXPECT_TRUE(decode_pull(R"({"model":"m"})")->stream);
}

TEST(OllamaLibrary, ARecipeIsReadWhole) {
    const auto create = decode_create(R"({"model":"m","from":"base","template":"{{ .Prompt }}","system":"Be short.",
        "license":["MIT","BSD"],"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],
        "parameters":{"temperature":0.7,"stop":"</s>","seed":null,"numa":true,"mirostat":1},"unknown":1})");
    ASSERT_TRUE(create.has_value()) << create.error().message;
    EXPECT_EQ(create->from, "base");
    EXPECT_EQ(create->recipe.chat_template, "{{ .Prompt }}");
    EXPECT_EQ(create->recipe.system, "Be short.");
    EXPECT_EQ(create->recipe.licenses, (std::vector<std::string>{"MIT", "BSD"}));
    EXPECT_EQ(create->recipe.messages, (std::vector<RecipeMessage>{{"user", "a"}, {"assistant", "b"}}));
    EXPECT_EQ(create->recipe.parameters, object(R"({"temperature":0.7,"stop":["</s>"],"numa":true})"));
    EXPECT_EQ(decode_create(R"({"name":"m","modelfile":"FROM x","license":"MIT"})")->modelfile, "FROM x");
}

TEST(OllamaLibrary, RefusesInOllamasWords) {
    const auto nothing = recorded("67-err-create-nothing");
    const auto refused = decode_create(nothing.request_body);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(encode_error(refused.error()), object(nothing.body));
    EXPECT_EQ(http_status(refused.error().code), static_cast<int>(nothing.status));
    // Beside the words what a program asks for: Ollama's clients pass over it.
    EXPECT_EQ(encode_error({.code = Code::no_memory, .message = "too big"}),
              object(R"({"error":"too big","code":"insufficient_memory"})"));

    EXPECT_EQ(error_of(R"({"model":"m","from":"b","parameters":{"n_predict":5}})"),
              "\"n_predict\" is no parameter that is known here");
    EXPECT_EQ(error_of(R"({"model":"m","from":"b","parameters":{"num_ctx":1e30}})"),
              "option \"num_ctx\" must be of type integer from 1 to 16777216");
    EXPECT_EQ(error_of(""), "missing request body");
    EXPECT_EQ(error_of("{\"model\":"), "unexpected EOF");
    EXPECT_EQ(error_of("[]"), "json: cannot unmarshal array into Go value of type api.CreateRequest");
    EXPECT_EQ(error_of(R"({"model":5})"),
              "json: cannot unmarshal number into Go struct field CreateRequest.model of type string");
    EXPECT_EQ(error_of(R"({"model":"m","files":{"a":1}})"),
              "json: cannot unmarshal number into Go struct field CreateRequest.files of type string");
    EXPECT_EQ(error_of(R"({"model":"m","files":[]})"),
              "json: cannot unmarshal array into Go struct field CreateRequest.files of type map[string]string");
    EXPECT_EQ(error_of(R"({"model":"m","from":"b","parameters":{"num_ctx":"x"}})"),
              "option \"num_ctx\" must be of type integer");
    EXPECT_EQ(error_of(R"({"model":"m","from":"b","parameters":{"stop":[1]}})"),
              "option \"stop\" must be of type array of strings");
    EXPECT_EQ(error_of(R"({"model":"m","from":"b","license":{}})"),
              "json: cannot unmarshal object into Go struct field CreateRequest.license of type []string");
    EXPECT_EQ(error_of(R"({"model":"m","from":"b","messages":[{"role":"robot"}]})"),
              "message role must be one of \"system\", \"user\", or \"assistant\", not \"robot\"");
    EXPECT_EQ(error_of(R"({"model":"m","from":"b","messages":["x"]})"),
              "json: cannot unmarshal string into Go struct field CreateRequest.messages of type api.Message");
    EXPECT_EQ(decode_copy(R"({"source":1})").error().message,
              "json: cannot unmarshal number into Go struct field CopyRequest.source of type string");
    EXPECT_EQ(decode_delete("").error().message, "missing request body");
    EXPECT_EQ(decode_pull(R"({"model":"m","stream":"no"})").error().message,
              "json: cannot unmarshal string into Go struct field PullRequest.stream of type bool");
}

TEST(OllamaLibrary, RefusesWhatWouldMakeOtherWeights) {
    for (const auto* body :
         {R"({"model":"m","from":"b","quantize":"q4_K_M"})", R"({"model":"m","from":"b","quantization":"q4_K_M"})",
          R"({"model":"m","from":"b","adapters":{"a":"sha256:1"}})",
          R"({"model":"m","from":"b","messages":[{"role":"user","content":"a","images":["aGk="]}]})"}) {
        const auto decoded = decode_create(body);
        ASSERT_FALSE(decoded.has_value()) << body;
        EXPECT_EQ(decoded.error().code, Code::unsupported) << body;
    }
    EXPECT_TRUE(decode_create(R"({"model":"m","from":"b","quantize":"","adapters":{}})").has_value());
}

TEST(OllamaLibrary, StatusLinesAreThoseOfTheRecordings) {
    const auto lines = recorded("04-create-solar-stream").lines();
    const std::vector<std::string> said{
        std::string(status::parsing),
        std::string(status::verifying_conversion),
        status::new_layer("sha256:9516e2c210e08779ef9ba4156fe7a46d54e44391ff1ccc4a03d1ac58e1158c2e"),
        status::new_layer("sha256:1c2a7b64a884a72fd50a3b1a7adc752be1711f293a0b9dba187b6bdfe9ebd184"),
        std::string(status::writing_manifest),
        std::string(status::success)};
    ASSERT_EQ(lines.size(), said.size());
    for (std::size_t i = 0; i < lines.size(); ++i)
        EXPECT_EQ(object(lines[i]), encode_progress({.status = said[i]})) << lines[i];

    const std::string digest = "sha256:5f7db0967166b4389ddecbca363cba4e6e31f50e1ee5949faaa97fbf6643a26f";
    EXPECT_EQ(encode_progress({.status = status::pulling(digest), .digest = digest, .total = Bytes{100}}),
              object(R"({"status":"pulling 5f7db0967166","digest":")" + digest + R"(","total":100})"));
    EXPECT_EQ(encode_progress({.status = "x", .total = Bytes{100}, .completed = Bytes{7}}),
              object(R"({"status":"x","total":100,"completed":7})"));
}

}  // namespace sarai::protocols::ollama::ollama_library_test
