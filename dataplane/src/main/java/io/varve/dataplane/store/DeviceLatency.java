package io.varve.dataplane.store;

import io.varve.dataplane.metrics.LatencyHistogram;

/** One device of a group, and how long what it was asked took, since the group was opened. */
public record DeviceLatency(String device, LatencyHistogram histogram) {}
