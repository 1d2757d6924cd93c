#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "real_engine.hpp"

namespace sarai::test::synth_test {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

std::string write(const Folder& folder, const std::string& role, std::vector<std::string> more) {
    const auto file = folder / (role + ".gguf");
    std::vector<std::string> command = {synth(), role, "-o", file.string()};
    command.insert(command.end(), more.begin(), more.end());
    const auto ran = run(command);
    EXPECT_EQ(ran.status, 0) << ran.err;
    return contents(file);
}

json::value ask(const RealEngine& engine, const json::value& content, int tokens) {
    return engine.post("/v1/chat/completions",
                       {{"messages", json::array{json::object{{"role", "user"}, {"content", content}}}},
                        {"max_tokens", tokens},
                        {"temperature", 0}});
}

json::array tokens_of(const RealEngine& engine, const std::string& text) {
    return engine.post("/tokenize", {{"content", text}, {"add_special", false}}).at("tokens").as_array();
}

class TinyChatModel : public testing::TestWithParam<const char*> {
protected:
    fs::path file() { return tiny_models() / (std::string(GetParam()) + ".gguf"); }
};

TEST_P(TinyChatModel, AnswersAsLongAsItIsAllowedToInPrintableAscii) {
    const RealEngine engine(file());
    const auto reply = ask(engine, "Hello, how are you?", 64);
    EXPECT_EQ(reply.at("usage").at("completion_tokens"), 64);
    EXPECT_EQ(reply.at("choices").at(0).at("finish_reason"), "length");
    const auto text = std::string(reply.at("choices").at(0).at("message").at("content").as_string());
    EXPECT_GE(text.size(), 60U);
    EXPECT_TRUE(std::ranges::all_of(text, [](unsigned char c) { return c >= 0x20 && c < 0x7f; })) << text;
}

TEST_P(TinyChatModel, GivesTheSameAnswerTwice) {
    const RealEngine engine(file());
    const auto text = [&] {
        return ask(engine, "Once upon a time", 32).at("choices").at(0).at("message").at("content");
    };
    const auto first = text();
    EXPECT_EQ(first, text());
}

TEST_P(TinyChatModel, MapsTextAndTokensOneToOne) {
    const RealEngine engine(file());
    const std::string ascii = "The  quick\tbrown fox.\n jumps_over {\"the\": lazy} dog!";
    EXPECT_EQ(tokens_of(engine, ascii).size(), ascii.size());
    const std::string accents = "w\u00f6rld \u20ac";
    const auto tokens = tokens_of(engine, accents);
    EXPECT_EQ(tokens.size(), accents.size());
    EXPECT_EQ(engine.post("/detokenize", {{"tokens", tokens}}).at("content"), json::value(accents));
}

TEST_P(TinyChatModel, WritesRolesIntoThePrompt) {
    const RealEngine engine(file());
    const auto prompt = engine.post(
        "/apply-template",
        {{"messages", {{{"role", "system"}, {"content", "Be brief"}}, {{"role", "user"}, {"content", "Hi"}}}}});
    EXPECT_EQ(prompt.at("prompt"),
              "<|im_start|>system\nBe brief<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
}

INSTANTIATE_TEST_SUITE_P(Roles, TinyChatModel, testing::Values("solar", "lfm2", "omni"),
                         [](const auto& role) { return std::string(role.param); });

TEST(TinyEmbedding, GivesUnitVectorsThatTellTextsApart) {
    const RealEngine engine(tiny_models() / "embed.gguf", {"--embeddings"});
    const auto reply = engine.post("/v1/embeddings", {{"input", {"a cat on a mat", "0123456789", "a cat on a mat"}}});
    const auto& data = reply.at("data").as_array();
    ASSERT_EQ(data.size(), 3U);
    const auto dot = [&](std::size_t a, std::size_t b) {
        double sum = 0;
        const auto& left = data[a].at("embedding").as_array();
        for (std::size_t i = 0; i < left.size(); ++i) {
            sum += left[i].to_number<double>() * data[b].at("embedding").as_array()[i].to_number<double>();
        }
        return sum;
    };
    EXPECT_EQ(data[0].at("embedding").as_array().size(), 64U);
    EXPECT_NEAR(dot(0, 0), 1, 1e-3);
    EXPECT_NEAR(dot(0, 2), 1, 1e-3);
    EXPECT_LT(dot(0, 1), 0.99);
}

TEST(TinyReranker, ScoresPairsOfTexts) {
    const RealEngine engine(tiny_models() / "rerank.gguf", {"--rerank"});
    const auto reply = engine.post(
        "/v1/rerank", {{"query", "cats"}, {"documents", {"a cat on a mat", "0123456789", "a cat on a mat"}}});
    std::map<std::int64_t, double> scores;
    for (const auto& result : reply.at("results").as_array())
        scores[result.at("index").to_number<std::int64_t>()] = result.at("relevance_score").to_number<double>();
    ASSERT_EQ(scores.size(), 3U);
    EXPECT_NEAR(scores[0], scores[2], 1e-3);
    EXPECT_GT(std::abs(scores[0] - scores[1]), 1e-3);
    for (const auto& [index, score] : scores) EXPECT_TRUE(score > 0 && score < 1) << score;
}

// A WAV file of silence: PCM, mono, 16 kHz, 16 bit, a tenth of a second.
std::string silence() {
    return base64("RIFF" + std::string("\xa4\x0c\0\0", 4) + "WAVEfmt " +
                  std::string("\x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0", 20) + "data" +
                  std::string("\x80\x0c\0\0", 4) + std::string(3200, '\0'));
}

TEST(TinyOmni, SeesAndHears) {
    const RealEngine engine(tiny_models() / "omni.gguf",
                            {"--mmproj", (tiny_models() / "omni-mmproj.gguf").string(), "--image-max-tokens", "64"});
    const auto seen = ask(engine,
                          {{{"type", "text"}, {"text", "What is this?"}},
                           {{"type", "image_url"}, {"image_url", {{"url", picture(64, 48)}}}}},
                          8);
    EXPECT_EQ(seen.at("usage").at("completion_tokens"), 8);
    const auto heard = ask(engine,
                           {{{"type", "text"}, {"text", "What is this?"}},
                            {{"type", "input_audio"}, {"input_audio", {{"data", silence()}, {"format", "wav"}}}}},
                           8);
    EXPECT_EQ(heard.at("usage").at("completion_tokens"), 8);
    EXPECT_GT(heard.at("usage").at("prompt_tokens").to_number<int>(), 700);  // audio is padded to half a minute
}

TEST(Synth, TinyFilesAreSmall) {
    for (const auto& entry : fs::directory_iterator(tiny_models())) EXPECT_LT(entry.file_size(), 3'000'000U) << entry;
}

TEST(Synth, SameSeedSameBytesOtherSeedOtherBytes) {
    const Folder folder;
    for (const auto* role : {"solar", "lfm2", "omni", "omni-mmproj", "embed", "rerank", "whisper"}) {
        const auto first = write(folder, role, {"--seed", "7"});
        EXPECT_EQ(first, write(folder, role, {"--seed", "7"})) << role;
        EXPECT_NE(first, write(folder, role, {"--seed", "8"})) << role;
    }
}

TEST(Synth, MergingTokenizerNeedsFewerTokensThanBytes) {
    const Folder folder;
    const std::string text = "the strange normal house on the river is under the stone";
    for (const auto* role : {"solar", "omni"}) {
        write(folder, role, {"--tokenizer", "merging"});
        const RealEngine engine(folder / (std::string(role) + ".gguf"));
        EXPECT_LT(tokens_of(engine, text).size(), text.size()) << role;
        EXPECT_EQ(ask(engine, json::value(text), 16).at("usage").at("completion_tokens"), 16) << role;
    }
}

TEST(Synth, EveryQuantisationLoads) {
    const Folder folder;
    for (const auto* quant : {"F32", "F16", "Q4_0", "q4_k_m"}) {
        write(folder, "lfm2", {"--quant", quant, "--context", "4096"});
        const RealEngine engine(folder / "lfm2.gguf");
        EXPECT_EQ(ask(engine, "Hi", 8).at("usage").at("completion_tokens"), 8) << quant;
    }
}

TEST(Synth, ReportsAFullDiskAndLeavesNothingBehind) {
    const Folder folder;
    // A limit on the size of files stands for the full disk; the shell counts in blocks of 1 KiB or 512 bytes.
    const auto ran =
        run({"bash", "-c", "ulimit -f 8; exec \"$0\" solar -o \"$1\"", synth(), (folder / "m.gguf").string()});
    EXPECT_EQ(ran.status, 1);
    EXPECT_THAT(ran.err, HasSubstr("cannot write"));
    EXPECT_THAT(ran.err, HasSubstr("File too large"));
    EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(Synth, ExplainsWrongArguments) {
    EXPECT_EQ(run({synth(), "solr", "-o", "/tmp/x"}).status, 2);
    EXPECT_EQ(run({synth(), "solar"}).status, 2);
    EXPECT_THAT(run({synth(), "solar", "-o", "/nowhere/x.gguf"}).err, HasSubstr("cannot write /nowhere/x.gguf"));
    EXPECT_THAT(run({synth(), "--help"}).out, HasSubstr("--tokenizer"));
}

}  // namespace
}  // namespace sarai::test::synth_test
