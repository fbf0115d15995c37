#include "sshd/listener/carried_state.h"

#include <algorithm>

#include "protocol/core/wire.h"

namespace gatehouse::sshd {
namespace {

constexpr std::string_view magic = "gatehouse-sshd listener 1";
constexpr std::size_t at_most = 1 << 20;  ///< of anything there is a list of

void write_number(WireWriter& writer, std::int64_t number) { writer.uint64(static_cast<std::uint64_t>(number)); }

void write_block(WireWriter& writer, const NetworkBlock& block) { writer.boolean(block.v6).byte(block.prefix).raw(block.octets); }

void write_supervised(WireWriter& writer, const CarriedState::Supervised& process) {
  write_number(writer, process.pid);
  writer.uint32(static_cast<std::uint32_t>(process.descriptors.size()));
  for (const int fd : process.descriptors) write_number(writer, fd);
}

class Reader {
 public:
  explicit Reader(Bytes octets) : wire_(octets) {}
  WireReader& wire() { return wire_; }
  std::int64_t number() { return static_cast<std::int64_t>(wire_.uint64()); }
  int integer() { return static_cast<int>(number()); }
  NetworkBlock block() {
    NetworkBlock block;
    block.v6 = wire_.boolean();
    block.prefix = wire_.byte();
    const Bytes octets = wire_.raw(block.octets.size());
    std::copy(octets.begin(), octets.end(), block.octets.begin());
    return block;
  }
  /// Calls `read` as often as the list says.
  template <class Read>
  void each(Read read) {
    const std::uint32_t count = wire_.uint32();
    bad_ |= count > at_most;
    for (std::uint32_t i = 0; i < count && !bad_ && !wire_.failed(); ++i) read();
  }
  CarriedState::Supervised supervised() {
    CarriedState::Supervised process;
    process.pid = integer();
    each([&] { process.descriptors.push_back(integer()); });
    return process;
  }
  bool finish() const { return !bad_ && wire_.finish(); }

 private:
  WireReader wire_;
  bool bad_ = false;
};

}  // namespace

ByteVector CarriedState::write() const {
  WireWriter writer;
  const auto list = [&writer](const auto& items, auto&& each) {
    writer.uint32(static_cast<std::uint32_t>(items.size()));
    for (const auto& item : items) each(item);
  };
  writer.string(magic).string(configuration);
  list(host_keys, [&](const authorizer::HostKey& host) {
    writer.string(host.key);
    list(host.certificates, [&](const ByteVector& certificate) { writer.string(certificate); });
  });
  write_number(writer, lock);
  write_supervised(writer, signer);
  write_supervised(writer, authorizer);
  list(sockets, [&](const Socket& socket) {
    write_number(writer, socket.fd);
    writer.string(socket.where);
  });
  list(waiting, [&](const Waiting& connection) {
    write_number(writer, connection.fd);
    write_number(writer, connection.since);
    writer.string(connection.identification);
  });
  list(children, [&](const Child& child) {
    write_number(writer, child.pid);
    write_block(writer, child.source);
    writer.string(child.address).boolean(child.starting);
    write_number(writer, child.startup);
  });
  list(penalties, [&](const Penalties::Record& record) {
    write_block(writer, record.source);
    write_number(writer, record.expiry);
    writer.boolean(record.active);
  });
  return writer.take();
}

Result<CarriedState> CarriedState::parse(Bytes octets) {
  Reader reader(octets);
  if (reader.wire().text() != magic) return problem("the state of another version");
  CarriedState state;
  state.configuration = to_vector(reader.wire().string());
  reader.each([&] {
    authorizer::HostKey host;
    host.key = to_vector(reader.wire().string());
    reader.each([&] { host.certificates.push_back(to_vector(reader.wire().string())); });
    state.host_keys.push_back(std::move(host));
  });
  state.lock = reader.integer();
  state.signer = reader.supervised();
  state.authorizer = reader.supervised();
  reader.each([&] {
    const int fd = reader.integer();
    state.sockets.push_back({fd, std::string(reader.wire().text())});
  });
  reader.each([&] {
    const int fd = reader.integer();
    const std::int64_t since = reader.number();
    state.waiting.push_back({fd, since, std::string(reader.wire().text())});
  });
  reader.each([&] {
    Child child;
    child.pid = reader.integer();
    child.source = reader.block();
    child.address = std::string(reader.wire().text());
    child.starting = reader.wire().boolean();
    child.startup = reader.integer();
    state.children.push_back(std::move(child));
  });
  reader.each([&] {
    Penalties::Record record;
    record.source = reader.block();
    record.expiry = reader.number();
    record.active = reader.wire().boolean();
    state.penalties.push_back(record);
  });
  if (!reader.finish()) return problem("the carried state is not whole");
  return state;
}

std::vector<int> CarriedState::descriptors() const {
  std::vector<int> result = {lock};
  result.insert(result.end(), signer.descriptors.begin(), signer.descriptors.end());
  result.insert(result.end(), authorizer.descriptors.begin(), authorizer.descriptors.end());
  for (const Socket& socket : sockets) result.push_back(socket.fd);
  for (const Waiting& connection : waiting) result.push_back(connection.fd);
  for (const Child& child : children) result.push_back(child.startup);
  result.erase(std::remove_if(result.begin(), result.end(), [](int fd) { return fd < 0; }), result.end());
  return result;
}

}  // namespace gatehouse::sshd
