#include "ca/api/json.h"

#include <gtest/gtest.h>

namespace gatehouse::ca {
namespace {

std::string mistake_in(std::string_view text) {
  const auto object = parse_json_object(text, "body");
  return object ? "" : object.error().what;
}

TEST(Json, ReadsMembersOfEveryKind) {
  const auto object = parse_json_object(R"({"a":"x","b":[1,-2,3.5,18446744073709551615],"c":{"d":true,"e":null}})", "body");
  ASSERT_TRUE(object);
  ASSERT_EQ(object->size(), 3U);
  const auto& list = std::get<JsonArray>((*object)[1].value.content);
  EXPECT_EQ(std::get<std::uint64_t>(list[3].content), 18446744073709551615U);
  EXPECT_EQ(std::get<std::int64_t>(list[1].content), -2);
}

// Boost.JSON's own value would keep the last one, and what was checked would not be what is used.
TEST(Json, RefusesAMemberTwice) {
  EXPECT_NE(mistake_in(R"({"role":"a","role":"b"})").find("twice"), std::string::npos);
  EXPECT_NE(mistake_in(R"({"x":{"role":"a","role":"b"}})").find("twice"), std::string::npos);
}

TEST(Json, RefusesAMemberTwiceWhenEscapesHideIt) {
  EXPECT_NE(mistake_in("{\"role\":\"a\",\"r\\u006fle\":\"b\"}").find("twice"), std::string::npos);
}

TEST(Json, TakesTheSameNameInDifferentObjects) { EXPECT_EQ(mistake_in(R"({"a":{"n":1},"b":{"n":2},"n":3})"), ""); }

TEST(Json, RefusesWhatIsNoSingleObject) {
  for (const char* text : {"", "[]", "1", "null", "{", "{\"a\":1", "{} {}", "{}x", "{\"a\":1,}", "{a:1}", "{'a':1}", "\xef\xbb\xbf{}",
                           "{\"a\":\"\xff\"}", "{\"a\":\"\\ud800\"}", "// x\n{}"}) {
    EXPECT_NE(mistake_in(text), "") << text;
  }
}

TEST(Json, BoundsDepthAndCount) {
  EXPECT_NE(mistake_in("{\"a\":" + std::string(10, '[') + std::string(10, ']') + "}"), "");
  std::string many = "{\"a\":[0";
  for (int i = 0; i < 5000; ++i) many += ",0";
  EXPECT_NE(mistake_in(many + "]}"), "");
  EXPECT_NE(mistake_in("{\"" + std::string(300, 'k') + "\":1}"), "");
}

TEST(JsonReader, RefusesUnknownMembers) {
  const auto object = parse_json_object(R"({"a":"x","extra":1})", "body");
  JsonReader reader(*object, "body");
  EXPECT_EQ(reader.text("a", 10), "x");
  const auto done = reader.finish();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().what, "member \"extra\" is not known");
}

TEST(JsonReader, SkipsUnknownMembersOnRequest) {
  const auto object = parse_json_object(R"({"a":"x","extra":1})", "body");
  JsonReader reader(*object, "body");
  reader.ignore_unknown();
  reader.text("a", 10);
  EXPECT_TRUE(reader.finish());
}

TEST(JsonReader, KeepsTheFirstMistake) {
  const auto object = parse_json_object(R"({"a":1})", "body");
  JsonReader reader(*object, "body");
  EXPECT_EQ(reader.text("a", 10), "");
  EXPECT_EQ(reader.text("b", 10), "");
  EXPECT_EQ(reader.finish().error().what, "member \"a\" must be a string");
}

TEST(JsonReader, RefusesControlCharactersAndLength) {
  const auto object = parse_json_object("{\"nul\":\"a\\u0000b\",\"newline\":\"a\\nb\",\"long\":\"aaaa\",\"empty\":\"\"}", "body");
  ASSERT_TRUE(object);
  for (const char* name : {"nul", "newline", "long", "empty"}) {
    JsonReader reader(*object, "body");
    reader.ignore_unknown();
    EXPECT_EQ(reader.text(name, 3), "") << name;
    EXPECT_FALSE(reader.finish()) << name;
  }
  JsonReader reader(*object, "body");
  reader.ignore_unknown();
  EXPECT_EQ(reader.lines("newline", 3), "a\nb");
  EXPECT_TRUE(reader.finish());
}

TEST(JsonReader, ReadsSerialsAsTexts) {
  const auto object = parse_json_object(R"({"s":"18446744073709551615","n":5})", "body");
  JsonReader reader(*object, "body");
  EXPECT_EQ(reader.serial("s"), 18446744073709551615U);
  EXPECT_EQ(reader.number("n", 10), 5U);
  EXPECT_TRUE(reader.finish());
}

TEST(JsonReader, RefusesNumbersOutOfBounds) {
  const auto object = parse_json_object(R"({"a":-1,"b":11,"c":1.5,"d":"5"})", "body");
  for (const char* name : {"a", "b", "c", "d"}) {
    JsonReader reader(*object, "body");
    reader.ignore_unknown();
    EXPECT_EQ(reader.number(name, 10), 0U);
    EXPECT_FALSE(reader.finish()) << name;
  }
}

TEST(Decimal, RefusesSignsZerosAndOverflow) {
  EXPECT_EQ(parse_decimal("0"), 0U);
  EXPECT_EQ(parse_decimal("18446744073709551615"), 18446744073709551615U);
  for (const char* text : {"", "+1", "-1", " 1", "01", "1 ", "18446744073709551616", "99999999999999999999", "1e3", "0x1"}) {
    EXPECT_FALSE(parse_decimal(text)) << text;
  }
}

TEST(JsonWriter, EscapesWhatItIsGiven) {
  EXPECT_EQ(JsonWriter().text("a", "x\"\\\n").number("b", 5).boolean("c", true).texts("d", {"1", "2"}).take(),
            R"({"a":"x\"\\\u000a","b":5,"c":true,"d":["1","2"]})");
  EXPECT_EQ(JsonWriter().take(), "{}");
}

}  // namespace
}  // namespace gatehouse::ca
