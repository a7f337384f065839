// Switches tracing on in the QEMUs behind the sources that name a QMP socket: what qmp/keeper.h needs to know of them.
//
// Which socket is whose, a template of the source's labels tells (`/run/qemu/{vm}.qmp`). The config is changed and read
// on the ingest thread, so that it is always the one that the sources are of. Without such a source there is no thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "commands/load.h"
#include "config/template.h"
#include "guests/guests.h"
#include "guests/source_labels.h"
#include "qmp/keeper.h"
#include "source/source_set.h"

namespace qte::daemon {

class Tracer final : private qmp::Host {
 public:
  // Runs a task on the ingest thread; false where there is none.
  using Task = std::function<void(guests::Guests&, const source::SourceSet&)>;
  using Ask = std::function<bool(const Task&)>;

  // What QMP tells of the QEMU that writes a log; called on the keeper's thread, which may Ask. Either may be empty.
  struct Listener {
    // Another QEMU process than before answers, also if the one before was seen by an earlier daemon. It may have
    // logged for up to a minute.
    std::function<void(source::StreamId)> on_new_process;
    // The QEMU process has ended.
    std::function<void(source::StreamId)> on_gone;
  };

  // `saved` is what Save() gave. Nothing is switched on before `caught_up` says that what was there has been read: the
  // log may tell names of disks.
  Tracer(Ask ask, std::function<bool()> caught_up, const nlohmann::json& saved, Listener listener = {});

  // The config in force, before the ingest thread begins or on it.
  void Use(const commands::LoadedConfig& loaded);
  // Begins, if some source of the config names a socket, or did so before.
  void Start();
  // Switches off what is to be so at the exit, and ends the thread. Before the ingest thread ends.
  void Stop();

  // Called on the ingest thread: a log was opened or begins anew; a log was closed.
  void OnBegin(source::StreamId id);
  void OnEnd();

  bool is_used() const { return is_started_; }
  qmp::Keeper::Report report() const { return keeper_.report(); }
  nlohmann::json Save() const { return keeper_.Save(); }
  uint64_t version() const { return keeper_.version(); }

 private:
  // What a config says of QMP.
  struct Plan {
    struct Source {
      std::vector<config::TemplatePiece> socket;  // empty without one
      bool drive_names = true;
      bool switch_off_at_exit = false;
    };
    guests::SourceLabels labels;
    std::vector<Source> sources;
    std::shared_ptr<const qmp::Needs> needs;
  };

  std::optional<std::vector<qmp::Target>> Targets() override;
  std::vector<qmp::Drive> Unknown(const qmp::Target& target, std::vector<qmp::Drive> drives) override;
  std::set<std::string> Unsettled(const std::vector<const qmp::Target*>& targets) override;
  void Expect(const qmp::Target& target, const std::vector<qmp::Probe>& probes) override;
  void OnNewProcess(const qmp::Target& target) override;
  void OnGone(const qmp::Target& target) override;

  const Ask ask_;
  const std::function<bool()> caught_up_;
  const Listener listener_;
  std::optional<Plan> plan_;  // of the ingest thread
  std::atomic<bool> is_wanted_ = false;
  std::atomic<bool> is_started_ = false;
  qmp::Keeper keeper_;  // last: its thread uses all of the above
};

}  // namespace qte::daemon
