#include "ca/front/front_process.h"

#include <unistd.h>

#include <array>
#include <memory>

#include "ca/front/https_server.h"
#include "ca/front/pem_file.h"
#include "daemon/log.h"

namespace gatehouse::ca {

int run_front(FrontProcess process) {
  log::set_part("front");
  auto certificate = read_pem_file(process.tls_certificate.fd(), "[listen] tls_certificate");
  auto key = read_pem_file(process.tls_key.fd(), "[listen] tls_key");
  if (!certificate) return log::error("{}", certificate.error().line()), 1;
  if (!key) return log::error("{}", key.error().line()), 1;
  process.tls_certificate.reset();
  process.tls_key.reset();
  HttpsSettings settings;
  settings.certificate_chain = std::string(certificate->reveal_text());
  settings.private_key = std::move(*key);
  settings.max_connections = process.max_connections;
  settings.max_connections_per_address = process.max_connections_per_address;

  // Two pools: a directory or token that hangs holds the second one and keeps nobody from nonces, KRL and health.
  auto quick = std::make_unique<IssuerPool>(IssuerPool::Settings{process.issuer_socket, 4, 1024, std::chrono::seconds(30)});
  auto slow = std::make_unique<IssuerPool>(IssuerPool::Settings{process.issuer_socket, 24, 256, std::chrono::seconds(60)});
  auto server = HttpsServer::open(std::move(process.listener), std::move(settings), *quick, *slow);
  if (!server) return log::error("{}", server.error().line()), 1;
  if (process.ready) {
    const char octet = 1;
    if (::write(process.ready.fd(), &octet, 1) != 1) log::warning("nobody waits for the front to be ready");
    process.ready.reset();
  }
  (*server)->run();
  // The pools first: their threads post into the server.
  slow.reset();
  quick.reset();
  return 0;
}

}  // namespace gatehouse::ca
