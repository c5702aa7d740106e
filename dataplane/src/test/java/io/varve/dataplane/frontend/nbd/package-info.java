/** Proves the NBD target over a volume in memory: sequences of the protocol, hostile clients, real clients, fuzzing. */
@NullMarked
package io.varve.dataplane.frontend.nbd;

import org.jspecify.annotations.NullMarked;
