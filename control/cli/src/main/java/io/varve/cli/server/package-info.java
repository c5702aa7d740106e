/**
 * The process of a node: configuration, data directory, log, health and metrics, control plane, data plane, and their
 * orderly end. {@link io.varve.cli.server.NodeProcess} reads from top to bottom as a start does.
 */
@NullMarked
package io.varve.cli.server;

import org.jspecify.annotations.NullMarked;
