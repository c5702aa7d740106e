/**
 * Whole clusters of the real code on one thread, from one seed: docs/internals/simulator.md. {@link io.varve.simulator.Simulate} is the command; a
 * {@link io.varve.simulator.Run} is one cluster from its first start to the last comparison. Uses everything of the data plane and the rules of the
 * metadata; nothing uses it.
 */
@org.jspecify.annotations.NullMarked
package io.varve.simulator;
