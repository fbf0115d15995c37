#include "agent-bridge/renewal/ca_calls.h"

#include "ca/client/ca_client.h"

namespace gatehouse::agent {

namespace {

Result<Issued, CaRefusal> issued_from(const ca::ClientResult<ca::CertificateAnswer>& answer) {
  if (!answer) {
    const ca::ClientError& error = answer.error();
    return tl::unexpected(CaRefusal{error.problem.line(), !error.try_again_later});
  }
  auto certificate = keys::Certificate::parse_line(answer->certificate);
  if (!certificate) return tl::unexpected(CaRefusal{certificate.error().line(), true});
  return Issued{std::move(*certificate), answer->role, answer->session_end.value_or(0)};
}

Result<ca::CaClient, CaRefusal> client_of(const std::string& url, const std::string& ca_file) {
  ca::CaClient::Settings settings;
  settings.url = url;
  settings.ca_file = ca_file;
  auto client = ca::CaClient::open(settings);
  if (!client) return tl::unexpected(CaRefusal{client.error().line(), true});
  return Result<ca::CaClient, CaRefusal>(std::move(*client));
}

}  // namespace

Result<Issued, CaRefusal> log_in(const LoginRequest& request, keys::PrivateKey& key) {
  auto client = client_of(request.ca_url, request.ca_file);
  if (!client) return tl::unexpected(client.error());
  ca::CertificateWish wish;
  wish.role = request.role;
  wish.reason = request.reason;
  if (request.lifetime_seconds != 0) wish.lifetime = std::chrono::seconds(request.lifetime_seconds);
  return issued_from(client->user_certificate(wish, ca::PasswordIdentity{request.user, &request.password}, key));
}

Result<Issued, CaRefusal> renew(const std::string& ca_url, const std::string& ca_file, const keys::Certificate& current,
                                keys::PrivateKey& key) {
  auto client = client_of(ca_url, ca_file);
  if (!client) return tl::unexpected(client.error());
  return issued_from(client->renew(current, key));
}

}  // namespace gatehouse::agent
