// The daemon's collections of documents: opened when they are first asked for, and used on a thread of their own, since
// a store blocks.
//
// Belongs to the io thread. What is asked together waits for each other there; documents are read on another thread, as
// a PDF takes its time. When a request is cancelled, and at the end, what either does for it is given up.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "gateway/caller.hpp"
#include "knowledge/ingest.hpp"
#include "knowledge/search.hpp"
#include "knowledge/store.hpp"
#include "net/http_server.hpp"

namespace sarai::gateway {

struct Shared;

class KnowledgeDesk {
public:
    // `config` outlives it.
    explicit KnowledgeDesk(const config::Config& config) : config_(config) {}
    ~KnowledgeDesk();
    KnowledgeDesk(const KnowledgeDesk&) = delete;
    KnowledgeDesk& operator=(const KnowledgeDesk&) = delete;

    // Of new collections; empty: no embedding model is configured.
    [[nodiscard]] std::string default_model() const;
    // Is there anything that could be searched: a store that is configured, or one that somebody has made?
    [[nodiscard]] bool has_store() const;

    // Errors of all: those of the store; `field` names "collection" where there is none of that name.
    [[nodiscard]] boost::asio::awaitable<Result<std::vector<knowledge::Collection>>> collections();
    [[nodiscard]] boost::asio::awaitable<Result<knowledge::Collection>> collection(std::string name);
    [[nodiscard]] boost::asio::awaitable<Result<std::vector<knowledge::DocumentRecord>>> documents(std::string name);
    [[nodiscard]] boost::asio::awaitable<Result<void>> remove_collection(std::string name, Shared shared);
    [[nodiscard]] boost::asio::awaitable<Result<void>> remove_document(std::string name, std::string path);

    struct Question {
        std::string collection;
        std::string text;
        int limit = 5;
        bool words_only = false;  // no model is asked
    };
    struct Found {
        std::vector<knowledge::SearchResult> results;
        std::string note = {};       // a sentence, where the search was not all that it should have been
        bool model_missing = false;  // the collection's embedding model is not configured
        bool no_memory = false;      // for its vectors
        [[nodiscard]] auto begin() const { return results.begin(); }
        [[nodiscard]] auto end() const { return results.end(); }
    };
    // Of a question that the embedding model finds too long its beginning is embedded; without a vector the words alone
    // find passages.
    [[nodiscard]] boost::asio::awaitable<Result<Found>> search(Question question, net::Exchange& client, Caller& caller,
                                                               Shared shared);
    struct Document {
        std::string collection;
        std::string name;   // what it is cited by; its ending says what it is
        std::string bytes;  // as of a file
    };
    struct Added {
        knowledge::DocumentRecord document;
        bool unchanged = false;
    };
    // In place of the one of that name. Makes the collection unless it is there.
    [[nodiscard]] boost::asio::awaitable<Result<Added>> add(Document document, net::Exchange& client, Caller& caller,
                                                            Shared shared);

    // What searches of the collections will keep in memory beyond what is kept already.
    [[nodiscard]] Bytes would_keep(const std::vector<knowledge::Collection>& collections) const;

private:
    // Counts the graph of the collection's vectors in the pool from its first search on, as it grows. Errors:
    // no_memory.
    [[nodiscard]] boost::asio::awaitable<Result<void>> keep_graph(const knowledge::Collection& collection,
                                                                  Shared shared);
    void forget_graph(const std::string& name, Shared shared);
    // Its graph is no longer counted where there is none of that name any more.
    [[nodiscard]] boost::asio::awaitable<Result<knowledge::Collection>> known_collection(std::string name,
                                                                                         Shared shared);
    [[nodiscard]] std::string place() const;

    // Runs `work` with the store on its thread, and goes on here.
    template <class Work>
    auto with_store(Work work);

    const config::Config& config_;
    std::map<std::string, Bytes> graphs_;  // those in memory
    // Of the thread alone.
    std::shared_ptr<std::unique_ptr<knowledge::Store>> store_ = std::make_shared<std::unique_ptr<knowledge::Store>>();
    std::stop_source ending_;
    boost::asio::thread_pool thread_{1};  // the store's
    boost::asio::thread_pool reader_{1};
};

}  // namespace sarai::gateway
