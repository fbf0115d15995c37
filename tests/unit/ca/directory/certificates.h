/// X.509 certificates for a directory server of a test.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <string>

namespace gatehouse::test {

struct X509Free {
  void operator()(X509* p) const { X509_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
};
using X509Owner = std::unique_ptr<X509, X509Free>;
using KeyOwner = std::unique_ptr<EVP_PKEY, X509Free>;

struct Identity {
  X509Owner certificate;
  KeyOwner key;
};

/// @param issuer  null: signs itself
/// @param names  "IP:127.0.0.1,DNS:localhost"; empty: an authority
/// @param from, to  seconds from now
inline Identity make_identity(const Identity* issuer, const std::string& common_name, const std::string& names, long from, long to) {
  static long serial = 1;
  Identity made{X509Owner(X509_new()), KeyOwner(EVP_EC_gen("P-256"))};
  X509* x = made.certificate.get();
  X509_set_version(x, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
  X509_gmtime_adj(X509_getm_notBefore(x), from);
  X509_gmtime_adj(X509_getm_notAfter(x), to);
  X509_set_pubkey(x, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(common_name.c_str()), -1,
                             -1, 0);
  X509* above = issuer == nullptr ? x : issuer->certificate.get();
  X509_set_issuer_name(x, X509_get_subject_name(above));
  const auto extend = [&](int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, above, x, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
  };
  extend(NID_basic_constraints, names.empty() ? "critical,CA:TRUE" : "critical,CA:FALSE");
  extend(NID_key_usage, names.empty() ? "critical,keyCertSign" : "critical,digitalSignature");
  if (!names.empty()) extend(NID_subject_alt_name, names);
  X509_sign(x, issuer == nullptr ? made.key.get() : issuer->key.get(), EVP_sha256());
  return made;
}

inline void write_certificate(const Identity& identity, const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  PEM_write_X509(file, identity.certificate.get());
  std::fclose(file);
}

inline void write_key(const Identity& identity, const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  PEM_write_PrivateKey(file, identity.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(file);
}

}  // namespace gatehouse::test
