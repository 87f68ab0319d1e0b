#include "permacache/cli/command_line.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <functional>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "permacache/catalog/location.h"
#include "permacache/cli/commands.h"
#include "permacache/cli/completion.h"
#include "permacache/cli/human.h"
#include "permacache/cli/interrupt.h"
#include "permacache/cli/where.h"

namespace permacache::cli {
namespace {

constexpr char kAbout[] = "Looks into a permacache, keeps it healthy, and moves it.";

constexpr char kExitCodes[] = R"(
The cache is that of --cache, else $PERMACACHE_DIR, else $XDG_CACHE_HOME/permacache, else
~/.cache/permacache. Programs may be using it at the same time.

Exit codes: 0 done; 1 trouble, or nothing of what was asked for is there; 2 the command line is not
understood; 130 stopped by Ctrl-C, which leaves the cache sound.

permacache COMMAND --help shows examples. permacache help where explains --where.)";

// What stands on the command line besides the command.
struct Shared {
  std::string cache;
  bool json = false;
};

// Turns the text of an option into what it means, or says what is wrong with it.
template <class T>
T Understood(const char* option, absl::StatusOr<T> value) {
  if (value.ok()) return *std::move(value);
  throw CLI::ValidationError(option, std::string(value.status().message()));
}

class CommandLine {
 public:
  CommandLine() : app_(kAbout, "permacache") {
    app_.require_subcommand(0, 1);
    app_.footer(kExitCodes);
    AddShared(app_);
    AddLs();
    AddGet();
    AddCount();
    AddStats();
    AddRm();
    AddClear();
    AddPrune();
    AddCompact();
    AddVerify();
    AddDoctor();
    AddExport();
    AddImport();
    AddCompletion();
    AddHelp();
  }
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  int Run(int argc, char** argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return app_.exit(error, std::cout, std::cerr) == 0 ? kDone : kUsage;
    }
    if (print_) return print_();
    if (!run_) {
      std::cerr << app_.help();
      return kUsage;
    }
    const std::unique_ptr<Report> report = shared_.json ? JsonReport(stdout) : TextReport(stdout);
    Session session(
        shared_.cache.empty() ? catalog::DefaultDirectory() : std::filesystem::path(shared_.cache),
        *report);
    run_(session);
    report->End();
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
      session.Complain("cannot write all of this to standard output");
    }
    return session.exit_code();
  }

 private:
  using Command = std::function<void(Session&)>;

  CLI::App* Add(const std::string& name, const std::string& about, const std::string& examples) {
    CLI::App* command = app_.add_subcommand(name, about);
    AddShared(*command);
    if (!examples.empty()) command->footer("\nExamples:\n" + examples);
    return command;
  }

  void AddShared(CLI::App& app) {
    app.add_option("--cache", shared_.cache, "The directory of the cache")->type_name("DIR");
    app.add_flag("--json", shared_.json, "Write one JSON document");
  }

  void Then(CLI::App* command, Command run) {
    command->callback([this, run = std::move(run)] { run_ = run; });
  }

  static CLI::Option* AddName(CLI::App* command, std::string& name, const std::string& about) {
    return command->add_option("NAME", name, about)->type_name("");
  }

  static void AddVersion(CLI::App* command, Selection& selection) {
    command->add_option("--version", selection.version, "Only entries of this version")
        ->type_name("N");
  }

  static CLI::Option* AddWhere(CLI::App* command, std::optional<Where>& where) {
    return command
        ->add_option_function<std::string>(
            "--where",
            [&where](const std::string& text) {
              where = Understood("--where", Where::Parse(text));
            },
            "Only entries whose arguments say so; see permacache help where")
        ->type_name("PREDICATE");
  }

  static void AddDryRun(CLI::App* command, bool& dry_run) {
    command->add_flag("--dry-run", dry_run, "Say what would go, and remove nothing");
  }

  void AddLs() {
    CLI::App* command = Add("ls", "Lists functions, or the entries of one", R"(  permacache ls
  permacache ls wing/lift
  permacache ls wing/lift --where 'alpha >= 4 && wing.label ~ "swept"'
  permacache ls mesh/refine --sort size --limit 2
  permacache ls mesh/refine --where 'level == 3' --json)");
    AddName(command, ls_.selection.function, "A function; all functions without one");
    AddVersion(command, ls_.selection);
    AddWhere(command, ls_.selection.where);
    command
        ->add_option("--sort", ls_.sort,
                     "Functions by name, entries, size, hits, saved or used; entries by key, size, "
                     "cost, created or used: the greatest first")
        ->type_name("ORDER");
    command->add_option("--limit", ls_.limit, "No more than so many; 20 of sorted entries")
        ->check(CLI::Validator(CLI::PositiveNumber).description(""))
        ->type_name("N");
    Then(command, [this](Session& session) { Ls(session, ls_); });
  }

  void AddGet() {
    CLI::App* command =
        Add("get", "Shows records with their values", R"(  permacache get mesh/refine '{"level": 1}'
  permacache get wing/lift --where 'alpha == 2'
  permacache get mesh/refine '{"level": 3}' --output=mesh.bin)");
    AddName(command, get_.selection.function, "The function")->required();
    CLI::Option* key =
        command->add_option("KEY", get_.key, "The text of a key, as ls shows it")->type_name("");
    AddWhere(command, get_.selection.where)->excludes(key);
    AddVersion(command, get_.selection);
    command->add_flag("--full", get_.full, "All bytes of values that are not JSON");
    command->add_option("--output", get_.output, "Write the value as it is to a file, - for stdout")
        ->type_name("FILE");
    Then(command, [this](Session& session) {
      RequireOne(get_.key, get_.selection);
      Get(session, get_);
    });
  }

  void AddCount() {
    CLI::App* command = Add("count", "Counts entries", R"(  permacache count
  permacache count wing/lift --where 'wing.span > 30')");
    AddName(command, count_.function, "A function; all functions without one");
    AddVersion(command, count_);
    AddWhere(command, count_.where);
    Then(command, [this](Session& session) { CountEntries(session, count_); });
  }

  void AddStats() {
    CLI::App* command = Add("stats", "What the cache holds and saves", R"(  permacache stats --top 3
  permacache stats wing/lift --json
  permacache stats --html=cache.html --top 0)");
    AddName(command, stats_.selection.function, "A function; all functions without one");
    command->add_option("--top", stats_.top, "How many of the largest and costliest entries")
        ->type_name("N");
    command->add_option("--html", stats_.html, "Write a page with charts, too")->type_name("FILE");
    Then(command, [this](Session& session) { Stats(session, stats_); });
  }

  void AddRm() {
    CLI::App* command =
        Add("rm", "Removes entries", R"(  permacache rm wing/lift --where 'alpha > 6' --dry-run
  permacache rm wing/lift --where 'alpha > 6'
  permacache rm mesh/refine '{"level": 1}')");
    AddName(command, rm_.selection.function, "The function")->required();
    CLI::Option* key =
        command->add_option("KEY", rm_.key, "The text of a key, as ls shows it")->type_name("");
    AddWhere(command, rm_.selection.where)->excludes(key);
    AddVersion(command, rm_.selection);
    AddDryRun(command, rm_.dry_run);
    Then(command, [this](Session& session) {
      RequireOne(rm_.key, rm_.selection);
      Rm(session, rm_);
    });
  }

  void AddClear() {
    CLI::App* command = Add("clear", "Removes all entries of a function",
                            R"(  permacache clear report/text --dry-run
  permacache clear report/text)");
    CLI::Option* name = AddName(command, clear_.selection.function, "The function");
    CLI::Option* all = command->add_flag("--all", clear_all_, "All functions");
    name->excludes(all);
    AddVersion(command, clear_.selection);
    AddDryRun(command, clear_.dry_run);
    Then(command, [this](Session& session) {
      if (clear_.selection.function.empty() && !clear_all_) {
        throw Failure(kUsage, "say which function to clear: permacache clear NAME, or --all");
      }
      Clear(session, clear_);
    });
  }

  void AddPrune() {
    CLI::App* command = Add("prune", "Removes what is old, unused or least worth its place",
                            R"(  permacache prune --max-size 10G --dry-run
  permacache prune wing/lift --version-below 2
  permacache prune mesh/refine --unused-for 90d --max-size 500M)");
    command->add_option("NAME", prune_.functions, "Functions; all without one")->type_name("");
    AddQuantity(command, "--max-size", prune_.max_size, ParseBytes,
                "What saves the fewest seconds per byte goes until the rest takes no more, as 10G",
                "SIZE");
    AddQuantity(command, "--older-than", prune_.older_than, ParseDuration,
                "What was stored longer ago goes, as 30d", "TIME");
    AddQuantity(command, "--unused-for", prune_.unused_for, ParseDuration,
                "What was not used for longer goes, as 90d; uses are noted about once a day",
                "TIME");
    command
        ->add_option("--version-below", prune_.version_below, "What is of an earlier version goes")
        ->type_name("N");
    AddDryRun(command, prune_.dry_run);
    Then(command, [this](Session& session) { Prune(session, prune_); });
  }

  template <class T, class Parse>
  static void AddQuantity(CLI::App* command, const char* name, std::optional<T>& value, Parse parse,
                          const std::string& about, const std::string& type) {
    command
        ->add_option_function<std::string>(
            name, [=, &value](const std::string& text) { value = Understood(name, parse(text)); },
            about)
        ->type_name(type);
  }

  void AddCompact() {
    CLI::App* command =
        Add("compact", "Gives the disk back what removed entries took", "  permacache compact");
    AddName(command, compact_, "A function; all functions without one");
    Then(command, [this](Session& session) { Compact(session, compact_); });
  }

  void AddVerify() {
    CLI::App* command = Add("verify", "Reads and checks every entry", R"(  permacache verify
  permacache verify wing/lift --repair)");
    AddName(command, verify_.function, "A function; all functions without one");
    command->add_flag("--repair", verify_.repair, "Remove entries that are damaged");
    Then(command, [this](Session& session) { Verify(session, verify_); });
  }

  void AddDoctor() {
    CLI::App* command =
        Add("doctor", "Looks for what is wrong with the place, the rights, the files",
            "  permacache doctor");
    Then(command, [](Session& session) { Doctor(session); });
  }

  void AddExport() {
    CLI::App* command = Add("export", "Writes a cache, or a part of it, to one file",
                            R"(  permacache export results.pmc.tar.zst
  permacache export lift.pmc.tar.zst wing/lift --where 'alpha <= 4')");
    command->add_option("FILE", export_.file, "The file to be written")->type_name("")->required();
    command->add_option("NAME", export_.functions, "Functions; all without one")->type_name("");
    AddWhere(command, export_.where);
    command->add_flag("--overwrite", export_.overwrite, "Replace a file that is there");
    Then(command, [this](Session& session) { Export(session, export_); });
  }

  void AddImport() {
    CLI::App* command = Add("import", "Merges exported files into a cache",
                            R"(  permacache import results.pmc.tar.zst
  permacache import results.pmc.tar.zst --cache another --on-conflict=fail)");
    command->add_option("FILE", import_.files, "Exported files")->type_name("")->required();
    command
        ->add_option("--on-conflict", import_.on_conflict,
                     "Where the cache has another value: keep it, replace it, or fail and import "
                     "nothing")
        ->check(CLI::IsMember({"keep", "replace", "fail"}).description(""))
        ->type_name("keep|replace|fail");
    Then(command, [this](Session& session) { Import(session, import_); });
  }

  void AddCompletion() {
    CLI::App* command = app_.add_subcommand("completion", "Completion of command lines by a shell");
    command->footer("\nExamples:\n  eval \"$(permacache completion bash)\"");
    command->require_subcommand(1);
    command->add_subcommand("bash", "Prints what bash is to evaluate")->callback([this] {
      print_ = [] {
        std::cout << kBashCompletion;
        return kDone;
      };
    });
    CLI::App* words = command->add_subcommand("words", "Prints what may follow");
    words->group("");
    words->add_option("WORDS", words_, "The words so far");
    words->callback([this] {
      print_ = [this] {
        for (const std::string& word : Candidates(Words(), words_)) std::cout << word << "\n";
        return kDone;
      };
    });
  }

  void AddHelp() {
    CLI::App* command = app_.add_subcommand("help", "Explains a command, or where");
    command->footer("\nExamples:\n  permacache help where");
    command->add_option("TOPIC", topic_, "A command, or where")->type_name("");
    command->callback([this] {
      print_ = [this] {
        if (topic_ == "where") {
          std::cout << kWhereHelp;
          return kDone;
        }
        const auto topics =
            app_.get_subcommands([this](const CLI::App* app) { return app->get_name() == topic_; });
        std::cout << (topics.empty() ? app_.help() : topics.front()->help());
        return topics.empty() && !topic_.empty() ? kUsage : kDone;
      };
    });
  }

  static void RequireOne(const std::string& key, const Selection& selection) {
    if (!key.empty() || selection.where) return;
    throw Failure(kUsage, "say which entry: its KEY, or --where PREDICATE");
  }

  // What can be completed.
  std::vector<CommandWords> Words() const {
    std::vector<CommandWords> all = {WordsOf(app_)};
    for (const CLI::App* command : app_.get_subcommands({})) {
      if (command->get_group().empty()) continue;
      all.front().words.push_back(command->get_name());
      all.push_back(WordsOf(*command));
    }
    return all;
  }

  static CommandWords WordsOf(const CLI::App& app) {
    CommandWords words;
    words.name = app.get_name();
    for (const CLI::Option* option : app.get_options()) {
      if (option->get_name(true) == "NAME") words.takes_functions = true;
      for (const std::string& name : option->get_lnames()) words.options.push_back("--" + name);
    }
    if (app.get_name() == "completion") words.words = {"bash"};
    return words;
  }

  CLI::App app_;
  Shared shared_;
  Command run_;
  std::function<int()> print_;

  LsOptions ls_;
  GetOptions get_;
  Selection count_;
  StatsOptions stats_;
  RmOptions rm_;
  ClearOptions clear_;
  bool clear_all_ = false;
  PruneOptions prune_;
  std::string compact_;
  VerifyOptions verify_;
  ExportOptions export_;
  ImportOptions import_;
  std::vector<std::string> words_;
  std::string topic_;
};

}  // namespace

int RunCommandLine(int argc, char** argv) {
  CatchInterrupts();
  try {
    return CommandLine().Run(argc, argv);
  } catch (const Interrupted&) {
    std::fputs("permacache: stopped; the cache is sound\n", stderr);
    return kInterrupted;
  } catch (const Failure& failure) {
    if (*failure.what() != '\0') std::fprintf(stderr, "permacache: %s\n", failure.what());
    return failure.exit_code();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "permacache: %s\n", SafeText(error.what()).c_str());
    return kTrouble;
  }
}

}  // namespace permacache::cli
