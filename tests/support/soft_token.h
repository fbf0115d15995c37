/// A SoftHSM2 token in a temporary folder, for tests that talk to a real token.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "daemon/unique_fd.h"
#include "pkcs11/client/manage_process.h"

namespace gatehouse::test {

inline void require(bool held, const char* what) {
  if (held) return;
  std::perror(what);
  std::abort();
}

inline std::string run(const std::string& command) {
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  require(pipe != nullptr, "popen");
  std::string output;
  std::array<char, 4096> part{};
  for (std::size_t count; (count = std::fread(part.data(), 1, part.size(), pipe)) > 0;) output.append(part.data(), count);
  if (::pclose(pipe) != 0) {
    std::fprintf(stderr, "%s: %s\n", command.c_str(), output.c_str());
    std::abort();
  }
  return output;
}

inline void write_file(const std::string& path, const std::string& content, mode_t mode = 0600) {
  ::unlink(path.c_str());
  std::ofstream(path) << content;
  require(::chmod(path.c_str(), mode) == 0, path.c_str());
}

inline std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The build's folder: test programs are in tests/bin, what is shipped in bin.
inline std::string build_folder() { return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path().parent_path(); }
inline std::string signer_program() { return build_folder() + "/bin/gatehouse-signer"; }
inline std::string shim_module() { return build_folder() + "/tests/lib/pkcs11_shim.so"; }
inline std::string softhsm_module() { return "/usr/lib/softhsm/libsofthsm2.so"; }

class SoftToken {
 public:
  static constexpr const char* pin = "987654";

  /// Makes the token and points $SOFTHSM2_CONF at it.
  explicit SoftToken(const std::string& label = "lab") : label_(label) {
    std::string name = "/tmp/gatehouse-token-XXXXXX";
    require(::mkdtemp(name.data()) != nullptr, "mkdtemp");
    folder_ = name;
    std::filesystem::create_directory(folder_ + "/objects");
    write_file(folder_ + "/softhsm2.conf",
               "directories.tokendir = " + folder_ + "/objects\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n");
    ::setenv("SOFTHSM2_CONF", (folder_ + "/softhsm2.conf").c_str(), 1);
    add_token(label_);
    write_file(pin_file(), std::string(pin) + "\n", 0400);
  }
  ~SoftToken() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  SoftToken(const SoftToken&) = delete;
  SoftToken& operator=(const SoftToken&) = delete;

  void add_token(const std::string& label) const {
    run("softhsm2-util --init-token --free --label " + label + " --so-pin 12345678 --pin " + std::string(pin));
  }
  /// The token's objects out of the way, and back.
  void take_away() const { std::filesystem::rename(folder_ + "/objects", folder_ + "/elsewhere"); }
  void bring_back() const { std::filesystem::rename(folder_ + "/elsewhere", folder_ + "/objects"); }

  const std::string& folder() const { return folder_; }
  std::string pin_file() const { return folder_ + "/pin"; }
  UniqueFd open_pin() const { return UniqueFd(::open(pin_file().c_str(), O_RDONLY | O_CLOEXEC)); }
  std::string uri(const std::string& key) const { return "pkcs11:token=" + label_ + ";object=" + key; }

  pkcs11::ManageProcess manage(const std::string& module = softhsm_module()) const {
    auto process = pkcs11::ManageProcess::start({signer_program(), module, "pkcs11:token=" + label_, pin_file()});
    if (!process) std::fprintf(stderr, "%s\n", process.error().line().c_str());
    require(process.has_value(), "manage");
    return *std::move(process);
  }
  /// A key by our own tool's way. @return its public key
  keys::PublicKey generate(const std::string& label, keys::KeyType type = keys::KeyType::ecdsa_p256, std::uint32_t rsa_bits = 0) const {
    auto process = manage();
    const auto made = process.client().generate({type, rsa_bits, label, {}});
    if (!made) std::fprintf(stderr, "%s\n", made.error().problem().line().c_str());
    require(made.has_value() && made->key.has_value(), "generate");
    return *made->key;
  }
  /// pkcs11-tool on this token, logged in.
  std::string tool(const std::string& arguments) const {
    return run("pkcs11-tool --module " + softhsm_module() + " --token-label " + label_ + " --login --pin " + pin + " " + arguments);
  }

 private:
  std::string label_;
  std::string folder_;
};

/// What the shim module is to do, and what it saw (tests/shim/pkcs11_shim.cpp).
class Shim {
 public:
  explicit Shim(const std::string& folder) : control_(folder + "/shim.control"), log_(folder + "/shim.log") {
    ::setenv("SHIM_CONTROL", control_.c_str(), 1);
    ::setenv("SHIM_LOG", log_.c_str(), 1);
    ::setenv("SHIM_MODULE", softhsm_module().c_str(), 1);
    order("");
  }
  /// "C_Sign 0x32 1"; several lines are possible.
  void order(const std::string& lines) const {
    write_file(control_ + ".new", lines + "\n");
    std::filesystem::rename(control_ + ".new", control_);
  }
  int calls(const std::string& function) const {
    std::ifstream file(log_);
    int count = 0;
    for (std::string line; std::getline(file, line);) count += line == function ? 1 : 0;
    return count;
  }

 private:
  std::string control_, log_;
};

}  // namespace gatehouse::test
