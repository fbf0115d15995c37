#include "ca/api/message_socket.h"

#include <openssl/crypto.h>
#include <poll.h>

#include <algorithm>

#include "protocol/core/wire.h"

namespace gatehouse::ca {
namespace {

using Milliseconds = std::chrono::milliseconds;
constexpr std::size_t piece_size = 256 * 1024;

/// A message longer than a frame goes as its length and then in pieces.
Result<void> send_message(FrameSocket& socket, Bytes message, Milliseconds timeout) {
  if (auto sent = socket.send(WireWriter().uint64(message.size()).view(), timeout); !sent) return sent;
  while (!message.empty()) {
    const Bytes piece = message.first(std::min(piece_size, message.size()));
    if (auto sent = socket.send(piece, timeout); !sent) return sent;
    message = message.subspan(piece.size());
  }
  return {};
}

Result<ByteVector> receive_message(FrameSocket& socket, std::size_t max, Milliseconds timeout) {
  const auto first = socket.receive(timeout);
  if (!first) return tl::unexpected(first.error());
  WireReader head(first->payload);
  const std::uint64_t size = head.uint64();
  if (!head.finish() || size > max) return problem("a message of a bad length", "front and issuer");
  ByteVector message;
  while (message.size() < size) {
    const auto piece = socket.receive(timeout);
    if (!piece) return tl::unexpected(piece.error());
    if (piece->payload.empty() || piece->payload.size() > size - message.size()) {
      return problem("a message longer than it said", "front and issuer");
    }
    message.insert(message.end(), piece->payload.begin(), piece->payload.end());
  }
  return message;
}

Result<void> expect_version(FrameSocket& socket, Milliseconds timeout) {
  const auto frame = socket.receive(timeout);
  if (!frame) return tl::unexpected(frame.error());
  WireReader reader(frame->payload);
  const std::uint32_t version = reader.uint32();
  if (!reader.finish() || version != issuer_protocol_version) {
    return problem("the other process speaks another version of the protocol", "front and issuer", "restart gatehouse-ca");
  }
  return {};
}

ByteVector version_frame() { return WireWriter().uint32(issuer_protocol_version).take(); }

}  // namespace

Result<IssuerConnection> IssuerConnection::connect(const std::string& path, Milliseconds timeout) {
  auto socket = FrameSocket::connect(path, timeout);
  if (!socket) return tl::unexpected(socket.error());
  if (auto sent = socket->send(version_frame(), timeout); !sent) return tl::unexpected(sent.error());
  if (auto agreed = expect_version(*socket, timeout); !agreed) return tl::unexpected(agreed.error());
  return IssuerConnection(std::move(*socket));
}

Result<Answer> IssuerConnection::ask(const Ask& ask, const std::optional<Password>& password, Milliseconds timeout) {
  if (auto sent = send_message(socket_, write_ask(ask), timeout); !sent) return tl::unexpected(sent.error());
  // The password goes in a frame of its own, straight from its place: no buffer of ours keeps a copy.
  if (auto sent = socket_.send(as_bytes(password ? std::string_view(password->user) : std::string_view()), timeout); !sent) {
    return tl::unexpected(sent.error());
  }
  if (password) {
    if (auto sent = socket_.send(password->secret.reveal(), timeout); !sent) return tl::unexpected(sent.error());
  }
  const auto message = receive_message(socket_, max_answer, timeout);
  if (!message) return tl::unexpected(message.error());
  auto answer = parse_issuer_answer(*message);
  if (!answer) return problem(answer.error().detail, "issuer");
  return std::move(*answer);
}

bool IssuerConnection::alive() const {
  pollfd wait{socket_.fd(), POLLIN, 0};  // the issuer never speaks unasked: what can be read is the end
  return socket_.open() && ::poll(&wait, 1, 0) == 0;
}

Result<void> FrontConnection::greet(Milliseconds timeout) {
  if (auto agreed = expect_version(socket_, timeout); !agreed) return agreed;
  return socket_.send(version_frame(), timeout);
}

Result<Question> FrontConnection::next(Milliseconds timeout) {
  const auto message = receive_message(socket_, max_ask, timeout);
  if (!message) return tl::unexpected(message.error());
  auto ask = parse_ask(*message);
  if (!ask) return problem(ask.error().detail, "front");
  const auto user = socket_.receive(timeout);
  if (!user) return tl::unexpected(user.error());
  if (user->payload.size() > Password::max_user) return problem("a user name that is too long", "front");
  Question question{std::move(*ask), std::nullopt};
  if (!user->payload.empty()) {
    auto secret = socket_.receive(timeout);
    if (!secret) return tl::unexpected(secret.error());
    const bool fits = !secret->payload.empty() && secret->payload.size() <= Password::max_size;
    if (fits) question.password = Password{to_string(user->payload), SecretBytes::copy_of(secret->payload)};
    OPENSSL_cleanse(secret->payload.data(), secret->payload.size());
    if (!fits) return problem("a password of a bad length", "front");
  }
  return question;
}

Result<void> FrontConnection::answer(const Answer& answer, Milliseconds timeout) {
  return send_message(socket_, write_issuer_answer(answer), timeout);
}

}  // namespace gatehouse::ca
