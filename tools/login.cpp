/// gatehouse login: a certificate into the agent.
#include <fmt/format.h>

#include <ostream>

#include "daemon/audit.h"
#include "protocol/agent/gatehouse_extensions.h"
#include "tools/agent_connection.h"
#include "tools/certificate_text.h"
#include "tools/command.h"
#include "tools/options.h"
#include "tools/profile.h"

namespace gatehouse::tools {

namespace {

/// The CA's own time limits and a slow directory fit in.
constexpr std::chrono::seconds login_timeout{60};

int failed(Streams io, const Problem& why, int status = exit_failed) {
  io.err << "gatehouse login: " << why.line() << '\n';
  return status;
}

std::string summary(const keys::Certificate& certificate, const Profile& profile, std::uint64_t session_end) {
  const keys::CertificateFields& fields = certificate.fields();
  std::string principals;
  for (const std::string& principal : fields.principals) principals += (principals.empty() ? "" : ", ") + escaped(principal);
  const std::uint64_t now = unix_now();
  std::string text = fmt::format("Logged in as {} at {}.\n", escaped(profile.user), profile.ca_url);
  text += fmt::format("  accounts:     {}\n", principals);
  text += fmt::format("  certificate:  serial {}, valid until {} ({})\n", fields.serial, time_text(fields.valid_before),
                      span_text(fields.valid_before > now ? fields.valid_before - now : 0));
  if (session_end > now) text += fmt::format("  renewed:      by the agent, until {}\n", time_text(session_end));
  return text;
}

}  // namespace

int login_command(std::span<const std::string> args, Streams io) {
  po::options_description options;
  options.add(ca_options()).add(identity_options());
  po::options_description more("certificate");
  more.add_options()("role", po::value<std::string>(), "role to ask for (default: the one that the policy picks)")(
      "lifetime", po::value<std::string>(), "shorter than the role's, as 15m or 1h30m")(
      "reason", po::value<std::string>(), "why, for the audit log")("json", "one JSON object");
  options.add(more);
  int status = exit_done;
  const auto given = parse_options("login", "[--ca URL] [--user NAME] [OPTION ...]", options, nullptr, args, io, status);
  if (!given) return status;

  const auto profile = resolve_profile(*given);
  if (!profile) return failed(io, profile.error());
  agent::LoginRequest request;
  if (given->count("lifetime") != 0) {
    const auto lifetime = duration_seconds(text_of(*given, "lifetime"));
    if (!lifetime) {
      io.err << "gatehouse login: --lifetime '" << text_of(*given, "lifetime") << "' is no duration; write 15m or 1h30m\n";
      return exit_usage;
    }
    request.lifetime_seconds = *lifetime;
  }
  auto agent_connection = AgentConnection::open();  // before the password: nobody shall type one in vain
  if (!agent_connection) return failed(io, agent_connection.error());
  auto password = read_password(*given, fmt::format("Password of {} at {}: ", profile->user, profile->ca_url));
  if (!password) return failed(io, password.error());
  request.ca_url = profile->ca_url;
  request.ca_file = profile->ca_file;
  request.user = profile->user;
  request.password = std::move(*password);
  request.role = profile->role;
  request.reason = text_of(*given, "reason");

  const SecretBytes body = agent::write_login_request(request);
  const auto answered = agent_connection->extension(agent::login_name, body.reveal(), login_timeout);
  if (!answered) return failed(io, answered.error());
  const auto answer = agent::parse_login_answer(*answered);
  if (!answer) return failed(io, {"the agent's answer is malformed", {}, "are gatehouse and gatehouse-agent of the same version?"});
  if (answer->outcome != agent::LoginAnswer::Outcome::issued) {
    return failed(io, {answer->problem, {}, {}}, answer->outcome == agent::LoginAnswer::Outcome::refused ? exit_failed : exit_try_later);
  }
  const auto certificate = keys::Certificate::parse(answer->certificate);
  if (!certificate) return failed(io, {"the agent's answer holds no certificate", {}, {}});
  io.out << (given->count("json") != 0 ? certificate_json(*certificate) : summary(*certificate, *profile, answer->session_end));
  return exit_done;
}

int logout_command(std::span<const std::string> args, Streams io) {
  po::options_description options("which log-ins");
  options.add_options()("ca", po::value<std::string>(), "only those at this CA (default: all)");
  int status = exit_done;
  const auto given = parse_options("logout", "[--ca URL]", options, nullptr, args, io, status);
  if (!given) return status;
  auto agent_connection = AgentConnection::open();
  const auto answered =
      agent_connection
          ? agent_connection->extension(agent::logout_name, agent::write_logout_request(text_of(*given, "ca")), std::chrono::seconds(10))
          : Result<ByteVector>(tl::unexpected(agent_connection.error()));
  const auto forgotten = answered ? agent::parse_logout_answer(*answered) : violation(Violation::bad_encoding);
  if (!answered || !forgotten) {
    io.err << "gatehouse logout: " << (answered ? "the agent's answer is malformed" : answered.error().line()) << '\n';
    return exit_failed;
  }
  io.out << "Forgotten: " << *forgotten << (*forgotten == 1 ? " log-in.\n" : " log-ins.\n");
  return exit_done;
}

int status_command(std::span<const std::string> args, Streams io) {
  po::options_description options("output");
  options.add_options()("json", "one JSON object a log-in");
  int status = exit_done;
  const auto given = parse_options("status", "[--json]", options, nullptr, args, io, status);
  if (!given) return status;
  auto agent_connection = AgentConnection::open();
  const auto answered = agent_connection ? agent_connection->extension(agent::status_name, {}, std::chrono::seconds(10))
                                         : Result<ByteVector>(tl::unexpected(agent_connection.error()));
  const auto sessions = answered ? agent::parse_status_answer(*answered) : violation(Violation::bad_encoding);
  if (!answered || !sessions) {
    io.err << "gatehouse status: " << (answered ? "the agent's answer is malformed" : answered.error().line()) << '\n';
    return exit_failed;
  }
  const std::uint64_t now = unix_now();
  for (const agent::SessionStatus& session : *sessions) {
    const auto certificate = keys::Certificate::parse(session.certificate);
    if (!certificate) continue;
    const std::uint64_t end = certificate->fields().valid_before;
    if (given->count("json") != 0) {
      io.out << fmt::format(
          R"({{"ca":{},"user":{},"role":{},"serial":"{}","valid_before":{},"session_end":{},"next_renewal":{},"problem":{}}})"
          "\n",
          json_quoted(session.ca_url), json_quoted(session.user), json_quoted(session.role), certificate->fields().serial, end,
          session.session_end, session.next_renewal, json_quoted(session.last_problem));
      continue;
    }
    io.out << escaped(session.user) << " at " << escaped(session.ca_url) << (session.role.empty() ? "" : ", role " + escaped(session.role))
           << '\n'
           << certificate_text(*certificate, now);
    if (session.next_renewal > now) io.out << "Next renewal:     in " << span_text(session.next_renewal - now) << '\n';
    if (session.session_end > now) io.out << "Session:          ends in " << span_text(session.session_end - now) << '\n';
    if (!session.last_problem.empty()) io.out << "Last problem:     " << escaped(session.last_problem) << '\n';
  }
  if (sessions->empty() && given->count("json") == 0) io.out << "No log-in; gatehouse login gets one.\n";
  return sessions->empty() ? exit_failed : exit_done;
}

}  // namespace gatehouse::tools
