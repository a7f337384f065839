// What --help prints: commands with their examples, and flags.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "commands/help_layout.h"
#include "commands/options.h"

namespace qte::commands {

struct CommandHelp {
  Command command;
  std::string_view name;
  std::string_view arguments;              // "FILE..."
  std::string_view what;                   // one line
  std::vector<std::string_view> examples;  // commands that can be pasted
};

// All commands, in the order in which --help lists them.
std::span<const CommandHelp> CommandHelps();
const CommandHelp& HelpOf(Command command);
// Null for an unknown command.
const CommandHelp* FindCommand(std::string_view name);

// The text of `qemu-trace-exporter --help`. `flags` are those that every command takes.
std::string ProgramHelpText(const std::vector<HelpEntry>& flags, size_t width);

// The text of `qemu-trace-exporter COMMAND --help`. `arguments` are the arguments other than flags.
std::string CommandHelpText(const CommandHelp& command, const std::vector<HelpEntry>& arguments,
                            const std::vector<HelpEntry>& flags, size_t width);

}  // namespace qte::commands
