/**
 * The NBD target: volumes as network block devices, by the NBD protocol document (doc/proto.md of the reference implementation), fixed
 * newstyle. Only translates between the protocol and {@link io.varve.dataplane.volume.Volume}; the protocol's error codes are chosen
 * here. Everything is confined to the loop of the target, which is the loop of its volumes. How it works: docs/internals/nbd.md.
 */
@NullMarked
package io.varve.dataplane.frontend.nbd;

import org.jspecify.annotations.NullMarked;
