#include "ca/directory/deadline_io.h"

#include <poll.h>

#include <cerrno>

namespace gatehouse::ca {

namespace {

using Deadline = std::chrono::steady_clock::time_point;

int set_up(Sockbuf_IO_Desc* layer, void* deadline) {
  layer->sbiod_pvt = deadline;
  return 0;
}
int nothing(Sockbuf_IO_Desc*) { return 0; }
int control(Sockbuf_IO_Desc* layer, int option, void* argument) { return LBER_SBIOD_CTRL_NEXT(layer, option, argument); }

bool ready(Sockbuf_IO_Desc* layer, short events) {
  ber_socket_t fd = -1;
  if (ber_sockbuf_ctrl(layer->sbiod_sb, LBER_SB_OPT_GET_FD, &fd) < 0) {
    errno = EBADF;
    return false;
  }
  for (;;) {
    const auto& deadline = *static_cast<const Deadline*>(layer->sbiod_pvt);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd waiting{fd, events, 0};
    const int count = left.count() <= 0 ? 0 : ::poll(&waiting, 1, static_cast<int>(left.count()));
    if (count > 0) return true;
    if (count < 0 && errno == EINTR) continue;
    if (count == 0) errno = ETIMEDOUT;  // not EAGAIN, which TLS would try again
    return false;
  }
}

ber_slen_t read(Sockbuf_IO_Desc* layer, void* buffer, ber_len_t size) {
  return ready(layer, POLLIN) ? LBER_SBIOD_READ_NEXT(layer, buffer, size) : -1;
}
ber_slen_t write(Sockbuf_IO_Desc* layer, void* buffer, ber_len_t size) {
  return ready(layer, POLLOUT) ? LBER_SBIOD_WRITE_NEXT(layer, buffer, size) : -1;
}

Sockbuf_IO deadline_layer{set_up, nothing, control, read, write, nothing};

}  // namespace

bool add_deadline(Sockbuf* buffer, const std::chrono::steady_clock::time_point* deadline) {
  return ber_sockbuf_add_io(buffer, &deadline_layer, LBER_SBIOD_LEVEL_PROVIDER + 1, const_cast<Deadline*>(deadline)) == 0;
}

}  // namespace gatehouse::ca
