#include "sshd/sftp/handles.h"

#include "protocol/core/wire.h"

namespace gatehouse::sshd {

std::string HandleTable::add(OpenObject object) {
  const ByteVector name = WireWriter().uint64(next_++).take();
  std::string handle = to_string(name);
  objects_.emplace(handle, std::move(object));
  return handle;
}

OpenObject* HandleTable::find(std::string_view handle) {
  const auto found = objects_.find(handle);
  return found == objects_.end() ? nullptr : &found->second;
}

OpenFile* HandleTable::file(std::string_view handle) {
  OpenObject* object = find(handle);
  return object == nullptr ? nullptr : std::get_if<OpenFile>(object);
}

OpenDirectory* HandleTable::directory(std::string_view handle) {
  OpenObject* object = find(handle);
  return object == nullptr ? nullptr : std::get_if<OpenDirectory>(object);
}

std::optional<OpenObject> HandleTable::take(std::string_view handle) {
  const auto found = objects_.find(handle);
  if (found == objects_.end()) return std::nullopt;
  std::optional<OpenObject> object(std::move(found->second));
  objects_.erase(found);
  return object;
}

std::optional<OpenObject> HandleTable::take_any() {
  if (objects_.empty()) return std::nullopt;
  return take(std::string(objects_.begin()->first));
}

}  // namespace gatehouse::sshd
