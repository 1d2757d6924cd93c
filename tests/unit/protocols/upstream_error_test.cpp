#include "protocols/upstream_error.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recordings.hpp"

namespace sarai::protocols::upstream_error_test {
namespace {

using testing::HasSubstr;

struct Golden {
    std::string recording;
    Code code;
    std::string message;
};

}  // namespace

TEST(UpstreamError, HasTheKindAndTheWordsOfTheRecordedReply) {
    const std::vector<Golden> all{
        {"40-err-generate-notfound", Code::not_found, "model 'nope' not found"},
        {"41-err-generate-notfound-stream", Code::not_found, "model 'nope:7b' not found"},
        {"42-err-chat-notfound", Code::not_found, "model 'nope' not found"},
        {"43-err-v1-notfound", Code::not_found, "model 'nope' not found"},
        {"44-err-show-notfound", Code::not_found, "model 'nope:latest' not found"},
        {"45-err-embed-notfound", Code::not_found, R"(model "nope" not found, try pulling it first)"},
        {"48-err-badjson", Code::invalid_argument, "unexpected EOF"},
        {"49-err-emptybody", Code::invalid_argument, "missing request body"},
        {"50-err-nomodel", Code::not_found, "model '' not found"},
        {"51-err-badtype", Code::invalid_argument,
         "json: cannot unmarshal number into Go struct field GenerateRequest.prompt of type string"},
        {"52-err-badoption", Code::invalid_argument, R"(option "num_predict" must be of type integer)"},
        {"55-err-unknown-path", Code::not_found,
         "nothing found when asked for the model 'm' (404: 404 page not found)"},
        {"56-err-method", Code::invalid_argument, "405 method not allowed"},
        {"57-err-generate-on-embed", Code::invalid_argument, R"("tiny-embed" does not support generate)"},
        {"58-embed-on-generative", Code::unsupported,
         "This server does not support embeddings. Start it with `--embeddings`"},
        {"59-err-chat-nomodel", Code::invalid_argument, "model is required"},
        {"60-err-think", Code::invalid_argument, R"("tiny-solar" does not support thinking)"},
        {"61-err-tools", Code::invalid_argument, "registry.ollama.ai/library/tiny-solar:latest does not support tools"},
        {"62-err-image", Code::unsupported,
         "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"},
        {"64-err-v1-badjson", Code::invalid_argument, "unexpected EOF"},
        {"65-err-v1-nomessages", Code::invalid_argument, "[] is too short - 'messages'"},
        {"66-err-badname", Code::invalid_argument, "invalid model name"},
        {"67-err-create-nothing", Code::invalid_argument, "neither 'from' or 'files' was specified"},
        {"90-err-keepalive-bad", Code::invalid_argument, R"(time: invalid duration "abc")"},
        {"91-keepalive-str-nounit", Code::invalid_argument, R"(time: missing unit in duration "10")"},
        {"98-chat-too-long", Code::too_long, "request (3025 tokens) exceeds the available context size (256 tokens)"},
        {"123-runnerkill-nonstream", Code::upstream,
         "an error was encountered while running the model: unexpected EOF"},
        {"131-v1-model-notfound", Code::not_found, "model 'nope:latest' not found"},
        {"135-suffix", Code::invalid_argument, "registry.ollama.ai/library/tiny-solar:latest does not support insert"},
        {"144-v1-error-think", Code::invalid_argument,
         "registry.ollama.ai/library/tiny-solar:latest does not support tools"},
        {"152-run-junk", Code::not_found, "model 'bad-junk' not found"},
        {"152-run-trunc", Code::not_found, "model 'bad-trunc' not found"},
        {"154-load-fail", Code::upstream,
         R"(tensor "blk.0.ffn_gate.weight" offset+size (644736) exceeds file size (600000))"},
        {"155-load-fail-chat", Code::upstream,
         R"(tensor "blk.0.ffn_gate.weight" offset+size (644736) exceeds file size (600000))"},
        {"156-load-fail-v1", Code::upstream,
         R"(tensor "blk.0.ffn_gate.weight" offset+size (644736) exceeds file size (600000))"},
        {"157-blob-gone", Code::not_found, R"(model "tiny-solar" not found, try pulling it first)"},
    };
    std::vector<std::string> covered;
    for (const auto& [name, code, message] : all) {
        const auto exchange = test::recorded(name);
        const auto error = error_of({.status = exchange.status, .body = exchange.body, .model = "m"});
        EXPECT_EQ(error.code, code) << name;
        EXPECT_EQ(error.message, message) << name;
        covered.push_back(name);
    }
    // No upstream is asked by us to take a file, or to make, copy or delete a model.
    const auto is_asked = [](const std::string& path) {
        return path.starts_with("/v1/") || (path.starts_with("/api/") && !path.starts_with("/api/blobs/") &&
                                            path != "/api/create" && path != "/api/copy" && path != "/api/delete");
    };
    for (const auto& exchange : test::all_recorded())
        if (exchange.status >= 400 && is_asked(exchange.path)) {
            EXPECT_THAT(covered, testing::Contains(exchange.name));
        }
}

TEST(UpstreamError, FollowsTheStatusWhereTheBodyDiffers) {
    const auto code = [](unsigned status, std::string_view body) {
        return error_of({.status = status, .body = body}).code;
    };
    EXPECT_EQ(code(401, R"({"error":{"message":"bad key"}})"), Code::denied_upstream);
    EXPECT_EQ(code(403, ""), Code::denied_upstream);
    EXPECT_EQ(code(408, ""), Code::timeout);
    EXPECT_EQ(code(413, ""), Code::too_large);
    EXPECT_EQ(code(422, R"({"detail":[{"loc":["body"],"msg":"field required"}]})"), Code::invalid_argument);
    EXPECT_EQ(code(500, "Internal Server Error"), Code::upstream);
    EXPECT_EQ(code(502, "<html><body>Bad Gateway"), Code::unavailable);
    EXPECT_EQ(
        code(
            500,
            R"({"error":{"message":"input (10002 tokens) is too large to process. increase the physical batch size"}})"),
        Code::too_long);
    EXPECT_EQ(code(500, R"({"error":{"message":"Failed to load image or audio file"}})"), Code::invalid_argument);
    EXPECT_EQ(code(400, R"({"error":{"message":"This model's maximum context length is 8192 tokens."}})"),
              Code::too_long);
    EXPECT_EQ(code(400, "'max_tokens' is too large: 9000. This model's maximum context length is 4096 tokens"),
              Code::invalid_argument);
    EXPECT_EQ(code(400, R"({"error":"the input length exceeds the context length"})"), Code::too_long);
    EXPECT_EQ(code(503, "exceeds the context length"), Code::busy);
    EXPECT_EQ(code(504, ""), Code::timeout);
    EXPECT_EQ(code(301, ""), Code::upstream);
    EXPECT_EQ(code(503, R"({"error":"server busy, please try again.  maximum pending requests exceeded"})"),
              Code::busy);
    EXPECT_EQ(code(503, R"({"error":{"code":503,"message":"Loading model","type":"unavailable_error"}})"),
              Code::loading);
}

TEST(UpstreamError, FindsTheMessageInEveryUsualShape) {
    const auto message = [](std::string_view body) { return error_of({.status = 400, .body = body}).message; };
    EXPECT_EQ(message(R"({"error":{"message":"a"}})"), "a");
    EXPECT_EQ(message(R"({"error":"b"})"), "b");
    EXPECT_EQ(message(R"({"detail":"c"})"), "c");
    EXPECT_EQ(message(R"({"detail":{"message":"d"}})"), "d");
    EXPECT_EQ(message("plain text\n"), "plain text");
    EXPECT_EQ(message("<!doctype html><html>"), "400 with an HTML page instead of an error message");
    EXPECT_EQ(message(""), "the server answered 400 without a message");
    EXPECT_EQ(message(R"({"what":1})"), R"({"what":1})");
    EXPECT_EQ(message(R"({"error":{"message":{"error":{"message":"deep"}}}})"), "deep");
}

TEST(UpstreamError, LeavesOutAdviceThatNoClientCanFollow) {
    const auto message = [](std::string_view text) {
        return error_of({.status = 400, .body = fmt::format(R"({{"error":{{"message":"{}"}}}})", text)}).message;
    };
    EXPECT_EQ(message("input (30002 tokens) is too large to process. increase the physical batch size (current batch "
                      "size: 2048)"),
              "input (30002 tokens) is too large to process: it may have 2048 tokens");
    EXPECT_EQ(message("request (541 tokens) exceeds the available context size (512 tokens), try increasing it"),
              "request (541 tokens) exceeds the available context size (512 tokens)");
}

TEST(UpstreamError, TellsHowLongToWait) {
    const auto error = error_of({.status = 429, .body = R"({"error":"slow down"})", .retry_after = "7"});
    EXPECT_EQ(error.code, Code::rate_limited);
    EXPECT_EQ(error.retry_after, std::chrono::seconds(7));
    EXPECT_THAT(error.hint, HasSubstr("7 s"));
    EXPECT_EQ(error_of({.status = 429, .body = "", .retry_after = "Wed, 21 Oct 2026 07:28:00 GMT"}).retry_after.count(),
              0);
}

TEST(UpstreamError, CutsAQuoteBetweenCodePoints) {
    std::string text;
    for (int i = 0; i < 100; ++i) text += "ñ";
    const auto message = error_of({.status = 400, .body = "x" + text}).message;
    EXPECT_THAT(message, testing::EndsWith("ñ… (201 bytes)"));
}

TEST(UpstreamError, QuotesWhatIsNotUtf8AsSuch) {
    EXPECT_EQ(error_of({.status = 400, .body = "a\xff\xc3z"}).message, "a\xef\xbf\xbd\xef\xbf\xbdz");
}

}  // namespace sarai::protocols::upstream_error_test
