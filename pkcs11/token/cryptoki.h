/// The PKCS#11 2.40 interface, as p11-kit's header declares it.
#pragma once

#include <p11-kit/pkcs11.h>
