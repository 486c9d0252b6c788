#include "tests/random_mods/program.h"

#include <cctype>

namespace random_mods {
namespace {

void substitute(const std::string& text, const std::vector<Expression>& children, std::string& out, std::vector<Place>* places) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$') {
      out += text[i];
      continue;
    }
    const Expression& child = children[static_cast<std::size_t>(text[++i] - '0')];
    const std::size_t begin = out.size();
    substitute(child.text, child.children, out, places);
    if (places) places->push_back({&child, begin, out.size()});
  }
}

void print(const std::vector<Statement>& block, const std::string& indent, std::string& out, std::vector<Place>* places) {
  if (block.empty() && !indent.empty()) out += indent + "pass\n";
  for (const Statement& statement : block) {
    for (std::size_t i = 0; i < statement.heads.size(); ++i) {
      out += indent;
      substitute(statement.heads[i], statement.expressions, out, places);
      out += "\n";
      if (i < statement.blocks.size()) print(statement.blocks[i], indent + "    ", out, places);
    }
  }
}

void walk_expression(const Expression& expression, const std::function<void(const Expression&)>& visit) {
  visit(expression);
  for (const Expression& child : expression.children) walk_expression(child, visit);
}

void walk_block(const std::vector<Statement>& block, const std::function<void(const Expression&)>& visit,
                const std::function<void(const Statement&)>& each) {
  for (const Statement& statement : block) {
    each(statement);
    for (const Expression& expression : statement.expressions) walk_expression(expression, visit);
    for (const auto& inner : statement.blocks) walk_block(inner, visit, each);
  }
}

bool occurs(const std::string& name, const std::string& text) {
  const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1))
    if ((at == 0 || !is_word(text[at - 1])) && (at + name.size() == text.size() || !is_word(text[at + name.size()]))) return true;
  return false;
}

/// Tries one change after the other on the tree in place, and undoes those under which the program no longer fails.
class Shrinker {
 public:
  Shrinker(Program program, const std::function<bool(const Program&)>& fails, int tries)
      : program_(std::move(program)), fails_(fails), tries_(tries) {}

  Program run() {
    for (bool changed = true; changed && tries_ > 0;) {
      changed = drop(program_.statements);
      changed |= simplify(program_.statements);
    }
    return std::move(program_);
  }

 private:
  bool still_fails() { return tries_-- > 0 && fails_(program_); }

  /// Whole statements go first: that is cheapest.
  bool drop(std::vector<Statement>& statements) {
    bool changed = false;
    for (std::size_t i = statements.size(); i-- > 0;) {
      const Statement whole = statements[i];
      const auto here = [&] { return statements.begin() + static_cast<std::ptrdiff_t>(i); };
      statements.erase(here());
      if (still_fails()) {
        changed = true;
        continue;
      }
      if (whole.heads[0].starts_with("if ") || whole.heads[0].starts_with("for ")) {  // one of its blocks instead
        const std::vector<Statement> before = statements;
        bool replaced = false;
        for (std::size_t k = 0; k < whole.blocks.size() && !replaced; ++k) {
          statements.insert(here(), whole.blocks[k].begin(), whole.blocks[k].end());
          replaced = still_fails();
          if (!replaced) statements = before;
        }
        if (replaced) {
          changed = true;
          continue;
        }
      }
      statements.insert(here(), whole);
      for (auto& inner : statements[i].blocks) changed |= drop(inner);
    }
    return changed;
  }

  bool simplify(std::vector<Statement>& statements) {
    bool changed = false;
    for (std::size_t i = statements.size(); i-- > 0;) {  // what the last ones no longer read can be dropped next
      for (Expression& e : statements[i].expressions) changed |= expression(e);
      for (auto& inner : statements[i].blocks) changed |= simplify(inner);
    }
    return changed;
  }

  bool expression(Expression& at) {
    bool changed = false;
    while (replace(at)) changed = true;
    for (Expression& child : at.children) changed |= expression(child);
    return changed;
  }

  /// By a leaf, else by the nearest part of the same type.
  bool replace(Expression& at) {
    if (at.children.empty()) {
      if (at.text == simplest(at.type)) return false;
    }
    const Expression whole = at;
    if (const std::string leaf = simplest(at.type); !leaf.empty()) {
      at = Expression{whole.type, leaf, {}};
      if (still_fails()) return true;
      at = whole;
    }
    for (std::size_t depth = 1; depth <= 3; ++depth) {
      std::vector<const Expression*> parts;
      collect(whole, depth, whole.type, parts);
      for (const Expression* part : parts) {
        at = *part;
        if (still_fails()) return true;
      }
    }
    at = whole;
    return false;
  }

  static void collect(const Expression& whole, std::size_t depth, const Type& type, std::vector<const Expression*>& parts) {
    for (const Expression& child : whole.children) {
      if (depth > 1)
        collect(child, depth - 1, type, parts);
      else if (child.type == type)
        parts.push_back(&child);
    }
  }

  static std::string simplest(const Type& type) {
    if (type.kind == Kind::Bool) return "True";
    if (type.kind == Kind::I64) return "1";
    if (type.kind == Kind::F32) return "1.0";
    return "";
  }

  Program program_;
  const std::function<bool(const Program&)>& fails_;
  int tries_;
};

}  // namespace

std::string Program::print(std::vector<Place>* places) const {
  std::string body, head;
  random_mods::print(statements, "", body, places);
  for (const std::string& declaration : declarations) {
    const std::size_t first = declaration.find(' ') + 1;
    if (occurs(declaration.substr(first, declaration.find_first_of(": ", first) - first), body)) head += declaration + "\n";
  }
  if (places) {
    for (Place& place : *places) {
      place.begin += head.size();
      place.end += head.size();
    }
  }
  return head + body;
}

unsigned Program::features() const {
  unsigned all = 0;
  walk_block(
      statements, [&](const Expression& e) { all |= e.features; }, [&](const Statement& s) { all |= s.features; });
  return all;
}

std::size_t Program::size() const {
  std::size_t count = 0;
  walk_block(
      statements, [&](const Expression&) { ++count; }, [&](const Statement&) { ++count; });
  return count;
}

Program shrink(Program program, const std::function<bool(const Program&)>& fails, int tries) {
  return Shrinker(std::move(program), fails, tries).run();
}

}  // namespace random_mods
