/// The random generator across fork().
#pragma once

namespace gatehouse {

/// First act of a forked child: OpenSSL 3.0 notices a fork by getpid() alone, so two children that are pid 1 of two PID namespaces would
/// draw the same octets. Reseeds the public and private generators from the kernel; ends the process when that fails.
void reseed_after_fork();

}  // namespace gatehouse
