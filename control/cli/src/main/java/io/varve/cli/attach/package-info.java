/**
 * The client side of failover: {@code varve attach} serves a volume as an NBD export on a Unix socket, and below that as a block device, and goes on
 * when the access point dies or moves. {@link io.varve.cli.attach.RemoteVolume} keeps every request until it is answered and sends it again to
 * wherever the volume is open; {@link io.varve.cli.attach.AccessPointSearch} finds out where. The socket's side is the node's own NBD
 * target, over this volume. How it works: docs/internals/nbd.md, "The client side of failover".
 */
@NullMarked
package io.varve.cli.attach;

import org.jspecify.annotations.NullMarked;
