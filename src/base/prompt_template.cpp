#include "base/prompt_template.hpp"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <inja/inja.hpp>

namespace sarai {
namespace {

// Nothing that a template names is looked for in files, and a "##" at the start of a line is a heading, not a
// statement.
inja::Environment sandbox() {
    inja::Environment environment;
    environment.set_search_included_templates_in_files(false);
    environment.set_line_statement("\x01##");
    environment.set_trim_blocks(true);
    return environment;
}

class NameCollector : public inja::NodeVisitor {
public:
    std::set<std::string> names;

private:
    void visit(const inja::BlockNode& node) override {
        for (const auto& child : node.nodes) child->accept(*this);
    }
    void visit(const inja::TextNode&) override {}
    void visit(const inja::ExpressionNode&) override {}
    void visit(const inja::LiteralNode&) override {}
    void visit(const inja::DataNode& node) override {
        if (!own_.contains(node.name.substr(0, node.name.find('.')))) names.insert(node.name);
    }
    void visit(const inja::FunctionNode& node) override {
        for (const auto& argument : node.arguments) argument->accept(*this);
    }
    void visit(const inja::ExpressionListNode& node) override {
        if (node.root) node.root->accept(*this);
    }
    void visit(const inja::StatementNode&) override {}
    void visit(const inja::ForStatementNode&) override {}
    void visit(const inja::ForArrayStatementNode& node) override {
        node.condition.accept(*this);
        inside({node.value, "loop"}, node.body);
    }
    void visit(const inja::ForObjectStatementNode& node) override {
        node.condition.accept(*this);
        inside({node.key, node.value, "loop"}, node.body);
    }
    void visit(const inja::IfStatementNode& node) override {
        node.condition.accept(*this);
        node.true_statement.accept(*this);
        node.false_statement.accept(*this);
    }
    void visit(const inja::IncludeStatementNode&) override {}
    void visit(const inja::ExtendsStatementNode&) override {}
    void visit(const inja::BlockStatementNode& node) override { node.block.accept(*this); }
    void visit(const inja::SetStatementNode& node) override {
        node.expression.accept(*this);
        own_.insert(node.key);
    }

    void inside(std::set<std::string> own, const inja::BlockNode& body) {
        const auto before = own_;
        own_.merge(own);
        body.accept(*this);
        own_ = before;
    }

    std::set<std::string> own_;
};

std::unexpected<Error> wrong(const inja::InjaError& error) {
    return fail(Code::invalid_argument, fmt::format("line {}: {}", error.location.line, error.message));
}

}  // namespace

struct PromptTemplate::State {
    mutable inja::Environment environment = sandbox();  // rendering changes nothing in it, but is not const
    inja::Template parsed;
    std::set<std::string> names;
};

Result<PromptTemplate> PromptTemplate::parse(std::string_view text) {
    auto state = std::make_shared<State>();
    try {
        state->parsed = state->environment.parse(text);
        NameCollector collector;
        state->parsed.root.accept(collector);
        state->names = std::move(collector.names);
    } catch (const inja::InjaError& error) { return wrong(error); } catch (const std::exception& error) {
        return fail(Code::invalid_argument, error.what());
    }
    return PromptTemplate(std::move(state));
}

Result<PromptTemplate> PromptTemplate::parse_condition(std::string_view expression) {
    if (expression.contains("%}") || expression.contains("{{") || expression.contains("{%"))
        return fail(Code::invalid_argument, "an expression stands here without braces, such as images > 0");
    return parse(fmt::format("{{% if {} %}}true{{% endif %}}", expression));
}

const std::set<std::string>& PromptTemplate::names() const { return state_->names; }

Result<std::string> PromptTemplate::render(const boost::json::object& values) const {
    try {
        return state_->environment.render(state_->parsed, inja::json::parse(boost::json::serialize(values)));
    } catch (const inja::InjaError& error) { return wrong(error); } catch (const std::exception& error) {
        return fail(Code::invalid_argument, error.what());
    }
}

}  // namespace sarai
