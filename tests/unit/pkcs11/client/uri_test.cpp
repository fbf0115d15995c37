#include "pkcs11/client/uri.h"

#include <gtest/gtest.h>

namespace gatehouse::pkcs11 {
namespace {

TEST(Rfc7512Uri, ReadsThePartsThatNameAKey) {
  const auto uri = Uri::parse(
      "pkcs11:token=My%20token;serial=5a17;manufacturer=ACME;model=X1;object=host%3b1;id=%01%ff;type=private"
      "?module-path=/usr/lib/m.so&pin-source=file:/etc/pin",
      UriNames::key);
  ASSERT_TRUE(uri) << uri.error().line();
  EXPECT_EQ(uri->token, "My token");
  EXPECT_EQ(uri->serial, "5a17");
  EXPECT_EQ(uri->manufacturer, "ACME");
  EXPECT_EQ(uri->model, "X1");
  EXPECT_EQ(uri->object, "host;1");
  EXPECT_EQ(uri->id, (ByteVector{0x01, 0xff}));
  EXPECT_EQ(uri->type, "private");
  EXPECT_EQ(uri->module_path, "/usr/lib/m.so");
  EXPECT_EQ(uri->pin_source, "file:/etc/pin");
}

TEST(Rfc7512Uri, LeavesOutWhatIsNotGiven) {
  const auto uri = Uri::parse("pkcs11:token=lab;object=ca", UriNames::key);
  ASSERT_TRUE(uri);
  EXPECT_FALSE(uri->serial || uri->manufacturer || uri->model || uri->id || uri->type || uri->module_path || uri->pin_source);
}

TEST(Rfc7512Uri, WritesWhatItReads) {
  for (const char* text : {"pkcs11:token=lab;object=ca", "pkcs11:token=a%20b;serial=12;object=x%2Fy;id=%00%ff",
                           "pkcs11:serial=1;id=%41?module-path=/m.so&pin-source=/p", "pkcs11:token=%c3%a4;object=%C3%96"}) {
    const auto first = Uri::parse(text, UriNames::key);
    ASSERT_TRUE(first) << text << ": " << first.error().line();
    const auto second = Uri::parse(first->write(), UriNames::key);
    ASSERT_TRUE(second) << first->write();
    EXPECT_EQ(second->write(), first->write());
    EXPECT_EQ(second->token, first->token);
    EXPECT_EQ(second->object, first->object);
    EXPECT_EQ(second->id, first->id);
  }
}

struct Refused {
  const char* name;
  const char* text;
  const char* words;  ///< in the error
};
class RefusedUri : public testing::TestWithParam<Refused> {};

TEST_P(RefusedUri, SaysWhy) {
  const auto uri = Uri::parse(GetParam().text, UriNames::key);
  ASSERT_FALSE(uri);
  EXPECT_NE(uri.error().line().find(GetParam().words), std::string::npos) << uri.error().line();
}

INSTANTIATE_TEST_SUITE_P(
    Cases, RefusedUri,
    testing::Values(Refused{"Scheme", "file:/x", "pkcs11:"}, Refused{"Empty", "", "pkcs11:"},
                    Refused{"NoToken", "pkcs11:object=ca", "no token"}, Refused{"NoKey", "pkcs11:token=lab", "no key"},
                    Refused{"UnknownAttribute", "pkcs11:token=lab;object=a;colour=red", "colour"},
                    Refused{"VendorAttribute", "pkcs11:token=lab;object=a;x-y=z", "x-y"},
                    Refused{"Twice", "pkcs11:token=lab;token=other;object=a", "twice"},
                    Refused{"TokenTooLong", "pkcs11:token=aaaaaaaaaabbbbbbbbbbccccccccccddd;object=a", "longer than 32"},
                    Refused{"SerialTooLong", "pkcs11:serial=12345678901234567;object=a", "longer than 16"},
                    Refused{"EmptyValue", "pkcs11:token=;object=a", "empty"}, Refused{"NoValue", "pkcs11:token;object=a", "no value"},
                    Refused{"BadEscape", "pkcs11:token=lab;id=%zz", "percent escape"},
                    Refused{"CutEscape", "pkcs11:token=lab;object=a%2", "percent escape"},
                    Refused{"Nul", "pkcs11:token=lab;object=a%00", "NUL"}, Refused{"Blank", "pkcs11:token=la b;object=a", "white space"},
                    Refused{"Fragment", "pkcs11:token=lab;object=a#b", "%23"},
                    Refused{"PinValue", "pkcs11:token=lab;object=a?pin-value=1", "pin-value"},
                    Refused{"PinValueInPath", "pkcs11:token=lab;object=a;pin-value=1", "pin-value"},
                    Refused{"SlotId", "pkcs11:token=lab;object=a;slot-id=1", "slot-id"},
                    Refused{"Library", "pkcs11:token=lab;object=a;library-version=1.0", "library-version"},
                    Refused{"TypeCert", "pkcs11:token=lab;object=a;type=cert", "neither private nor public"},
                    Refused{"TypeBogus", "pkcs11:token=lab;object=a;type=bogus", "not known"},
                    Refused{"TypePublic", "pkcs11:token=lab;object=a;type=public", "public key"},
                    Refused{"ModuleInPath", "pkcs11:token=lab;object=a;module-path=/m", "after the '?'"},
                    Refused{"TokenInQuery", "pkcs11:object=a?token=lab", "before the '?'"},
                    Refused{"RelativeModule", "pkcs11:token=lab;object=a?module-path=m.so", "not absolute"},
                    Refused{"PinSourceCommand", "pkcs11:token=lab;object=a?pin-source=%7Ccat%20/x", "pin-source"},
                    Refused{"PinSourceRelative", "pkcs11:token=lab;object=a?pin-source=file:pin", "pin-source"}),
    [](const auto& refused) { return std::string(refused.param.name); });

TEST(Rfc7512Uri, ATokenNeedsNoKey) {
  EXPECT_TRUE(Uri::parse("pkcs11:token=lab", UriNames::token));
  EXPECT_FALSE(Uri::parse("pkcs11:manufacturer=x", UriNames::token));
}

TEST(Rfc7512Uri, IsBounded) { EXPECT_FALSE(Uri::parse("pkcs11:token=lab;object=" + std::string(5000, 'a'), UriNames::key)); }

}  // namespace
}  // namespace gatehouse::pkcs11
