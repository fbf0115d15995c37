/// Serves the one client of a signer with purpose manage.
#pragma once

#include "daemon/frame_socket.h"
#include "pkcs11/token/module.h"
#include "pkcs11/token/pin.h"
#include "pkcs11/token/watchdog.h"

namespace gatehouse::pkcs11 {

/// Makes, lists and destroys keys on the token that `token` names, until the client closes the connection.
void manage_keys(FrameSocket client, Module& module, const Uri& token, PinSource& pin, Watchdog& watchdog);

}  // namespace gatehouse::pkcs11
