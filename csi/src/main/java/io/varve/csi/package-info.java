/**
 * The driver {@code csi.varve.io} of the Container Storage Interface 1.13: docs/internals/csi.md. Plain sequential code, each call on a virtual thread of
 * its own. {@link io.varve.csi.CsiServer} takes the calls on a Unix socket; {@link io.varve.csi.ControllerCalls} asks the cluster,
 * {@link io.varve.csi.NodeCalls} attaches, formats and mounts on this machine. What they judge is pure: {@link io.varve.csi.Parameters},
 * {@link io.varve.csi.Capabilities}, {@link io.varve.csi.Sizes}, {@link io.varve.csi.MountTable}.
 */
@NullMarked
package io.varve.csi;

import org.jspecify.annotations.NullMarked;
