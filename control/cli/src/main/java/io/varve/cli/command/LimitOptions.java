package io.varve.cli.command;

import io.varve.api.LimitChange;
import io.varve.model.IoLimits;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** {@code --iops-limit}, {@code --bandwidth-limit}, {@code --burst}: what the clients of a volume may do at most, the same wherever it can be said. */
final class LimitOptions {
    @Option(
            names = "--iops-limit",
            paramLabel = "N",
            description = {
                "Requests a second, at most, reads and writes together: " + IoLimits.IOPS_ALLOWED + ".",
                "A request of more than 1MiB counts once for each MiB."
            })
    private String iops = "";

    @Option(
            names = "--bandwidth-limit",
            paramLabel = "SIZE/s",
            description = "Bytes a second, at most, reads and writes together: " + IoLimits.BANDWIDTH_ALLOWED
                    + ", for example 100MiB/s.")
    private String bandwidth = "";

    @Option(
            names = "--burst",
            paramLabel = "TIME",
            description = "For how long what was not used is kept, so that it may be caught up at once: "
                    + IoLimits.BURST_ALLOWED + ", which is 1s.")
    private String burst = "";

    /** What was not said is absent. */
    LimitChange value(CommandSpec spec) {
        var change = LimitChange.newBuilder();
        if (!iops.isEmpty()) {
            change.setIops(IoLimits.parseIops(iops)
                    .orElseThrow(() -> wrong(spec, "--iops-limit", iops, IoLimits.IOPS_ALLOWED)));
        }
        if (!bandwidth.isEmpty()) {
            change.setBandwidthBytesPerSecond(IoLimits.parseBandwidth(bandwidth)
                    .orElseThrow(() -> wrong(spec, "--bandwidth-limit", bandwidth, IoLimits.BANDWIDTH_ALLOWED)));
        }
        if (!burst.isEmpty()) {
            change.setBurstMillis(IoLimits.parseBurst(burst)
                    .orElseThrow(() -> wrong(spec, "--burst", burst, IoLimits.BURST_ALLOWED)));
        }
        return change.build();
    }

    private static CommandLine.ParameterException wrong(CommandSpec spec, String option, String value, String allowed) {
        return new CommandLine.ParameterException(
                spec.commandLine(), option + " is '" + value + "'; it can be " + allowed + ".");
    }
}
