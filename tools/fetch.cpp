/// gatehouse trust fetch, gatehouse krl fetch: signed documents of the CA into files that servers and clients read.
#include <fmt/format.h>

#include <filesystem>
#include <functional>
#include <ostream>

#include "ca/api/trust_bundle.h"
#include "protocol/keys/krl.h"
#include "protocol/keys/sshsig.h"
#include "tools/certificate_text.h"
#include "tools/command.h"
#include "tools/options.h"
#include "tools/output_file.h"
#include "tools/profile.h"

namespace gatehouse::tools {

namespace {

constexpr std::size_t max_bundle = 1024 * 1024;

int failed(std::string_view command, Streams io, const Problem& why, int status = exit_failed) {
  io.err << "gatehouse " << command << ": " << why.line() << '\n';
  return status;
}

po::options_description trust_options() {
  po::options_description options("trust");
  options.add_options()("trust", po::value<std::vector<std::string>>()->required(),
                        "fingerprint SHA256:… of the CA's trust key, as its administrator gave it to you; may repeat");
  return options;
}

/// A document that one of the pinned keys signed.
Result<ca::SignedDocument> verified(ca::ClientResult<ca::SignedDocument> fetched, std::string_view name_space,
                                    const std::vector<std::string>& pinned, int& status) {
  if (!fetched) {
    status = fetched.error().try_again_later ? exit_try_later : exit_failed;
    return tl::unexpected(fetched.error().problem);
  }
  if (auto judged = ca::verify_document(*fetched, name_space, pinned); !judged) {
    status = exit_failed;
    return tl::unexpected(judged.error());
  }
  return Result<ca::SignedDocument>(std::move(*fetched));
}

std::string key_lines(const std::vector<keys::PublicKey>& keys, std::string_view before) {
  std::string text;
  for (const keys::PublicKey& key : keys) text += std::string(before) + key.line() + "\n";
  return text;
}

}  // namespace

int trust_fetch_command(std::span<const std::string> args, Streams io) {
  constexpr std::string_view command = "trust fetch";
  po::options_description options;
  options.add(ca_options()).add(trust_options());
  po::options_description files("files, each replaced as a whole");
  files.add_options()("bundle", po::value<std::string>(), "the bundle itself; a later fetch refuses to go back behind its version")(
      "user-ca", po::value<std::string>(), "keys that sign user certificates, for TrustedUserCAKeys")(
      "known-hosts", po::value<std::string>(), "@cert-authority lines, for UserKnownHostsFile")(
      "hosts", po::value<std::string>()->default_value("*"), "host patterns in those lines");
  options.add(files);
  int status = exit_done;
  const auto given = parse_options(command, "--ca URL --trust SHA256:… [OPTION ...]", options, nullptr, args, io, status);
  if (!given) return status;
  const auto profile = resolve_profile(*given);
  if (!profile) return failed(command, io, profile.error());
  auto client = open_client(*profile);
  if (!client) return failed(command, io, client.error());
  const auto pinned = (*given)["trust"].as<std::vector<std::string>>();
  const auto document = verified(client->trust(), keys::sshsig_namespace::trust, pinned, status);
  if (!document) return failed(command, io, document.error(), status);
  const auto bundle = ca::parse_trust_bundle(as_text(document->content));
  if (!bundle) return failed(command, io, bundle.error());
  if (bundle->expires <= unix_now())
    return failed(command, io, {"the CA's trust bundle has expired", profile->ca_url, "is the CA's clock right?"});

  const std::string bundle_path = text_of(*given, "bundle");
  if (!bundle_path.empty() && std::filesystem::exists(bundle_path)) {
    const auto old = read_file(bundle_path, max_bundle);
    if (!old) return failed(command, io, old.error());
    const auto parsed = ca::parse_trust_bundle(as_text(*old));
    if (!parsed)
      return failed(command, io, {"the bundle at hand is damaged: " + parsed.error().what, bundle_path, "remove it to start anew"});
    if (bundle->version < parsed->version) {
      return failed(
          command, io,
          {fmt::format("the CA offers version {}, older than version {} at hand; nothing was replaced", bundle->version, parsed->version),
           bundle_path, "an old copy of the CA may be answering"});
    }
  }
  const auto put = [&](const std::string& path, Bytes content) -> Result<void> {
    return path.empty() ? Result<void>() : replace_file(path, content, 0644);
  };
  const std::string user_ca = key_lines(bundle->user_ca, "");
  const std::string known_hosts = key_lines(bundle->host_ca, "@cert-authority " + text_of(*given, "hosts") + " ");
  for (const auto& [path, content] :
       {std::pair(text_of(*given, "user-ca"), as_bytes(user_ca)), std::pair(text_of(*given, "known-hosts"), as_bytes(known_hosts)),
        std::pair(bundle_path, Bytes(document->content))}) {
    if (auto written = put(path, content); !written) return failed(command, io, written.error());
  }
  io.out << fmt::format("Trust bundle {} of {}: {} user CA, {} host CA, valid until {}\n", bundle->version, escaped(bundle->ca_id),
                        bundle->user_ca.size(), bundle->host_ca.size(), time_text(bundle->expires));
  return exit_done;
}

int krl_fetch_command(std::span<const std::string> args, Streams io) {
  constexpr std::string_view command = "krl fetch";
  po::options_description options;
  options.add(ca_options()).add(trust_options());
  po::options_description files("file");
  files.add_options()("out", po::value<std::string>()->required(), "KRL file, replaced as a whole, for RevokedKeys");
  options.add(files);
  int status = exit_done;
  const auto given = parse_options(command, "--ca URL --trust SHA256:… --out FILE", options, nullptr, args, io, status);
  if (!given) return status;
  const auto profile = resolve_profile(*given);
  if (!profile) return failed(command, io, profile.error());
  auto client = open_client(*profile);
  if (!client) return failed(command, io, client.error());
  auto fetched = client->krl();
  if (!fetched) return failed(command, io, fetched.error().problem, fetched.error().try_again_later ? exit_try_later : exit_failed);
  if (!*fetched) return failed(command, io, {"the CA sent no list", profile->ca_url, {}});
  // The KRL may have a key of its own: those that a bundle signed by a pinned key names count as well.
  auto signers = (*given)["trust"].as<std::vector<std::string>>();
  const auto document = verified(client->trust(), keys::sshsig_namespace::trust, signers, status);
  if (!document) return failed(command, io, document.error(), status);
  const auto bundle = ca::parse_trust_bundle(as_text(document->content));
  if (!bundle) return failed(command, io, bundle.error());
  for (const keys::PublicKey& key : bundle->trust_keys) signers.push_back(key.fingerprint());
  if (auto judged = ca::verify_document(**fetched, keys::sshsig_namespace::krl, signers); !judged)
    return failed(command, io, judged.error());
  const auto krl = keys::Krl::parse((*fetched)->content);
  if (!krl) return failed(command, io, {"the CA's list is malformed: " + krl.error().detail, profile->ca_url, {}});

  const std::string path = text_of(*given, "out");
  if (std::filesystem::exists(path)) {
    const auto old = read_file(path, keys::max_krl_size);
    if (!old) return failed(command, io, old.error());
    const auto parsed = keys::Krl::parse(*old);
    if (parsed && krl->version < parsed->version) {
      return failed(
          command, io,
          {fmt::format("the CA offers version {}, older than version {} at hand; nothing was replaced", krl->version, parsed->version),
           path, "an old copy of the CA may be answering"});
    }
  }
  if (auto written = replace_file(path, (*fetched)->content, 0644); !written) return failed(command, io, written.error());
  io.out << fmt::format("KRL version {} of {}\n", krl->version, time_text(krl->date));
  return exit_done;
}

}  // namespace gatehouse::tools
