/// A server that speaks as much LDAP as a test tells it to.
#pragma once

#include <netinet/tcp.h>
#include <poll.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>

#include "protocol/core/bytes.h"
#include "tests/unit/ca/directory/real_slapd.h"

namespace gatehouse::test {

/// Definite-length BER (X.690), as much as LDAP needs.
inline std::string ber(int tag, const std::string& content) {
  std::string out(1, static_cast<char>(tag));
  if (content.size() < 128) {
    out.push_back(static_cast<char>(content.size()));
  } else {
    out += {static_cast<char>(0x82), static_cast<char>(content.size() >> 8), static_cast<char>(content.size())};
  }
  return out + content;
}

/// RFC 4511: the response of an operation. @param more  what follows the diagnostic message
inline std::string ldap_result(int tag, int code, const std::string& text = {}, const std::string& more = {}) {
  return ber(tag, ber(0x0a, std::string(1, static_cast<char>(code))) + ber(0x04, "") + ber(0x04, text) + more);
}
inline std::string search_entry(const std::string& dn, const std::vector<std::pair<std::string, std::string>>& attributes) {
  std::string list;
  for (const auto& [name, value] : attributes) list += ber(0x30, ber(0x04, name) + ber(0x31, ber(0x04, value)));
  return ber(0x64, ber(0x04, dn) + ber(0x30, list));
}
inline std::string search_reference(const std::string& url) { return ber(0x73, ber(0x04, url)); }

/// Tags of requests.
enum : int { bind_request = 0x60, unbind_request = 0x42, search_request = 0x63, extended_request = 0x77, abandon_request = 0x50 };

class FakeServer {
 public:
  /// What to say to the n-th request (from 0) of a connection: protocol operations, each to be wrapped in an envelope; an empty list:
  /// nothing. `hang_up` may be set.
  using Script = std::function<std::vector<std::string>(int number, int tag, const std::string& request, bool& hang_up)>;

  explicit FakeServer(Script script) : script_(std::move(script)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in name = loopback_address("127.0.0.1", 0);
    socklen_t size = sizeof name;
    ::bind(listener_, reinterpret_cast<sockaddr*>(&name), size);
    ::listen(listener_, 16);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&name), &size);
    port_ = ntohs(name.sin_port);
    accepting_ = std::thread([this] { accept_all(); });
  }
  ~FakeServer() {
    stopping_ = true;
    accepting_.join();
    for (auto& thread : threads_) thread.join();
    ::close(listener_);
  }
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  std::string url(const std::string& scheme = "ldap") const { return scheme + "://127.0.0.1:" + std::to_string(port_); }
  int connections() const { return connections_; }
  /// All octets that came in.
  std::string heard() const {
    const std::lock_guard lock(mutex_);
    return heard_;
  }

 private:
  bool readable(int fd) const {
    while (!stopping_) {
      pollfd waiting{fd, POLLIN, 0};
      if (::poll(&waiting, 1, 20) > 0) return true;
    }
    return false;
  }
  void accept_all() {
    while (readable(listener_)) {
      const int fd = ::accept(listener_, nullptr, nullptr);
      if (fd < 0) continue;
      ++connections_;
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      threads_.emplace_back([this, fd] {
        serve(fd);
        ::close(fd);
      });
    }
  }
  void serve(int fd) {
    std::string buffer;
    int number = 0;
    while (readable(fd)) {
      char chunk[4096];
      const ssize_t count = ::recv(fd, chunk, sizeof chunk, 0);
      if (count <= 0) return;
      buffer.append(chunk, static_cast<std::size_t>(count));
      {
        const std::lock_guard lock(mutex_);
        heard_.append(chunk, static_cast<std::size_t>(count));
      }
      for (;;) {
        // LDAPMessage ::= SEQUENCE { messageID INTEGER, protocolOp … }
        std::size_t header = 2, length = 0;
        if (buffer.size() < 2) break;
        length = static_cast<std::uint8_t>(buffer[1]);
        if (length >= 0x80) {
          const std::size_t digits = length & 0x7f;
          if (buffer.size() < 2 + digits) break;
          length = 0;
          for (std::size_t i = 0; i < digits; ++i) length = length << 8 | static_cast<std::uint8_t>(buffer[2 + i]);
          header += digits;
        }
        if (buffer[0] != 0x30) return;  // a TLS ClientHello, or nonsense
        if (buffer.size() < header + length) break;
        const std::string message = buffer.substr(header, length);
        buffer.erase(0, header + length);
        const auto id_size = static_cast<std::size_t>(message[1]);
        const std::string id = message.substr(0, 2 + id_size);
        const int tag = static_cast<std::uint8_t>(message[2 + id_size]);
        if (tag == unbind_request) return;
        bool hang_up = false;
        for (const auto& operation : script_(number, tag, message, hang_up)) {
          const std::string out = ber(0x30, id + operation);
          if (::send(fd, out.data(), out.size(), MSG_NOSIGNAL) < 0) return;
        }
        if (hang_up) return;
        ++number;
      }
    }
  }

  Script script_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> connections_ = 0;
  mutable std::mutex mutex_;
  std::string heard_;
  std::thread accepting_;
  std::vector<std::thread> threads_;
};

}  // namespace gatehouse::test
