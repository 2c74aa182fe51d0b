/* SPDX-License-Identifier: Apache-2.0 */
/* <rte_flow_driver.h> is packaged but includes this header, which is not.
 * The folder 'sdk' is on the include path only where the real one is not. */
#include "../simnic-abi.h"
