// Runs coroutines to their end, and makes files with ffmpeg.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include "net/task_group.hpp"
#include "support/temp_folder.hpp"

namespace sarai::media {

class MediaTest : public testing::Test {
protected:
    void run(std::function<boost::asio::awaitable<void>()> body) {
        bool done = false;
        net::TaskGroup tasks(io.get_executor());
        const auto whole = [&]() -> boost::asio::awaitable<void> {
            co_await body();
            done = true;
        };
        tasks.spawn("test", whole());
        io.restart();
        while (!done && io.run_one_for(std::chrono::seconds(60)) > 0) {}
        EXPECT_TRUE(done);
    }

    // What `ffmpeg ARGUMENTS NAME` writes.
    std::string made(const std::string& arguments, const std::string& name) {
        const auto path = (folder.path() / name).string();
        const auto command = "ffmpeg -y -nostdin -loglevel error " + arguments + " " + path;
        EXPECT_EQ(std::system(command.c_str()), 0) << command;  // NOLINT(concurrency-mt-unsafe)
        std::ifstream stream(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(stream), {}};
    }

    boost::asio::io_context io;
    test::TempFolder folder;
};

}  // namespace sarai::media
