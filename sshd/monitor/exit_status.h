/// How a monitor ends, for the listener, which punishes sources by it. A monitor's exit status says nothing else.
#pragma once

namespace gatehouse::sshd {

enum class MonitorExit : int {
  done = 0,                      ///< logged in and out again, or nothing that deserves a penalty
  failed = 1,                    ///< something of ours did not work
  grace_exceeded = 3,            ///< LoginGraceTime ended first
  child_crashed = 4,             ///< the process that reads the peer's octets died of a signal
  failed_authentication = 5,     ///< tried and was refused
  refused_by_configuration = 6,  ///< RefuseConnection
  unknown_user = 7,              ///< tried as somebody who does not exist
  no_key_exchange = 8,           ///< went away before the first key exchange was finished
};

}  // namespace gatehouse::sshd
