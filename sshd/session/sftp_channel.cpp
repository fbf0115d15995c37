#include "sshd/session/sftp_channel.h"

#include <algorithm>

namespace gatehouse::sshd {

std::optional<std::string_view> internal_sftp_arguments(std::string_view command) {
  constexpr std::string_view name = "internal-sftp";
  if (command.substr(0, name.size()) != name) return std::nullopt;
  const std::string_view rest = command.substr(name.size());
  if (!rest.empty() && rest.front() != ' ' && rest.front() != '\t') return std::nullopt;
  return rest;
}

Result<SftpChannel> SftpChannel::start(connection::Connection& connection, connection::ChannelId id, std::string_view arguments,
                                       const Account& account) {
  auto options = parse_sftp_options(arguments, account.name, account.home);
  if (!options) return tl::unexpected(options.error());
  auto worker = SftpWorker::start(std::move(*options), account.home);
  if (!worker) return tl::unexpected(worker.error());
  return SftpChannel(connection, id, std::move(*worker));
}

bool SftpChannel::data(Bytes octets) {
  octets_in_ += octets.size();
  not_credited_ += octets.size();
  return worker_.feed(octets);
}

void SftpChannel::pump(MonitorRequests& monitor, std::size_t budget) {
  worker_.acknowledge();
  for (const SftpFact& fact : worker_.take_facts()) {
    message::SftpOperation told;
    told.channel = static_cast<std::uint32_t>(id_);
    told.operation = sftp_fact_word(fact.kind);
    told.path = fact.path;
    told.other_path = fact.other_path;
    told.for_writing = fact.for_writing;
    told.octets_read = fact.bytes_read;
    told.octets_written = fact.bytes_written;
    told.error = static_cast<std::uint32_t>(fact.error);
    monitor.tell(told);
  }
  std::size_t passed = 0;
  while (passed < budget) {
    const std::size_t room = connection_->room(id_);
    if (room == 0) break;
    if (waiting_.empty()) waiting_ = worker_.take_output(std::min(room, budget - passed));
    if (waiting_.empty()) break;
    const std::size_t count = connection_->write(id_, waiting_);
    if (count == 0) break;
    passed += count;
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
  }
  octets_out_ += passed;
  if (not_credited_ > 0 && worker_.wants_input()) {
    connection_->consumed(id_, not_credited_);
    not_credited_ = 0;
  }
}

}  // namespace gatehouse::sshd
