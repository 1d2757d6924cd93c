#include "protocols/transcription.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "protocols/json.hpp"
#include "recordings.hpp"

namespace sarai::protocols::transcription::transcription_test {
namespace {

using protocols::test::object;
using testing::HasSubstr;
using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view type = "multipart/form-data; boundary=b";

std::string form(const Fields& fields, bool file = true) {
    std::string body;
    for (const auto& [name, value] : fields)
        body += fmt::format("--b\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{}\r\n", name, value);
    if (file)
        body +=
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n"
            "Content-Type: audio/wav\r\n\r\nRIFF\r\n";
    return body + "--b--\r\n";
}

const Heard heard{.seconds = 3661.5,
                  .language = "es",
                  .segments = {{.begin = 0, .end = 1.25, .text = "Hola, --> <b> & niño."},
                               {.begin = 1.25, .end = 3661.5, .text = "Adiós."}},
                  .usage = {.prompt_tokens = 10, .completion_tokens = 4}};

TEST(Transcription, ACallHasWhatItsFormSays) {
    const auto body = form({{"model", "whisper-1"},
                            {"language", "es"},
                            {"prompt", "Nápoles"},
                            {"response_format", "verbose_json"},
                            {"temperature", "0.25"},
                            {"timestamp_granularities[]", "segment"},
                            {"timestamp_granularities[]", "segment"},
                            {"chunking_strategy", "auto"}});
    const auto call = decode_call(type, body, true);
    ASSERT_TRUE(call) << call.error().message;
    EXPECT_TRUE(call->translate);
    EXPECT_EQ(call->model, "whisper-1");
    EXPECT_TRUE(is_stock_name(call->model));
    EXPECT_EQ(call->file, "RIFF");
    EXPECT_EQ(call->label, "audio/wav");
    EXPECT_EQ(call->language, "es");
    EXPECT_EQ(call->prompt, "Nápoles");
    EXPECT_EQ(call->format, Format::verbose_json);
    EXPECT_DOUBLE_EQ(call->temperature, 0.25);
    EXPECT_FALSE(call->stream);
    EXPECT_TRUE(decode_call(type, form({{"stream", "true"}, {"response_format", "text"}}), false)->stream);
}

TEST(Transcription, TheTimesThatAreAskedForAreTold) {
    const Heard words{.seconds = 2,
                      .language = "es",
                      .segments = {{.begin = 0.5,
                                    .end = 1.5,
                                    .text = "Hola, Ana.",
                                    .avg_logprob = -0.25,
                                    .no_speech_prob = 0.125,
                                    .words = {{.begin = 0.5, .end = 0.75, .text = "Hola,"},
                                              {.begin = 0.1 + 0.7, .end = 1.5, .text = "Ana."}}}}};
    const auto told = [&](Fields fields) {
        fields.push_back({"response_format", "verbose_json"});
        const auto body = form(fields);  // the call points into it
        const auto call = decode_call(type, body, false);
        EXPECT_TRUE(call) << call.error().message;
        return json::parse(encode(*call, words)).as_object();
    };
    const auto usual = told({});
    EXPECT_FALSE(usual.contains("words"));
    EXPECT_EQ(usual.at("segments").at(0).at("avg_logprob"), -0.25);
    EXPECT_EQ(usual.at("segments").at(0).at("no_speech_prob"), 0.125);
    const auto both = told({{"timestamp_granularities[]", "word"}, {"timestamp_granularities[]", "segment"}});
    EXPECT_TRUE(both.contains("segments"));
    EXPECT_EQ(json::serialize(both.at("words").at(1)),
              json::serialize(json::object{{"word", "Ana."}, {"start", 0.8}, {"end", 1.5}}));
    EXPECT_FALSE(told({{"timestamp_granularities[]", "word"}}).contains("segments"));
    EXPECT_FALSE(told({{"timestamp_granularities[]", "segment"}}).contains("words"));
}

TEST(Transcription, WhisperIsToldWhatItMayHearAndWhatWasSaid) {
    const Call call{.translate = true,
                    .model = "whisper-1",
                    .file = {},
                    .label = {},
                    .language = "es",
                    .prompt = "Nápoles",
                    .temperature = 0.25,
                    .words = true};
    const auto request = hear(call, "ear", "ab", "fr", std::string(1500, 'x') + "ñ");
    EXPECT_EQ(request.task, llm::Task::transcription);
    EXPECT_EQ(request.model, "ear");
    EXPECT_TRUE(request.stream);
    const auto wish = hearing::decode_wish(json::serialize(request.body));
    ASSERT_TRUE(wish) << wish.error().message;
    EXPECT_EQ(wish->sound, "ab");
    EXPECT_EQ(wish->language, "fr") << "whoever runs the pieces knows better than the call";
    EXPECT_EQ(wish->prompt, "Nápoles " + std::string(998, 'x') + "ñ");
    EXPECT_TRUE(wish->translate);
    EXPECT_TRUE(wish->words);
    EXPECT_DOUBLE_EQ(wish->temperature, 0.25);
}

TEST(Transcription, WhatIsWrongIsNamed) {
    struct Case {
        Fields fields;
        std::string field, message;
    };
    for (const auto& [fields, field, message] : {
             Case{{{"response_format", "diarized_json"}},
                  "response_format",
                  "expected json, text, srt, verbose_json or vtt"},
             Case{{{"temperature", "1.5"}}, "temperature", "expected a number from 0 to 1"},
             Case{{{"temperature", "nan"}}, "temperature", "expected a number from 0 to 1"},
             Case{{{"temperature", ""}}, "temperature", "expected a number from 0 to 1"},
             Case{{{"language", "Spanish"}}, "language", "'language' is \"Spanish\"; expected a code of ISO 639-1"},
             Case{{{"language", "zz"}}, "language", "expected a code of ISO 639-1"},
             Case{{{"language", "s "}}, "language", "expected a code of ISO 639-1"},
             Case{{{"stream", "yes"}}, "stream", "expected true or false"},
             Case{{{"stream", "true"}, {"response_format", "srt"}}, "stream", "expected json or text"},
             Case{{{"timestamp_granularities[]", "page"}}, "timestamp_granularities[]", "expected segment or word"},
             Case{{{"timestamp_granularities[]", "segment"}},
                  "timestamp_granularities[]",
                  "verbose_json, which is json"},
             Case{{{"prompt", std::string(5000, 'x')}}, "prompt", "has 5000 bytes; expected at most 4096"},
             Case{{{"prompt", "\xFF"}}, "prompt", "not UTF-8"},
             Case{{{"model", "\xFF"}}, "model", "not UTF-8"},
             Case{{{"model", "a"}, {"model", "b"}}, "model", "the form has 'model' twice"},
         }) {
        const auto call = decode_call(type, form(fields), false);
        ASSERT_FALSE(call) << message;
        EXPECT_EQ(call.error().field, field) << message;
        EXPECT_THAT(call.error().message, HasSubstr(message));
    }
    EXPECT_THAT(decode_call(type, form({{"model", "m"}}, false), false).error().message,
                HasSubstr("'file' is missing"));
    EXPECT_THAT(decode_call("application/json", "{}", false).error().message,
                HasSubstr("expected multipart/form-data"));
}

TEST(Transcription, AsksAModelForOneWindow) {
    Call call{.model = "auto", .file = {}, .label = {}, .language = "es", .prompt = "Nápoles"};
    const auto request = ask_for(call, "omni", "RIFFx", "Antes.");
    EXPECT_EQ(request.model, "omni");
    EXPECT_TRUE(request.stream);
    EXPECT_TRUE(llm::has_media(request));
    const auto& content = request.body.at("messages").at(0).at("content").as_array();
    const auto words = std::string(content[0].at("text").as_string());
    EXPECT_THAT(words, HasSubstr("word for word"));
    EXPECT_THAT(words, HasSubstr("the code es"));
    EXPECT_THAT(words, HasSubstr("Nápoles"));
    EXPECT_THAT(words, HasSubstr("Antes."));
    EXPECT_EQ(content[1].at("input_audio").at("data").as_string(), "UklGRng=");
    call.translate = true;
    EXPECT_THAT(
        std::string(ask_for(call, "omni", "", "").body.at("messages").at(0).at("content").at(0).at("text").as_string()),
        HasSubstr("into English"));
    // What goes along of a long story is its end, in whole characters.
    std::string story;
    for (int i = 0; i < 2000; ++i) story += "ñ";
    const auto told = ask_for(call, "omni", "", story);
    EXPECT_LT(told.body.at("messages").at(0).at("content").at(0).at("text").as_string().size(), 1500U);
}

TEST(Transcription, TextIsOnOneLineHoweverItComes) {
    OneLine line;
    EXPECT_EQ(line.add("\n Hola"), "Hola");
    EXPECT_EQ(line.add(", \n"), ",");
    EXPECT_EQ(line.add("\t"), "");
    EXPECT_EQ(line.add("niño. "), " niño.");
    EXPECT_EQ(line.text(), "Hola, niño.");
}

TEST(Transcription, IsToldInFiveForms) {
    Call call;
    const auto told = [&](Format format) {
        call.format = format;
        return encode(call, heard);
    };
    const auto text = "Hola, --> <b> & niño. Adiós.";
    EXPECT_EQ(object(told(Format::json)).at("text").as_string(), text);
    EXPECT_EQ(object(told(Format::json)).at("usage").at("total_tokens").as_int64(), 14);
    EXPECT_EQ(told(Format::text), fmt::format("{}\n", text));
    EXPECT_EQ(told(Format::srt),
              "1\n00:00:00,000 --> 00:00:01,250\nHola, -> <b> & niño.\n\n"
              "2\n00:00:01,250 --> 01:01:01,500\nAdiós.\n\n");
    EXPECT_EQ(told(Format::vtt),
              "WEBVTT\n\n00:00:00.000 --> 00:00:01.250\nHola, -> &lt;b> &amp; niño.\n\n"
              "00:00:01.250 --> 01:01:01.500\nAdiós.\n\n");
    const auto verbose = object(told(Format::verbose_json));
    EXPECT_EQ(verbose.at("task").as_string(), "transcribe");
    EXPECT_EQ(verbose.at("language").as_string(), "es");
    EXPECT_DOUBLE_EQ(verbose.at("duration").as_double(), 3661.5);
    const auto& last = verbose.at("segments").at(1);
    EXPECT_EQ(last.at("id").to_number<int>(), 1);
    EXPECT_EQ(last.at("seek").to_number<int>(), 125);
    EXPECT_DOUBLE_EQ(last.at("start").as_double(), 1.25);
    EXPECT_DOUBLE_EQ(last.at("end").as_double(), 3661.5);
}

TEST(Transcription, IsStreamedAsOpenAiSpellsIt) {
    std::string out;
    append_delta(out, "Hola");
    EXPECT_EQ(out, "data: {\"type\":\"transcript.text.delta\",\"delta\":\"Hola\"}\n\n");
    out.clear();
    append_done(out, heard);
    EXPECT_THAT(out, testing::StartsWith("data: {\"type\":\"transcript.text.done\",\"text\":\"Hola,"));
    EXPECT_THAT(out, testing::EndsWith("}\n\n"));
}

}  // namespace
}  // namespace sarai::protocols::transcription::transcription_test
