#include "permacache/cli/commands.h"
#include "permacache/cli/diagnosis.h"
#include "permacache/cli/human.h"

namespace permacache::cli {

void Doctor(Session& session) {
  const std::vector<Finding> findings = Diagnose(session.cache(), session.Functions());
  int64_t troubles = 0;
  Report& report = session.report();
  report.BeginList({"findings", ""},
                   {{"kind", "finding"},
                    {"is_trouble", "trouble"},
                    {"count", "how many"},
                    {"place", "where"},
                    {"found", "what"},
                    {"advice", "what to do"}},
                   Layout::kRecords);
  for (const Finding& finding : findings) {
    troubles += finding.is_trouble;
    report.Row({Text{finding.kind}, finding.is_trouble, Count{finding.count},
                Text{finding.place.string()}, Text{finding.found}, Text{finding.advice}});
  }
  report.EndList();
  report.Fact({"troubles", ""}, Count{troubles});
  if (findings.empty()) report.Sentence("nothing found");
  if (troubles > 0) session.Complain(Many(troubles, "trouble"));
}

}  // namespace permacache::cli
