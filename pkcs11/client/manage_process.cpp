#include "pkcs11/client/manage_process.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "daemon/pin_source.h"
#include "pkcs11/client/launch.h"

namespace gatehouse::pkcs11 {

namespace {

// An RSA key may take minutes on a slow token.
constexpr SignerClient::Milliseconds patience_for_a_key{600000};

}  // namespace

Result<ManageProcess> ManageProcess::start(const ManageSettings& settings) {
  struct stat about {};
  if (!settings.module.starts_with('/')) return problem("the PKCS#11 module is no absolute path", settings.module);
  if (::stat(settings.module.c_str(), &about) != 0) {
    return problem(std::string("cannot find the PKCS#11 module: ") + std::strerror(errno), settings.module);
  }
  auto pin = open_pin_source(settings.pin_source, ::geteuid());
  if (!pin) return tl::unexpected(pin.error());
  auto program = signer_program(settings.program);
  if (!program) return tl::unexpected(program.error());
  auto ends = FrameSocket::pair();
  if (!ends) return tl::unexpected(ends.error());

  SignerLaunch plan;
  plan.program = *std::move(program);
  plan.arguments = {"--purpose",       "manage",
                    "--module",        settings.module,
                    "--token",         settings.token,
                    "--connection-fd", std::to_string(first_signer_descriptor),
                    "--pin-fd",        std::to_string(first_signer_descriptor + 1)};
  plan.descriptors = {ends->second.fd(), pin->fd()};
  plan.daemon = false;
  const auto child = launch(plan);
  if (!child) return tl::unexpected(child.error());
  return ManageProcess(std::make_unique<SignerClient>(std::move(ends->first), patience_for_a_key), *child);
}

ManageProcess::ManageProcess(ManageProcess&& other) noexcept : client_(std::move(other.client_)), pid_(std::exchange(other.pid_, -1)) {}

ManageProcess::~ManageProcess() {
  client_.reset();
  if (pid_ <= 0) return;
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace gatehouse::pkcs11
